// Mutex, MutexLock and CondVar: std types with Clang thread-safety annotations.
//
// Fields name their lock with GUARDED_BY, functions what they need with REQUIRES
// or EXCLUDES; Clang's -Wthread-safety checks it, for other compilers they are nothing.
// No lock is held over the network.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define OSSFS2_TSA(x) __attribute__((x))
#else
#define OSSFS2_TSA(x)
#endif
#define CAPABILITY(x) OSSFS2_TSA(capability(x))
#define SCOPED_CAPABILITY OSSFS2_TSA(scoped_lockable)
#define GUARDED_BY(x) OSSFS2_TSA(guarded_by(x))
#define REQUIRES(...) OSSFS2_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) OSSFS2_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) OSSFS2_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) OSSFS2_TSA(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS OSSFS2_TSA(no_thread_safety_analysis)

namespace ossfs2 {

class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex for a scope; Unlock and Lock may open a gap inside it.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void Unlock() RELEASE() { lock_.unlock(); }
  void Lock() ACQUIRE() { lock_.lock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

// Write waits as loops around Wait: the analysis sees guarded fields there, not in a lambda.
class CondVar {
 public:
  void Wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  // False when the time ran out.
  bool WaitFor(MutexLock& lock, std::chrono::nanoseconds duration) {
    return condition_.wait_for(lock.lock_, duration) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace ossfs2
