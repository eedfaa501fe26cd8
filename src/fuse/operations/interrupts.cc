#include "fuse/operations/interrupts.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>

#include "base/values/str.h"
#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(100);
constexpr auto kSweepEvery = std::chrono::seconds(1);

constexpr uint64_t Bit(int signal) { return 1ull << (signal - 1); }
constexpr uint64_t kAskToEnd = Bit(SIGINT) | Bit(SIGQUIT) | Bit(SIGTERM);

// The hexadecimal set of signals behind `name` ("SigPnd:") at the beginning of a line; 0 without it.
uint64_t SignalSet(std::string_view status, std::string_view name) {
  const size_t at = status.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view digits = status.substr(at + name.size());
  while (!digits.empty() && (digits.front() == ' ' || digits.front() == '\t')) digits.remove_prefix(1);
  uint64_t set = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return set;
}

std::string ReadProcess(pid_t pid, std::string_view file) {
  const int fd = open(StrCat("/proc/", pid, file).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  char text[4096];  // the sets of signals are in the first 1.5 KiB of status
  const ssize_t size = read(fd, text, sizeof(text));
  close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

}  // namespace

bool HasEndingSignal(std::string_view status, bool handled) {
  const uint64_t pending = (SignalSet(status, "\nSigPnd:") | SignalSet(status, "\nShdPnd:")) &
                           ~SignalSet(status, "\nSigBlk:");
  const uint64_t ending = handled ? Bit(SIGKILL) | kAskToEnd : Bit(SIGKILL);
  return (pending & ending) != 0;
}

bool IsKilledBySignal(std::string_view status, std::string_view stat) {
  const uint64_t shared = SignalSet(status, "\nShdPnd:");
  if ((shared & Bit(SIGKILL)) != 0) return true;
  // The last field is the exit code as waitpid has it, or that it will have; of a stopped process the signal that did.
  const size_t last = stat.find_last_of(' ');
  int code = 0;
  if (last != std::string_view::npos) std::from_chars(stat.data() + last + 1, stat.data() + stat.size(), code);
  const int signal = code & 0x7f;
  const bool stopped = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  if (signal != 0) return !stopped;
  // Old kernels tell the code only at the very end, and none tells it of a process of others without rights.
  return (SignalSet(status, "\nSigPnd:") & Bit(SIGKILL)) != 0 && (shared & (kAskToEnd | Bit(SIGHUP))) != 0;
}

bool Interrupts::IsEnding(pid_t pid, Scope scope) {
  const std::string status = ReadProcess(pid, "/status");
  if (scope == Scope::kStoring) return IsKilledBySignal(status, ReadProcess(pid, "/stat"));
  return HasEndingSignal(status, scope != Scope::kKilled);
}

void Interrupts::Stop() {
  std::thread thread;
  {
    MutexLock lock(told_mutex_);
    stopped_ = true;
    thread = std::move(thread_);
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

void Interrupts::Watch(Wait wait, fuse_req_t request, Scope scope) {
  MutexLock lock(mutex_);
  if (claimed_early_.erase(wait) > 0) return;
  const pid_t pid = fuse_req_ctx(request)->pid;
  if (pid > 0 && scope != Scope::kStoring)
    fuse_req_interrupt_func(request, OnInterrupt, reinterpret_cast<void*>(wait));
  watched_.emplace(wait, Watched{request, pid, scope});
  if (!IsSwept(scope) || pid <= 0) return;
  const bool let_go = scope == Scope::kStoring && let_go_.contains(pid);
  const bool begins = !sweeps_.exchange(true);
  lock.Unlock();
  if (let_go) return Note(wait);
  if (begins) Wake();
}

bool Interrupts::Claim(Wait wait) {
  MutexLock lock(mutex_);
  if (watched_.erase(wait) > 0) return true;
  if (answered_.erase(wait) > 0) return false;
  claimed_early_.insert(wait);
  return true;
}

bool Interrupts::WasAnswered(Wait wait) {
  MutexLock lock(mutex_);
  return answered_.contains(wait);
}

void Interrupts::OnInterrupt(fuse_req_t request, void* wait) {
  ContextOf(request).interrupts.Note(reinterpret_cast<Wait>(wait));
}

void Interrupts::Note(Wait wait) {
  {
    MutexLock lock(told_mutex_);
    told_.push_back(wait);
  }
  Wake();
}

void Interrupts::Wake() {
  MutexLock lock(told_mutex_);
  if (stopped_) return;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { ThreadMain(); });
      pthread_setname_np(thread_.native_handle(), "interrupts");
    } catch (const std::system_error&) {  // the thread limit: what was told waits for the next call
    }
  }
  changed_.NotifyAll();
}

void Interrupts::ThreadMain() {
  std::vector<Wait> waits;
  std::vector<Wait> left;
  auto swept = std::chrono::steady_clock::now();
  MutexLock lock(told_mutex_);
  while (!stopped_) {
    if (told_.empty() && !left.empty()) {
      changed_.WaitFor(lock, kLookAgain);
    } else if (told_.empty() && sweeps_) {
      changed_.WaitFor(lock, kSweepEvery);
    } else if (told_.empty()) {
      changed_.Wait(lock);
    }
    waits = std::exchange(left, {});
    waits.insert(waits.end(), told_.begin(), told_.end());
    told_.clear();
    lock.Unlock();
    if (const auto now = std::chrono::steady_clock::now(); sweeps_ && now - swept >= kSweepEvery) {
      swept = now;
      Sweep(waits);
    }
    AnswerEnded(waits, left);
    lock.Lock();
  }
}

// Adds those that have waited for long enough.
void Interrupts::Sweep(std::vector<Wait>& waits) {
  MutexLock lock(mutex_);
  bool any = false;
  for (auto& [wait, watched] : watched_) {
    if (!IsSwept(watched.scope) || watched.pid <= 0) continue;
    any = true;
    const int enough = watched.scope == Scope::kDirect ? kSweepsOfDirect : kSweepsOfStoring;
    if (++watched.sweeps >= enough) waits.push_back(wait);
  }
  if (!any) let_go_.clear();
  sweeps_ = any;
}

void Interrupts::AnswerEnded(const std::vector<Wait>& waits, std::vector<Wait>& left) {
  for (const Wait wait : waits) {
    MutexLock lock(mutex_);
    const auto it = watched_.find(wait);
    if (it == watched_.end()) continue;  // claimed meanwhile
    const Watched watched = it->second;
    lock.Unlock();
    if (!IsEnding(watched.pid, watched.scope)) {
      if (!IsSwept(watched.scope)) left.push_back(wait);  // sweeps come back to the others
      continue;
    }
    lock.Lock();
    if (watched_.erase(wait) == 0) continue;
    answered_.insert(wait);
    if (watched.scope == Scope::kStoring) let_go_.insert(watched.pid);
    lock.Unlock();
    fuse_reply_err(watched.request, EINTR);
  }
}

}  // namespace ossfs2
