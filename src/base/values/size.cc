#include "base/values/size.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <limits>

#include "base/values/str.h"

namespace ossfs2 {

Result<uint64_t> ParseSize(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", text, "' is not a size: ", why, " (examples: 1048576, 8MiB, 16g)"));
  };
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc::result_out_of_range) return bad("too large");
  if (failure != std::errc()) return bad("it must begin with digits");
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  int shift = 0;
  if (!unit.empty()) {
    constexpr std::string_view kUnits = "KMGTP";
    const char upper = static_cast<char>(unit[0] & ~0x20);
    if (const size_t at = kUnits.find(upper); at != std::string_view::npos) {
      shift = static_cast<int>(at + 1) * 10;
      unit.remove_prefix(1);
      if (!unit.empty() && (unit[0] | 0x20) == 'i') unit.remove_prefix(1);
    }
    if (!unit.empty() && (unit[0] | 0x20) == 'b') unit.remove_prefix(1);
    if (!unit.empty()) return bad("the unit must be K, M, G, T or P");
  }
  if (shift > 0 && number > (std::numeric_limits<uint64_t>::max() >> shift)) return bad("too large");
  return number << shift;
}

std::string FormatSize(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[40];
  snprintf(text, sizeof(text), unit == 0 || value >= 100 ? "%.0f %s" : "%.2f %s", value, kUnits[unit]);
  return text;
}

}  // namespace ossfs2
