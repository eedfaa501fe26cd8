// Credentials from a command: run without a shell, at most 15 s, at most 1 MiB of JSON on its standard
// output. What it started and left running (an agent that keeps a login) may hold that output open: a second
// after the command's end its output counts as complete. A command that fails is ended with its children.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "base/values/str.h"
#include "oss/credentials/credential_json.h"

extern char** environ;

namespace ossfs2::oss {
namespace {

constexpr std::chrono::seconds kTimeout{15};
constexpr std::chrono::seconds kLeftChildren{1};
constexpr size_t kOutputBytesMax = 1 << 20;

constexpr char kAdvice[] =
    ". Next: run it by hand as the user of the mount; within 15 s it must print JSON with AccessKeyId, "
    "AccessKeySecret and perhaps SecurityToken and Expiration";

// It may work the next time.
Error Failed(std::string text) {
  return MakeError(EACCES, ErrorKind::kUnavailable, StrCat(text, kAdvice));
}

// Words separated by blanks; '...' and "..." hold blanks; \ takes the next character outside '...'.
Result<std::vector<std::string>> SplitCommand(const std::string& command, const std::string& name, ProgramPath path) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      word += command[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, ""));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  if (quote != 0) return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(name, ": a quote is not closed"));
  if (words.empty() || words[0].empty()) return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(name, " is empty"));
  if (path == ProgramPath::kAbsolute && words[0].front() != '/') {
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(name, " must begin with an absolute path"));
  }
  return words;
}

// Starts the command in a process group of its own, so that a time-out ends its children too.
Result<pid_t> Spawn(std::vector<std::string>& words, int output, const std::string& name) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  // Of an absolute path the same as posix_spawn.
  const int error = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoError(error, StrCat(name, " ", words[0]));
  return pid;
}

using SteadyTime = std::chrono::steady_clock::time_point;

int MillisecondsUntil(SteadyTime time) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(time - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

enum class Reading { kComplete, kTooLong, kTooMuch };

// Reads until the end of the output, or until a second after the end of the process (`pid_fd`; -1: unknown).
Reading ReadOutput(int fd, int pid_fd, SteadyTime deadline, std::string& output) {
  char buffer[4096];
  bool has_ended = false;
  while (output.size() <= kOutputBytesMax) {
    pollfd wait[2] = {{fd, POLLIN, 0}, {has_ended ? -1 : pid_fd, POLLIN, 0}};
    const int ready = poll(wait, 2, MillisecondsUntil(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return has_ended ? Reading::kComplete : Reading::kTooLong;
    if (wait[1].revents != 0) {
      has_ended = true;
      deadline = std::min(deadline, std::chrono::steady_clock::now() + kLeftChildren);
    }
    if (wait[0].revents == 0) continue;
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Reading::kComplete;
    output.append(buffer, static_cast<size_t>(size));
  }
  return Reading::kTooMuch;
}

// Waits for the end of a process that has closed its output; false after the deadline.
bool WaitForExit(pid_t pid, SteadyTime deadline, int& status) {
  while (true) {
    const pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return true;
    if (ended < 0 && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

class ProcessSource final : public CredentialSource {
 public:
  ProcessSource(std::string command, std::string name, ProgramPath path)
      : command_(std::move(command)), name_(std::move(name)), path_(path) {}
  std::string Name() const override { return name_; }

  Result<Credentials> Fetch() override {
    auto words = SplitCommand(command_, name_, path_);
    if (!words) return words.error();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, StrCat(name_, ": pipe"));
    const auto pid = Spawn(*words, ends[1], name_);
    close(ends[1]);
    if (!pid) {
      close(ends[0]);
      return pid.error();
    }
    std::string output;
    const auto deadline = std::chrono::steady_clock::now() + kTimeout;
    const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, *pid, 0));
    Reading reading = ReadOutput(ends[0], pid_fd, deadline, output);
    if (pid_fd >= 0) close(pid_fd);
    close(ends[0]);
    int status = 0;
    if (reading == Reading::kComplete && !WaitForExit(*pid, deadline, status)) reading = Reading::kTooLong;
    if (reading != Reading::kComplete) {
      kill(-*pid, SIGKILL);
      while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
      }
      return Failed(reading == Reading::kTooMuch
                        ? StrCat(name_, " ", words->front(), " printed more than 1 MiB")
                        : StrCat(name_, " ", words->front(), " took longer than ", kTimeout.count(), " s"));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return Failed(StrCat(name_, " ", words->front(), " ended with ",
                           WIFEXITED(status) ? "exit status " : "signal ",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
    }
    auto parsed = ParseCredentialJson(output, StrCat(name_, " ", words->front()));
    // A refusal has the source's own words; all others tell what is expected.
    if (!parsed && parsed.error().oss_code.empty()) parsed.error().text += kAdvice;
    return parsed;
  }

 private:
  const std::string command_;
  const std::string name_;
  const ProgramPath path_;
};

}  // namespace

SourcePtr MakeProcessSource(std::string command, std::string name, ProgramPath path) {
  return std::make_unique<ProcessSource>(std::move(command), std::move(name), path);
}

}  // namespace ossfs2::oss
