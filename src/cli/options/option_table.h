// OptionSpec, OptionTable: every option of ossfs2 in ONE table.
//
// What it is: name, type, default, range, group and effect of each option, the existing client's and
// ours. Parsing, validation, --help, docs/configuration.md, the man page and the shell completion are made
// from it; nothing else names an option except cli/settings, which gives each value to its layer.
// Threads: constant data. Errors: of CheckValue, one sentence with what is allowed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

enum class OptionType : uint8_t { kBool, kInt, kSize, kSeconds, kRatio, kMode, kText, kChoice };
enum class OptionGroup : uint8_t {
  kBucket,
  kCredentials,
  kMetadata,
  kDataCache,
  kPrefetch,
  kUpload,
  kRandomWrite,
  kRename,
  kObject,
  kMount,
  kNetwork,
  kOperation,
};
inline constexpr int kOptionGroups = 12;
enum class OptionKind : uint8_t { kPublic, kExperimental, kHidden };
// What happens with a value: it works; it is accepted and a notice says why nothing changes; or the
// mount is refused with the reason in `note`.
enum class OptionSupport : uint8_t { kWorks, kNotice, kRefused };

struct OptionSpec {
  static constexpr int64_t kNoBound = std::numeric_limits<int64_t>::min();

  std::string_view name;
  OptionType type = OptionType::kText;
  std::string_view default_value;
  int64_t min = kNoBound;  // numbers and sizes; the unit of the value
  int64_t max = kNoBound;
  std::string_view choices;  // kChoice: "a|b|c"
  std::string_view unit;     // "s", "ms", "bytes" ...: for the texts
  OptionGroup group = OptionGroup::kBucket;
  OptionKind kind = OptionKind::kPublic;
  OptionSupport support = OptionSupport::kWorks;
  std::string_view since = "3.0.0";  // version of the existing client ("-": unknown); 3.0.0: ours
  std::string_view effect;
  std::string_view note;   // why it is refused, or why it changes nothing
  std::string_view alias;  // one other name
  bool secret = false;     // never shown
  bool runtime = false;    // `ossfs2 set` can change it
};

std::span<const OptionSpec> OptionTable();
// By name or alias, '-' for '_' allowed; nullptr when unknown.
const OptionSpec* FindOption(std::string_view name);
// The known name most like `name`, or empty when none is near.
std::string_view NearestOption(std::string_view name);
// Distance of insertions, deletions, substitutions and swaps of neighbours; texts up to 64 bytes.
size_t EditDistance(std::string_view a, std::string_view b);

// OK when `value` is allowed; the error says what is.
Status CheckValue(const OptionSpec& spec, std::string_view value);
// The choice as the table writes it; people write it in any case. Nothing when it is none.
std::optional<std::string_view> FindChoice(const OptionSpec& spec, std::string_view value);
// true/false, yes/no, t/f, y/n, 1/0 in any case (as gflags).
Result<bool> ParseBool(std::string_view text);
// Decimal integer with sign.
Result<int64_t> ParseInt(std::string_view text);
// The range for people: "1..4096", ">= 0", "info|debug"; empty when everything is allowed.
std::string RangeText(const OptionSpec& spec);
std::string_view TypeText(OptionType type);
std::string_view GroupTitle(OptionGroup group);
// Shown in --help: public and not refused.
bool ShownInHelp(const OptionSpec& spec);

}  // namespace ossfs2
