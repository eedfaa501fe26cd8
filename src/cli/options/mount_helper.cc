#include "cli/options/mount_helper.h"

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

void SplitSource(std::string_view source, MountHelperLine& line) {
  if (source.rfind("oss://", 0) == 0) source.remove_prefix(6);
  const size_t end = source.find_first_of(":/");
  line.bucket = source.substr(0, end);
  if (end == std::string_view::npos) return;
  std::string_view prefix = source.substr(end + 1);
  if (source[end] == ':' && !prefix.empty() && prefix[0] == '/') prefix.remove_prefix(1);
  line.prefix = prefix;
}

}  // namespace

Result<MountHelperLine> ParseMountHelperLine(const std::vector<std::string>& arguments) {
  MountHelperLine line;
  std::vector<std::string> positional;
  const auto invalid = [](std::string text) {
    return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text));
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.size() < 2 || word[0] != '-') {
      positional.push_back(word);
      continue;
    }
    for (size_t at = 1; at < word.size(); ++at) {
      const char flag = word[at];
      if (flag == 'o' || flag == 'N' || flag == 't') {  // the value follows, in this word or the next
        std::string value = word.substr(at + 1);
        if (value.empty() && ++i < arguments.size()) value = arguments[i];
        if (value.empty()) return invalid(StrCat("-", flag, " needs a value"));
        if (flag == 'o') line.options += line.options.empty() ? value : "," + value;
        if (flag == 'N') line.mount_namespace = value;
        break;
      }
      switch (flag) {
        case 's':
          line.sloppy = true;
          break;
        case 'f':
          line.fake = true;
          break;
        case 'v':
          line.verbose = true;
          break;
        case 'r':
          line.read_only = true;
          break;
        case 'n':
        case 'w':
          break;
        default:
          return invalid(StrCat("unknown flag -", flag, "; mount(8) passes -s -f -n -v -r -w -N -t -o"));
      }
    }
  }
  if (positional.size() != 2)
    return invalid(
        "usage: mount.ossfs2 BUCKET[:/PREFIX] DIR [-sfnvrw] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]");
  line.source = positional[0];
  SplitSource(positional[0], line);
  line.mount_point = positional[1];
  if (line.bucket.empty()) return invalid(StrCat("\"", positional[0], "\" names no bucket"));
  return line;
}

}  // namespace ossfs2
