// The commands that ask a running daemon: stats, explain, set.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/admin/admin_protocol.h"
#include "cli/admin/stats_table.h"
#include "cli/app.h"
#include "cli/mounts/daemon_watch.h"
#include "cli/mounts/dead_mount.h"
#include "cli/mounts/mount_registry.h"
#include "cli/options/option_table.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

// Of what a daemon answers without asking the bucket.
constexpr std::chrono::seconds kQuickAnswerLimit{10};

// Of a path that the registry does not know.
std::string WhyNoDaemon(const std::string& path_or_pid) {
  const std::string path = ResolveMountPoint(path_or_pid);
  std::string mount_point;
  for (const MountInfo& mount : ReadMountInfo())
    if (mount.type == "fuse.ossfs2" && (path + "/").starts_with(mount.mount_point + "/"))
      mount_point = mount.mount_point;
  if (mount_point.empty())
    return StrCat("no running mount of this user is at ", path_or_pid, "; `ossfs2 list` shows them");
  if (HealthOf(mount_point) == MountHealth::kDead)
    return StrCat("the daemon of ", mount_point, " has died: mount it again, or `ossfs2 umount ", mount_point, "`");
  return StrCat(mount_point,
                " was mounted by another user, in a container, or with another XDG_RUNTIME_DIR; ask there");
}

Result<MountRecord> FindDaemon(const std::string& path_or_pid) {
  auto record = FindMountRecord(path_or_pid);
  if (!record) return MakeError(ENOENT, ErrorKind::kNotFound, WhyNoDaemon(path_or_pid));
  if (record->socket.empty())
    return MakeError(ENOTSUP, ErrorKind::kInvalid,
                     StrCat(record->mount_point, " was mounted with enable_admin_server=false"));
  return std::move(*record);
}

// The answer as JSON, with the daemon's own error as an error.
Result<nlohmann::json> Ask(const std::string& path, const nlohmann::json& request,
                           std::chrono::milliseconds limit = kAdminAnswerLimit) {
  const auto record = FindDaemon(path);
  if (!record) return record.error();
  const auto answer =
      AskDaemon(record->socket, request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), limit);
  if (!answer) return answer.error();
  auto json = nlohmann::json::parse(*answer, nullptr, false);
  if (!json.is_object())
    return MakeError(EPROTO, ErrorKind::kCorrupt, "the daemon's answer is not understood");
  if (const auto error = json.find("error"); error != json.end() && error->is_string())
    return MakeError(EIO, ErrorKind::kOther, error->get<std::string>());
  return json;
}

struct StatsArguments {
  std::string mount;
  double watch_s = 0;  // 0: once
  bool json = false;
  bool bad = false;
};

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
}

// Both forms: "DIR [--watch [SEC]] [--json]" and the existing client's "show -p PID [-l] [-i SEC]".
StatsArguments ParseStats(const Arguments& arguments) {
  StatsArguments parsed;
  double interval_s = 1;
  bool repeat = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const std::string next = i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (i == 0 && word == "show") continue;
    if (word == "--json") {
      parsed.json = true;
    } else if (word == "-l" || word == "--watch" || word == "-w") {
      repeat = true;
      if (word != "-l" && IsNumber(next)) interval_s = atof(arguments[++i].c_str());
    } else if (word.rfind("--watch=", 0) == 0) {
      repeat = true;
      parsed.bad = parsed.bad || !IsNumber(word.substr(8));
      interval_s = atof(word.c_str() + 8);
    } else if (word == "-i" && IsNumber(next)) {
      interval_s = atof(arguments[++i].c_str());
    } else if (word == "-p" && IsNumber(next)) {
      parsed.mount = arguments[++i];
    } else if (!word.empty() && word[0] != '-' && parsed.mount.empty()) {
      parsed.mount = word;
    } else {
      parsed.bad = true;
    }
  }
  parsed.watch_s = repeat ? std::clamp(interval_s, 0.1, 3600.0) : 0;
  return parsed;
}

}  // namespace

int StatsCommand(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "set") {
    puts("all metric groups are always on; nothing to set");
    return 0;
  }
  const StatsArguments parsed = ParseStats(arguments);
  if (parsed.bad || parsed.mount.empty())
    return FailWith(
        parsed.mount.empty() ? 1 : kUsageStatus,
        "usage: ossfs2 stats DIR [--watch [SEC]] [--json], or: ossfs2 stats show -p PID [-l] [-i SEC]");
  std::string before;
  std::chrono::steady_clock::time_point asked_before;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  while (true) {
    const auto record = FindDaemon(parsed.mount);
    if (!record) return FailWith(1, record.error().text);
    const auto answer = AskDaemon(record->socket, R"({"command":"stats"})", kQuickAnswerLimit);
    if (!answer) return FailWith(1, answer.error().ToString());
    const auto asked = std::chrono::steady_clock::now();
    const double passed_s = std::chrono::duration<double>(asked - std::exchange(asked_before, asked)).count();
    const auto table = RenderStats(*answer, before, before.empty() ? parsed.watch_s : passed_s);
    if (parsed.json) fputs(answer->c_str(), stdout);
    if (!table) return FailWith(1, table.error().text);
    if (!parsed.json) {
      printf("%s%s", parsed.watch_s > 0 && terminal ? "\033[H\033[J" : "", table->c_str());
      if (parsed.watch_s > 0 && !terminal) puts("");
    }
    if (fflush(stdout) != 0) return 1;
    if (parsed.watch_s <= 0) return 0;
    before = *answer;
    std::this_thread::sleep_for(std::chrono::duration<double>(parsed.watch_s));
  }
}

int ExplainCommand(const Arguments& arguments) {
  if (arguments.size() != 1 || arguments[0].rfind("-", 0) == 0)
    return FailWith(kUsageStatus, "usage: ossfs2 explain PATH");
  std::string path = ResolveMountPoint(arguments[0]);
  const auto record = FindDaemon(path);
  if (!record) return FailWith(1, record.error().text);
  if (const Status answers = CheckAnswers(*record); !answers) return FailWith(1, answers.error().text);
  // Now the mount may be asked what links inside it lead to.
  std::error_code unknown;
  if (const auto target = std::filesystem::canonical(path, unknown); !unknown) path = target.string();
  const auto answer = Ask(path, {{"command", "explain"}, {"path", path}});
  if (!answer) return FailWith(1, answer.error().text);
  const auto facts = answer->find("facts");
  if (facts == answer->end() || !facts->is_array())
    return FailWith(1, "the daemon's answer is not understood");
  for (const auto& fact : *facts)
    if (fact.is_string()) puts(Printable(fact.get<std::string>()).c_str());
  return 0;
}

int SetCommand(const Arguments& arguments) {
  const size_t equals = arguments.size() == 2 ? arguments[1].find('=') : std::string::npos;
  if (equals == std::string::npos) {
    std::string names;
    for (const OptionSpec& spec : OptionTable())
      if (spec.runtime) names += StrCat(names.empty() ? "" : ", ", spec.name);
    return FailWith(kUsageStatus, StrCat("usage: ossfs2 set DIR option=value; options: ", names));
  }
  std::string option = arguments[1].substr(0, equals);
  while (!option.empty() && option[0] == '-') option.erase(0, 1);
  const auto answer =
      Ask(arguments[0], {{"command", "set"}, {"option", option}, {"value", arguments[1].substr(equals + 1)}},
          kQuickAnswerLimit);
  if (!answer) return FailWith(1, answer.error().text);
  puts(answer->value("text", "done").c_str());
  return 0;
}

}  // namespace ossfs2
