// StartReport: how a starting mount tells its starter what became of it.
//
// In the foreground it prints, and asks systemd for patience while it is at work; a daemon writes lines to a
// pipe, which the parent reads with AwaitStart.
// Lines: "P text" still at work, "R text" ready, "F status" followed by the reason. A daemon that dies
// without a word is a failure too, and one that is silent for too long is ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace ossfs2 {

// After so much silence a start counts as dead.
inline constexpr std::chrono::seconds kSilenceMax{30};

class StartReport {
 public:
  // fd: the pipe; -1: the terminal.
  explicit StartReport(int fd) : fd_(fd) {}
  ~StartReport();
  StartReport(const StartReport&) = delete;
  StartReport& operator=(const StartReport&) = delete;

  void Progress(const std::string& text);
  void Notice(const std::string& text);
  // told: the same words are on the terminal already, as a line of the log.
  void Ready(const std::string& text, bool told = false);
  void Failed(int exit_status, const std::string& text);

 private:
  void Line(char kind, const std::string& text);
  void Close();
  int fd_;
  bool done_ = false;
};

// In the child, at once after the fork: from now on until Ready, SIGTERM comes when the starter is gone. Who gave up
// the wait (Ctrl-C, timeout(1)) wants no mount that appears later.
void EndWithStarter(pid_t starter);

// The parent's side: prints what the child says and returns the exit status.
int AwaitStart(int fd, pid_t child, std::chrono::milliseconds silence_max = kSilenceMax);

// Tells systemd ("READY=1" ...) when NOTIFY_SOCKET is set.
void NotifyServiceManager(const std::string& state);

}  // namespace ossfs2
