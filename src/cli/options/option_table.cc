#include "cli/options/option_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/values/size.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/option_rows.h"

namespace ossfs2 {
namespace {

Error BadValue(const OptionSpec& spec, std::string_view value, std::string_view allowed) {
  const std::string shown = spec.secret ? "its value" : StrCat("\"", value, "\"");
  return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(spec.name, ": ", shown, " is not ", allowed));
}

bool InRange(const OptionSpec& spec, int64_t value) {
  return (spec.min == OptionSpec::kNoBound || value >= spec.min) &&
         (spec.max == OptionSpec::kNoBound || value <= spec.max);
}

// What a value of that type and range looks like, for errors.
std::string AllowedText(const OptionSpec& spec, std::string_view what) {
  const std::string range = RangeText(spec);
  return range.empty() ? std::string(what) : StrCat(what, " (", range, ")");
}

bool IsMode(std::string_view value) {
  return value.size() == 4 && value[0] == '0' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '7'; });
}

// "512 MiB" for sizes of whole units, digits otherwise.
std::string BoundText(const OptionSpec& spec, int64_t bound) {
  if (spec.type != OptionType::kSize || bound < 1024) return StrCat(bound);
  static constexpr std::array<const char*, 5> kUnits = {"", " KiB", " MiB", " GiB", " TiB"};
  size_t unit = 0;
  int64_t rest = bound;
  while (rest % 1024 == 0 && unit + 1 < kUnits.size()) {
    rest /= 1024;
    ++unit;
  }
  return unit == 0 || rest > 9999 ? FormatSize(static_cast<uint64_t>(bound)) : StrCat(rest, kUnits[unit]);
}

}  // namespace

std::span<const OptionSpec> OptionTable() { return OptionRows(); }

const OptionSpec* FindOption(std::string_view name) {
  std::string wanted(name);
  std::replace(wanted.begin(), wanted.end(), '-', '_');
  for (const OptionSpec& spec : OptionRows()) {
    if (spec.name == wanted || (!spec.alias.empty() && spec.alias == wanted)) return &spec;
  }
  return nullptr;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  constexpr size_t kMax = 64;
  a = a.substr(0, kMax);
  b = b.substr(0, kMax);
  std::array<std::array<size_t, kMax + 1>, kMax + 1> cost{};
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({change, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string_view NearestOption(std::string_view name) {
  // Of ossfs 1.x.
  if (name == "url") return "oss_endpoint";
  if (name == "umask") return "file_mode";
  if (name == "mp_umask") return "dir_mode";
  if (name == "public_bucket") return "anonymous";
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  const auto consider = [&](std::string_view candidate) {
    if (candidate.size() < 3) return;  // f and d are near to everything short
    size_t distance = EditDistance(name, candidate);
    // A forgotten or doubled "oss_" and a name broken off are near, whatever their length.
    if (name.size() >= 4 && (candidate.find(name) != std::string_view::npos))
      distance = std::min<size_t>(distance, 2);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  };
  for (const OptionSpec& spec : OptionRows()) {
    consider(spec.name);
    if (!spec.alias.empty()) consider(spec.alias);
  }
  return best;
}

Result<bool> ParseBool(std::string_view text) {
  const std::string lower = LowerCase(text);
  for (const char* yes : {"true", "t", "yes", "y", "1"})
    if (lower == yes) return true;
  for (const char* no : {"false", "f", "no", "n", "0"})
    if (lower == no) return false;
  return MakeError(EINVAL, ErrorKind::kInvalid, StrCat("\"", text, "\" is neither true nor false"));
}

Result<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size())
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat("\"", text, "\" is not a whole number"));
  return value;
}

namespace {

Result<double> ParseDecimal(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = strtod(copy.c_str(), &end);
  const bool digits_only = copy.find_first_not_of("0123456789.-") == std::string::npos;
  if (copy.empty() || end != copy.c_str() + copy.size() || !digits_only)
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat("\"", text, "\" is not a number"));
  return value;
}

Status CheckSize(const OptionSpec& spec, std::string_view value) {
  const auto size = ParseSize(value);
  if (!size || *size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
      !InRange(spec, static_cast<int64_t>(*size)))
    return BadValue(spec, value, AllowedText(spec, "a size such as 512m or 8GiB"));
  return {};
}

Status CheckDecimal(const OptionSpec& spec, std::string_view value) {
  const auto number = ParseDecimal(value);
  const bool ratio = spec.type == OptionType::kRatio;
  if (!number || (ratio && (*number <= 0 || *number >= 1)))
    return BadValue(spec, value,
                    ratio ? "a number between 0 and 1" : AllowedText(spec, "a number of seconds"));
  const double min = spec.min == OptionSpec::kNoBound ? *number : static_cast<double>(spec.min);
  const double max = spec.max == OptionSpec::kNoBound ? *number : static_cast<double>(spec.max);
  if (*number < min || *number > max) return BadValue(spec, value, AllowedText(spec, "a number of seconds"));
  return {};
}

}  // namespace

std::optional<std::string_view> FindChoice(const OptionSpec& spec, std::string_view value) {
  const std::string wanted = LowerCase(value);
  for (std::string_view choices = spec.choices; !choices.empty();) {
    const size_t bar = choices.find('|');
    const std::string_view choice = choices.substr(0, bar);
    if (LowerCase(choice) == wanted) return choice;
    choices = bar == std::string_view::npos ? "" : choices.substr(bar + 1);
  }
  return std::nullopt;
}

Status CheckValue(const OptionSpec& spec, std::string_view value) {
  switch (spec.type) {
    case OptionType::kBool:
      return ParseBool(value) ? Status() : BadValue(spec, value, "true or false");
    case OptionType::kInt: {
      if (value.empty() && spec.default_value.empty()) return {};
      const auto number = ParseInt(value);
      if (!number || !InRange(spec, *number))
        return BadValue(spec, value, AllowedText(spec, "a whole number"));
      return {};
    }
    case OptionType::kSize:
      return CheckSize(spec, value);
    case OptionType::kSeconds:
    case OptionType::kRatio:
      return CheckDecimal(spec, value);
    case OptionType::kMode:
      return IsMode(value) ? Status()
                           : BadValue(spec, value, "four octal digits beginning with 0, such as 0755");
    case OptionType::kChoice:
      if ((value.empty() && spec.default_value.empty()) || FindChoice(spec, value)) return {};
      return BadValue(spec, value, StrCat("one of ", spec.choices));
    case OptionType::kText:
      if (value.find('\n') != std::string_view::npos || value.find('\0') != std::string_view::npos)
        return BadValue(spec, value, "one line of text");
      return {};
  }
  return {};
}

std::string RangeText(const OptionSpec& spec) {
  if (spec.type == OptionType::kChoice) return std::string(spec.choices);
  if (spec.type == OptionType::kRatio) return "between 0 and 1";
  if (spec.type == OptionType::kMode) return "4 octal digits";
  const bool min = spec.min != OptionSpec::kNoBound;
  const bool max = spec.max != OptionSpec::kNoBound;
  if (min && max) return StrCat(BoundText(spec, spec.min), "..", BoundText(spec, spec.max));
  if (min) return StrCat(">= ", BoundText(spec, spec.min));
  if (max) return StrCat("<= ", BoundText(spec, spec.max));
  return "";
}

std::string_view TypeText(OptionType type) {
  switch (type) {
    case OptionType::kBool:
      return "bool";
    case OptionType::kInt:
      return "integer";
    case OptionType::kSize:
      return "size";
    case OptionType::kSeconds:
      return "seconds";
    case OptionType::kRatio:
      return "number";
    case OptionType::kMode:
      return "mode";
    case OptionType::kText:
      return "text";
    case OptionType::kChoice:
      return "choice";
  }
  return "";
}

std::string_view GroupTitle(OptionGroup group) {
  static constexpr std::array<std::string_view, kOptionGroups> kTitles = {"Bucket",
                                                                          "Credentials",
                                                                          "Metadata",
                                                                          "Data cache",
                                                                          "Prefetch and memory",
                                                                          "Upload",
                                                                          "Random write and state",
                                                                          "Rename",
                                                                          "Object properties",
                                                                          "Mount",
                                                                          "Network",
                                                                          "Log, metrics, other"};
  return kTitles[static_cast<size_t>(group)];
}

bool ShownInHelp(const OptionSpec& spec) {
  return spec.kind == OptionKind::kPublic && spec.support == OptionSupport::kWorks;
}

}  // namespace ossfs2
