#include "cli/commands/tool_arguments.h"

#include <cerrno>
#include <cstdio>

#include "base/report/log.h"
#include "base/values/str.h"
#include "cli/options/option_parser.h"

namespace ossfs2 {

Result<Settings> ReadToolSettings(const Arguments& arguments) {
  OptionSet options;
  auto line = ParseCommandLine(arguments, options);
  if (!line) return line.error();
  if (!line->positional.empty())
    return MakeError(
        EINVAL, ErrorKind::kInvalid,
        StrCat("\"", line->positional[0], "\" is too much: only options and -c FILE are taken here, no mount point"));
  auto settings = MakeSettings(options, "");
  if (!settings) {
    options.TellNotices();
    return settings.error();
  }
  // A tool tells what matters itself; only errors of the layers below may join in.
  settings->log.target = "/dev/stderr";
  settings->log.level = LogLevel::kError;
  OSSFS2_RETURN_IF_ERROR(SetupLog(settings->log));
  return settings;
}

Result<int64_t> ParseAge(std::string_view text) {
  int64_t unit = 1;
  std::string_view digits = text;
  if (!digits.empty()) {
    switch (digits.back()) {
      case 's':
        digits.remove_suffix(1);
        break;
      case 'm':
        unit = 60;
        digits.remove_suffix(1);
        break;
      case 'h':
        unit = 3600;
        digits.remove_suffix(1);
        break;
      case 'd':
        unit = 86400;
        digits.remove_suffix(1);
        break;
      default:
        break;
    }
  }
  const auto number = ParseInt(digits);
  constexpr int64_t kYearsMax = 100LL * 365 * 86400;
  if (!number || *number < 0 || *number > kYearsMax / unit)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("\"", text, "\" is not an age such as 90s, 15m, 12h or 1d"));
  return *number * unit;
}

}  // namespace ossfs2
