// Interrupts: lets a program that is being ended leave a request that waits for the network.
//
// Why: the kernel lets a process go only when its request is answered, SIGKILL or not, and a silent server
// keeps an answer back for the whole oss_request_timeout_ms. So what only asks (look-ups, opens, listings, reads) is
// answered with EINTR when the caller has a signal that ends it, and the work goes on for whoever comes next.
// What writes or stores (WRITE, FLUSH, FSYNC and the like) is answered so only when a signal has killed the caller,
// which can look at no result any more, and has then waited for two seconds: with a service that answers, a killed
// program still leaves its files stored. The work goes on, its error goes to the log. A program that ends by itself
// waits for its closes. What changes names is not answered early.
// Which signals: the kernel tells of any, also of the timers and profilers of programs that expect no EINTR.
// /proc/PID/status says which one is pending: SIGKILL stands there for every signal that kills. SIGINT,
// SIGQUIT and SIGTERM that a program handles count too, except for reads through the page cache (a mapping's
// page fault would become SIGBUS). A caller of a foreign pid name space has no number here and is left to wait.
// Reads with O_DIRECT: the kernel sends them without telling of interrupts. Those that wait for a second or two are
// looked at without being told; so is what stores. A process that ends by itself takes no signal any more (since Linux
// 5.17 they are dropped).
// Ownership: whoever claims a wait answers its request; the other must not touch the request any more.
// Threads: all methods from any thread. A thread of its own looks at /proc, ten times a second while an interrupted
// request waits, once a second while a direct read or something that stores does. The first of them starts it.
#pragma once

#include <fuse_lowlevel.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/threads/mutex.h"

namespace ossfs2 {

// Whether the text of a /proc/PID/status shows a pending signal that ends the process; `handled`: also one that the
// program handles.
bool HasEndingSignal(std::string_view status, bool handled);

// Whether the texts of /proc/PID/status and stat show a thread whose process a signal has killed. One that a sibling
// ended by exit has SIGKILL pending, too.
bool IsKilledBySignal(std::string_view status, std::string_view stat);

class Interrupts {
 public:
  enum class Scope : uint8_t { kAnyEnding, kKilled, kDirect, kStoring };
  using Wait = uint64_t;

  Interrupts() = default;
  ~Interrupts() { Stop(); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // For work whose answer may come from another thread before Watch is called.
  Wait Number() { return next_.fetch_add(1); }
  void Watch(Wait wait, fuse_req_t request, Scope scope) EXCLUDES(mutex_);
  Wait Watch(fuse_req_t request, Scope scope = Scope::kAnyEnding) {
    const Wait wait = Number();
    Watch(wait, request, scope);
    return wait;
  }
  // Once for each number; true: the caller answers the request. False: it was answered with EINTR.
  bool Claim(Wait wait) EXCLUDES(mutex_);
  // It was answered with EINTR; to be claimed all the same.
  bool WasAnswered(Wait wait) EXCLUDES(mutex_);

  // Before the session goes: no request is answered any more.
  void Stop();

 private:
  struct Watched {
    fuse_req_t request;
    pid_t pid;
    Scope scope;
    int sweeps = 0;  // that it has waited for
  };
  static constexpr int kSweepsOfDirect = 2;
  static constexpr int kSweepsOfStoring = 3;
  static bool IsSwept(Scope scope) { return scope == Scope::kDirect || scope == Scope::kStoring; }
  static bool IsEnding(pid_t pid, Scope scope);
  static void OnInterrupt(fuse_req_t request, void* wait);
  void Note(Wait wait) EXCLUDES(told_mutex_);
  void Wake() EXCLUDES(told_mutex_);
  void ThreadMain();
  void Sweep(std::vector<Wait>& waits) EXCLUDES(mutex_);
  void AnswerEnded(const std::vector<Wait>& waits, std::vector<Wait>& left) EXCLUDES(mutex_);

  std::atomic<Wait> next_{1};
  // Held while libfuse's lock of a request is taken; OnInterrupt runs under that lock and takes only told_mutex_.
  Mutex mutex_;
  std::unordered_map<Wait, Watched> watched_ GUARDED_BY(mutex_);
  std::unordered_set<Wait> claimed_early_ GUARDED_BY(mutex_);  // before Watch came
  std::unordered_set<Wait> answered_ GUARDED_BY(mutex_);       // with EINTR, and not claimed yet
  std::unordered_set<pid_t> let_go_ GUARDED_BY(mutex_);  // killed: what more they store is not waited for
  std::atomic<bool> sweeps_{false};  // while something waits that is swept; set under mutex_

  Mutex told_mutex_;
  CondVar changed_;
  std::vector<Wait> told_ GUARDED_BY(told_mutex_);
  bool stopped_ GUARDED_BY(told_mutex_) = false;
  std::thread thread_;  // made under told_mutex_
};

}  // namespace ossfs2
