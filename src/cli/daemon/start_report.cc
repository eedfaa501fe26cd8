#include "cli/daemon/start_report.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {

StartReport::~StartReport() { Close(); }

void StartReport::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void StartReport::Line(char kind, const std::string& text) {
  std::string line = StrCat(kind, " ", text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t n = write(fd_, line.data() + sent, line.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the parent has gone; the log tells the rest
    sent += static_cast<size_t>(n);
  }
}

void StartReport::Progress(const std::string& text) {
  if (done_) return;
  if (fd_ >= 0) {
    Line('P', text);
  } else {
    // As patient as AwaitStart: what an earlier run left may take longer than TimeoutStartSec.
    NotifyServiceManager(
        StrCat("EXTEND_TIMEOUT_USEC=", std::chrono::microseconds(kSilenceMax).count(), "\nSTATUS=", text));
  }
}

void StartReport::Notice(const std::string& text) {
  if (fd_ >= 0 && !done_) {
    Line('N', text);
  } else {
    fprintf(stderr, "ossfs2: notice: %s\n", text.c_str());
  }
}

void StartReport::Ready(const std::string& text, bool told) {
  if (std::exchange(done_, true)) return;
  if (fd_ >= 0) {
    prctl(PR_SET_PDEATHSIG, 0);  // EndWithStarter: now it may go
    // Not before: systemd runs mount(8) in its own process group, and every process outside of that which looks at
    // the mount point of an automount is made to wait for this very mount.
    setsid();
    Line('R', text);
    Close();
    // Until now libfuse's messages went to the user's terminal; from now on nobody may wait for its end.
    if (const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); null_fd >= 0) dup2(null_fd, 2);
  } else if (!told) {
    printf("%s\n", text.c_str());
    fflush(stdout);
  }
  NotifyServiceManager(StrCat("READY=1\nSTATUS=", text));
}

void StartReport::Failed(int exit_status, const std::string& text) {
  if (std::exchange(done_, true)) return;
  if (fd_ >= 0) {
    Line('F', StrCat(exit_status, " ", text));
    Close();
  } else {
    fprintf(stderr, "ossfs2: %s\n", text.c_str());
  }
  // Above 1 it is the low byte of a negative errno; `systemctl status` shows the errno as words.
  std::string state = StrCat("STATUS=", text);
  if (exit_status > 1) state += StrCat("\nERRNO=", 256 - exit_status);
  NotifyServiceManager(state);
}

namespace {

// Prints one line of the child; the exit status when it was the last.
std::optional<int> TakeLine(const std::string& line, std::string& doing) {
  if (line.size() < 2) return std::nullopt;
  const std::string text = line.substr(2);
  switch (line[0]) {
    case 'P':
      doing = text;
      return std::nullopt;
    case 'N':
      fprintf(stderr, "ossfs2: notice: %s\n", text.c_str());
      return std::nullopt;
    case 'R':
      printf("%s\n", text.c_str());
      fflush(stdout);
      return 0;
    case 'F': {
      const size_t blank = text.find(' ');
      fprintf(stderr, "ossfs2: %s\n", blank == std::string::npos ? text.c_str() : text.c_str() + blank + 1);
      const int status = atoi(text.c_str());
      return status == 0 ? 1 : status;
    }
    default:
      return std::nullopt;
  }
}

int ReportDeath(pid_t child, const std::string& doing) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    fprintf(stderr, "ossfs2: the daemon died of signal %d while %s; see the log and report this\n",
            WTERMSIG(status), doing.c_str());
  } else {
    fprintf(stderr, "ossfs2: the daemon ended with status %d while %s; see the log\n", WEXITSTATUS(status),
            doing.c_str());
  }
  return 1;
}

// What the kernel holds (in a request to a server of files that does not answer) goes only when that lets it go; so
// this waits no longer than a process takes that can be killed. The pipe is closed when it is gone.
bool EndChild(int fd, pid_t child) {
  constexpr int kKilledLimitMs = 5000;
  kill(child, SIGKILL);
  pollfd gone{fd, 0, 0};
  const bool ended = poll(&gone, 1, kKilledLimitMs) > 0;
  waitpid(child, nullptr, WNOHANG);
  return ended;
}

}  // namespace

void EndWithStarter(pid_t starter) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != starter) _exit(1);  // it was gone before
}

int AwaitStart(int fd, pid_t child, std::chrono::milliseconds silence_max) {
  std::string buffer;
  std::string doing = "starting";
  while (true) {
    pollfd waited{fd, POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(silence_max.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      const bool ended = EndChild(fd, child);
      fprintf(stderr, "ossfs2: no word from the daemon (pid %d) for %lld s while %s; %s\n", static_cast<int>(child),
              static_cast<long long>(silence_max.count() / 1000), doing.c_str(),
              ended ? "it is ended, nothing is mounted"
                    : "it was killed, but the kernel holds it, perhaps for a disk or mount that does not answer");
      return 1;
    }
    char chunk[4096];
    const ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ReportDeath(child, doing);
    buffer.append(chunk, static_cast<size_t>(n));
    for (size_t end; (end = buffer.find('\n')) != std::string::npos; buffer.erase(0, end + 1))
      if (const auto status = TakeLine(buffer.substr(0, end), doing)) return *status;
  }
}

void NotifyServiceManager(const std::string& state) {
  const char* path = getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
    return;
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, strlen(path));
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract name
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(path));
  [[maybe_unused]] const ssize_t sent =
      sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

}  // namespace ossfs2
