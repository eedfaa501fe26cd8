// `ossfs2 umount [--lazy] DIR`: unmounts and waits until the daemon has saved everything and left.
#include "cli/commands/command_umount.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>

#include "base/values/size.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/app.h"
#include "cli/mounts/daemon_watch.h"
#include "cli/mounts/dead_mount.h"
#include "cli/mounts/mount_copies.h"
#include "cli/mounts/mount_registry.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

constexpr size_t kUsersShownMax = 5;
constexpr int64_t kGraceSeconds = 30;  // beyond the flush deadline
constexpr std::chrono::seconds kReleasePatience{2};
constexpr std::chrono::milliseconds kReleaseLook{50};

std::string LinkTarget(const std::string& path) {
  char buffer[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), buffer, sizeof(buffer));
  return n <= 0 ? "" : std::string(buffer, static_cast<size_t>(n));
}

bool Uses(const std::string& process, const std::string& mount_point) {
  const auto below = [&](const std::string& path) { return (path + "/").rfind(mount_point + "/", 0) == 0; };
  if (below(LinkTarget(process + "/cwd")) || below(LinkTarget(process + "/root")) ||
      below(LinkTarget(process + "/exe")))
    return true;
  DIR* files = opendir((process + "/fd").c_str());
  bool found = false;
  if (files != nullptr) {
    while (const dirent* entry = readdir(files))
      if (below(LinkTarget(StrCat(process, "/fd/", std::string_view(entry->d_name))))) found = true;
    closedir(files);
  }
  std::ifstream maps(process + "/maps");
  for (std::string line; !found && std::getline(maps, line);) {
    const size_t slash = line.find('/');
    found = slash != std::string::npos && below(line.substr(slash));
  }
  return found;
}

// "python3 (pid 12), bash (pid 40)": who keeps the mount busy, as far as this user may see.
std::string UsersOf(const std::string& mount_point) {
  std::string text;
  size_t count = 0;
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return text;
  while (const dirent* entry = readdir(processes)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const std::string process = StrCat("/proc/", std::string_view(entry->d_name));
    if (!Uses(process, mount_point)) continue;
    if (++count > kUsersShownMax) continue;
    std::string name;
    std::getline(std::ifstream(process + "/comm") >> std::ws, name);
    text += StrCat(text.empty() ? "" : ", ", name, " (pid ", std::string_view(entry->d_name), ")");
  }
  closedir(processes);
  if (count > kUsersShownMax) text += StrCat(" and ", count - kUsersShownMax, " more");
  return text;
}

// What the daemon is still doing, for the progress line.
std::string Doing(const DaemonStatus& status) {
  if (!status.answered) return "waiting for the daemon";
  return status.unpublished_bytes == 0 ? "saving" : StrCat("saving ", FormatSize(status.unpublished_bytes));
}

// True when the daemon ended in time. False at once when it has nothing to save and does not end, since its file system
// is mounted elsewhere too.
bool AwaitEnd(DaemonWatch& daemon, std::chrono::seconds limit) {
  constexpr std::chrono::seconds kTellInterval{10};  // in lines of a log
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::seconds tell_at = terminal ? std::chrono::seconds(1) : kCopiesPatience;
  bool shown = false;
  bool ended = false;
  while (!(ended = daemon.EndsWithin(std::chrono::seconds(1)))) {
    const auto waited =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    if (waited >= limit) break;
    if (waited < tell_at) continue;
    const DaemonStatus status = AskStatus(daemon.record());
    if (waited >= kCopiesPatience && status.unpublished_bytes == 0 && !CopiesText(status).empty()) break;
    fprintf(stderr, terminal ? "\r\033[Kossfs2: %s (%lld s)" : "ossfs2: %s (%lld s)\n", Doing(status).c_str(),
            static_cast<long long>(waited.count()));
    tell_at = waited + (terminal ? std::chrono::seconds(1) : kTellInterval);
    shown = true;
  }
  if (shown && terminal) fputs("\r\033[K", stderr);
  return ended;
}

int ReportLosses(const std::string& mount_point) {
  const auto lost = TakeLossReport(mount_point);
  for (const std::string& line : lost) fprintf(stderr, "ossfs2: not saved: %s\n", Printable(line).c_str());
  return lost.empty() ? 0 : FailWith(1, StrCat(lost.size(), " files could not be saved; see the log"));
}

// Why a daemon is still there.
int TellWhoStays(const MountRecord& record, bool copies_may_stay) {
  const DaemonStatus status = AskStatus(record);
  const std::string daemon = StrCat("the daemon (pid ", record.pid, ")");
  if (!status.answered)
    return FailWith(1, StrCat("unmounted, but ", daemon, " has not ended and does not answer; see ", record.log,
                              ", and end it: kill ", record.pid));
  const std::string copies = CopiesText(status);
  if (copies.empty()) return FailWith(1, StrCat("unmounted, but ", daemon, " is still saving; see ", record.log));
  const bool stored = status.unpublished_bytes == 0;
  const std::string saved =
      stored ? "everything is stored" : StrCat(FormatSize(status.unpublished_bytes), " are not stored yet");
  return FailWith(stored && copies_may_stay ? 0 : 1,
                  StrCat(record.mount_point, " is unmounted and ", saved, ", but ", daemon,
                         " stays, since the file system is mounted elsewhere too: ", copies,
                         "; or end the daemon, which saves first: kill ", record.pid));
}

int WaitForDaemon(DaemonWatch& daemon, int64_t flush_deadline_s, bool copies_may_stay) {
  if (!AwaitEnd(daemon, std::chrono::seconds(flush_deadline_s + kGraceSeconds)))
    return TellWhoStays(daemon.record(), copies_may_stay);
  return ReportLosses(daemon.record().mount_point);
}

// sudo, cron or another session: the registry of this user does not know the daemon, so there is nothing to wait for.
int TellUnknownDaemon(const std::string& mount_point, MountHealth health) {
  if (health == MountHealth::kDead) return 0;
  fprintf(stderr,
          "ossfs2: %s is unmounted; its daemon was started by another user, in a container, or with another "
          "XDG_RUNTIME_DIR%s\n",
          mount_point.c_str(),
          health == MountHealth::kHanging ? " and does not answer; end that process: nothing is saved while it hangs"
                                          : " and may still be saving");
  return 0;
}

Status Unmount(const std::string& mount_point, const std::optional<MountRecord>& record, bool lazy) {
  if (!record || !EndRequestsOfKilled(mount_point, record->pid)) return UnmountNow(mount_point, lazy);
  // Programs close their files, or end, when they have the error.
  const auto end = std::chrono::steady_clock::now() + kReleasePatience;
  while (FindMount(mount_point)) {
    const Status done = UnmountNow(mount_point, lazy);
    if (done || done.error().errno_value != EBUSY || std::chrono::steady_clock::now() >= end) return done;
    std::this_thread::sleep_for(kReleaseLook);
  }
  return {};
}

}  // namespace

int UmountCommand(const Arguments& arguments) {
  bool lazy = false;
  std::string path;
  for (const std::string& word : arguments) {
    if (word == "--lazy" || word == "-l" || word == "-z") {
      lazy = true;
    } else if (word == "-h" || word == "--help") {
      puts("usage: ossfs2 umount [--lazy] DIR");
      return 0;
    } else if (!word.empty() && word[0] != '-' && path.empty()) {
      path = word;
    } else {
      return FailWith(kUsageStatus, "usage: ossfs2 umount [--lazy] DIR");
    }
  }
  if (path.empty()) return FailWith(kUsageStatus, "usage: ossfs2 umount [--lazy] DIR");
  return UnmountAndWait({.path = path, .lazy = lazy});
}

int UnmountAndWait(const UmountRequest& request) {
  const std::string mount_point = ResolveMountPoint(request.path);
  const auto mount = FindMount(mount_point);
  auto record = FindMountRecord(mount_point);
  if (record && record->mount_point != mount_point) record.reset();
  if (!mount && !record) return FailWith(1, StrCat(mount_point, " is not mounted; `ossfs2 list` shows what is"));
  if (mount && mount->type != "fuse.ossfs2")
    return FailWith(1, StrCat(mount_point, " is a ", mount->type, " mount, not ours; use umount"));
  std::optional<DaemonWatch> daemon;
  if (record) daemon.emplace(*record);
  const int64_t flush_deadline_s = record ? AskStatus(*record).flush_deadline_s : 0;
  const MountHealth health = record ? MountHealth::kServed : HealthOf(mount_point);
  const Status done = mount ? Unmount(mount_point, record, request.lazy) : Status();
  if (!done) {
    if (done.error().errno_value == EPERM && !record)
      return FailWith(1, StrCat(done.error().ToString(), "; if another user mounted ", mount_point,
                                ", unmount it as that user or as root"));
    if (done.error().errno_value != EBUSY) return FailWith(1, done.error().ToString());
    const std::string users = UsersOf(mount_point);
    return FailWith(1, StrCat(mount_point, " is in use", users.empty() ? "" : StrCat(" by ", users),
                              "; end ", users.empty() ? "what uses it" : "these programs",
                              ", or use --lazy to unmount when they end"));
  }
  if (!daemon) return request.by_umount8 ? 0 : TellUnknownDaemon(mount_point, health);
  if (request.lazy && !daemon->EndsWithin(std::chrono::seconds(2))) {
    const std::string copies = CopiesText(AskStatus(*record));
    printf("%s is detached; the daemon (pid %d) ends when the last file is closed and saved%s%s\n", mount_point.c_str(),
           record->pid, copies.empty() ? "" : ", and here it is unmounted too: ", copies.c_str());
    return 0;
  }
  return WaitForDaemon(*daemon, flush_deadline_s, request.by_umount8);
}

}  // namespace ossfs2
