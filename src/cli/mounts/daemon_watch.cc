#include "cli/mounts/daemon_watch.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/values/str.h"
#include "cli/admin/admin_protocol.h"

namespace ossfs2 {
namespace {

using Clock = std::chrono::steady_clock;

// How often the lock is looked at.
constexpr auto kLookInterval = std::chrono::milliseconds(50);
// A daemon that is busy answers all the same, on a machine that stands still somewhat later.
constexpr auto kAnswersLimit = std::chrono::seconds(10);

int OpenPid(pid_t pid) {
  errno = 0;
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

DaemonWatch::DaemonWatch(MountRecord record, int pid_fd, int error)
    : record_(std::move(record)), pid_fd_(pid_fd), ended_(pid_fd < 0 && error == ESRCH) {}

DaemonWatch::DaemonWatch(MountRecord record)
    : record_(std::move(record)), pid_fd_(OpenPid(record_.pid)), ended_(pid_fd_ < 0 && errno == ESRCH) {}

DaemonWatch::~DaemonWatch() {
  if (pid_fd_ >= 0) close(pid_fd_);
}

bool DaemonWatch::EndsWithin(std::chrono::milliseconds limit) {
  const auto over = Clock::now() + limit;
  while (!ended_) {
    if (pid_fd_ < 0 && !DaemonLives(record_)) ended_ = true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(over - Clock::now());
    if (pid_fd_ >= 0) {
      pollfd waited{pid_fd_, POLLIN, 0};
      ended_ = poll(&waited, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) > 0;
    } else if (!ended_ && left.count() > 0) {
      std::this_thread::sleep_for(std::min(left, kLookInterval));
    }
    if (Clock::now() >= over) break;
  }
  return ended_;
}

DaemonStatus AskStatus(const MountRecord& record, std::chrono::milliseconds limit) {
  DaemonStatus status;
  status.flush_deadline_s = record.flush_deadline_s;
  if (record.socket.empty()) return status;
  const auto answer = AskDaemon(record.socket, R"({"command":"status"})", limit);
  if (!answer) return status;
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  const auto mount = json.is_object() ? json.find("mount") : json.end();
  if (!json.is_object() || mount == json.end() || !mount->is_object()) return status;
  status.answered = true;
  if (const auto it = mount->find("flush_deadline_s"); it != mount->end() && it->is_number_integer())
    status.flush_deadline_s = it->get<int64_t>();
  if (const auto it = mount->find("unpublished_bytes"); it != mount->end() && it->is_number_unsigned())
    status.unpublished_bytes = it->get<uint64_t>();
  if (const auto it = mount->find("memory_cache_bytes"); it != mount->end() && it->is_number_unsigned())
    status.memory_cache_bytes = it->get<uint64_t>();
  if (const auto it = mount->find("direct_io"); it != mount->end() && it->is_boolean())
    status.direct_io = it->get<bool>();
  if (const auto it = mount->find("device"); it != mount->end() && it->is_string())
    status.device = it->get<std::string>();
  return status;
}

Status CheckAnswers(const MountRecord& record) {
  if (record.socket.empty() || AskStatus(record, kAnswersLimit).answered) return {};
  return MakeError(ETIMEDOUT, ErrorKind::kUnavailable,
                   StrCat("the daemon of ", record.mount_point, " (pid ", record.pid, ") does not answer; see ",
                          record.log, ", and end it: kill ", record.pid));
}

}  // namespace ossfs2
