// Credentials from a command: run without a shell, at most 15 s, at most 1 MiB of JSON on its standard
// output.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "base/str.h"
#include "oss/credential_json.h"

extern char** environ;

namespace ossfs2::oss {
namespace {

constexpr std::chrono::seconds kTimeout{15};
constexpr size_t kOutputBytesMax = 1 << 20;

// It may work the next time.
Error Failed(std::string text) { return MakeError(EACCES, ErrorKind::kUnavailable, std::move(text)); }

// Words separated by blanks; '...' and "..." hold blanks; \ takes the next character outside '...'.
Result<std::vector<std::string>> SplitCommand(const std::string& command) {
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
  if (quote != 0) return MakeError(EINVAL, ErrorKind::kInvalid, "credential_process: a quote is not closed");
  if (words.empty() || words[0].front() != '/') {
    return MakeError(EINVAL, ErrorKind::kInvalid, "credential_process must begin with an absolute path");
  }
  return words;
}

// Starts the command in a process group of its own, so that a time-out ends its children too.
Result<pid_t> Spawn(std::vector<std::string>& words, int output) {
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
  const int error = posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoError(error, StrCat("credential_process ", words[0]));
  return pid;
}

// Reads until the end of the output; false after the deadline or beyond the limit.
bool ReadOutput(int fd, std::chrono::steady_clock::time_point deadline, std::string& output) {
  char buffer[4096];
  while (output.size() <= kOutputBytesMax) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{fd, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0;
    output.append(buffer, static_cast<size_t>(size));
  }
  return false;
}

// Waits for the end of a process that has closed its output; false after the deadline.
bool WaitForExit(pid_t pid, std::chrono::steady_clock::time_point deadline, int& status) {
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
  explicit ProcessSource(std::string command) : command_(std::move(command)) {}
  std::string Name() const override { return "credential_process"; }

  Result<Credentials> Fetch() override {
    auto words = SplitCommand(command_);
    if (!words) return words.error();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "credential_process: pipe");
    const auto pid = Spawn(*words, ends[1]);
    close(ends[1]);
    std::string output;
    const auto deadline = std::chrono::steady_clock::now() + kTimeout;
    int status = 0;
    const bool is_complete =
        pid && ReadOutput(ends[0], deadline, output) && WaitForExit(*pid, deadline, status);
    close(ends[0]);
    if (!pid) return pid.error();
    if (!is_complete) {
      kill(-*pid, SIGKILL);
      while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
      }
      return Failed(StrCat("credential_process ", words->front(),
                           " wrote more than 1 MiB or took longer than ", kTimeout.count(), " s"));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return Failed(StrCat("credential_process ", words->front(), " ended with ",
                           WIFEXITED(status) ? "exit status " : "signal ",
                           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
    }
    return ParseCredentialJson(output, StrCat("credential_process ", words->front()));
  }

 private:
  const std::string command_;
};

}  // namespace

SourcePtr MakeProcessSource(std::string command) {
  return std::make_unique<ProcessSource>(std::move(command));
}

}  // namespace ossfs2::oss
