// OptionSet: the effective value of every option and where it came from.
//
// Layers: default, file, command line; a higher one wins whatever the order of the calls, and within
// one layer the last call wins. A value is checked when it is set. Values are trimmed unless
// skip_trim_options is set. Not thread-safe: filled by one thread, then only read.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options/option_table.h"
#include "ossfs2/status.h"

namespace ossfs2 {

enum class OptionLayer : uint8_t { kDefault, kFile, kCommandLine };

class OptionSet {
 public:
  static constexpr double kSecondsMax = 1e9;

  // Errors (EINVAL, without the origin): unknown name with the nearest one, refused option with the
  // reason, bad value with what is allowed.
  Status Set(std::string_view name, std::string_view value, std::string_view origin, OptionLayer layer);
  // Unknown names that are ignored with a notice (--undefok, mount -s).
  void Ignore(std::string_view name) { ignored_.insert(std::string(name)); }
  void IgnoreAllUnknown() { ignore_all_ = true; }

  // As `other` has it, whatever the layers say. `name` is a name of the table.
  void TakeFrom(const OptionSet& other, std::string_view name);
  // Whether both mean the same: 1g and 1024m do.
  bool IsSame(const OptionSet& other, const OptionSpec& spec) const;

  // True when a file or the command line gave a value. `name` is a name of the table.
  bool IsSet(std::string_view name) const { return values_.count(name) != 0; }
  std::string Text(std::string_view name) const;
  bool Bool(std::string_view name) const;
  int64_t Int(std::string_view name) const;
  uint64_t Size(std::string_view name) const;
  // At most kSecondsMax: people write 2147483647 and more for "for ever", and clocks count in nanoseconds.
  double Seconds(std::string_view name) const;
  uint32_t Mode(std::string_view name) const;
  // "default", "command line", "/etc/ossfs2.conf:3".
  std::string Origin(std::string_view name) const;

  void AddNotice(std::string text);
  // What a user should know but that does not stop the mount; each once, in order.
  const std::vector<std::string>& notices() const { return notices_; }
  // On stderr: what was passed over may be why something is missing.
  void TellNotices() const;

 private:
  struct Value {
    std::string text;
    std::string origin;
    OptionLayer layer;
  };
  Error UnknownName(std::string_view name) const;

  std::map<std::string, Value, std::less<>> values_;
  std::set<std::string, std::less<>> ignored_;
  bool ignore_all_ = false;
  std::vector<std::string> notices_;
};

// Without blanks and control characters at both ends.
std::string_view Trim(std::string_view text);

}  // namespace ossfs2
