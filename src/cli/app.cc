#include "cli/app.h"

#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/values/str.h"
#include "cli/options/option_table.h"
#include "cli/options/secrets.h"
#include "cli/reference/reference_docs.h"

namespace ossfs2 {
namespace {

struct Command {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"mount", MountCommand}, {"umount", UmountCommand}, {"unmount", UmountCommand},
    {"list", ListCommand},   {"stats", StatsCommand},   {"explain", ExplainCommand},
    {"set", SetCommand},     {"warmup", WarmupCommand}, {"check", CheckCommand},
    {"gc", GcCommand},       {"docs", DocsCommand},
};

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string NearestCommand(const std::string& word) {
  constexpr size_t kDistanceMax = 2;
  std::string best;
  size_t best_distance = kDistanceMax + 1;
  for (const Command& command : kCommands) {
    const size_t distance = EditDistance(word, command.name);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = command.name;
  }
  return best;
}

}  // namespace

int FailWith(int status, const std::string& text) {
  fprintf(stderr, "ossfs2: %s\n", text.c_str());
  return status;
}

int RunOssfs2(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  WipeSecretArguments(argc, argv);
  const std::string_view program = BaseName(argv[0]);
  if (program == "mount.ossfs2" || program == "mount.fuse.ossfs2") return MountHelperCommand(words);
  if (program == "umount.fuse.ossfs2") return UmountHelperCommand(words);
  if (words.empty()) {
    fputs(UsageText().c_str(), stderr);
    return kUsageStatus;
  }
  const std::string& first = words[0];
  if (first == "-v" || first == "--version" || first == "-V" || first == "version") {
    fputs(VersionText().c_str(), stdout);
    return 0;
  }
  if (first == "-h" || first == "--help" || first == "help") {
    const std::string topic = words.size() == 2 ? words[1] : "";
    const std::string help = topic == "mount" ? HelpText(false) : topic.empty() ? "" : CommandHelp(topic);
    fputs((help.empty() ? UsageText() : help).c_str(), stdout);
    return 0;
  }
  const Arguments rest(words.begin() + 1, words.end());
  // mount has a help of its own, with the options.
  const bool asks_for_help = rest.size() == 1 && (rest[0] == "--help" || rest[0] == "-h") && first != "mount";
  for (const Command& command : kCommands) {
    if (first != command.name) continue;
    const std::string help = asks_for_help ? CommandHelp(first) : "";
    if (help.empty()) return command.run(rest);
    fputs(help.c_str(), stdout);
    return 0;
  }
  // mount.fuse3 calls "ossfs2 SOURCE DIR -o OPTIONS" for file systems of type fuse.ossfs2.
  if (words.size() >= 4 && first[0] != '-' && words[2] == "-o") return MountHelperCommand(words);
  const std::string nearest = NearestCommand(first);
  return FailWith(kUsageStatus, StrCat("there is no command \"", first, "\"; ",
                                       nearest.empty() ? "" : StrCat("did you mean \"", nearest, "\"? "),
                                       "`ossfs2 --help` lists all"));
}

}  // namespace ossfs2
