// For death tests: what happens when the machine or container gives no more threads.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>

namespace ossfs2 {

// From now on this process gets `more` threads and no others, for good. A hang ends it after a minute. The limit
// counts all threads of the user, so a user that nobody else is takes over.
inline void LimitThreads(size_t more) {
  constexpr uid_t kNobodyElse = 54321;
  alarm(60);
  const std::filesystem::directory_iterator threads("/proc/self/task");
  auto now = static_cast<rlim_t>(std::distance(begin(threads), end(threads)));
#if defined(__SANITIZE_THREAD__)
  if (now == 1) ++now;  // ThreadSanitizer starts one of its own with the first of the program
#endif
  const rlimit limit{now + more, now + more};
  if ((geteuid() == 0 && setuid(kNobodyElse) != 0) || setrlimit(RLIMIT_NPROC, &limit) != 0) {
    perror("LimitThreads");
    _exit(2);
  }
}

// Calls `holds`, which calls LimitThreads, in a process of its own: neither limit nor user can be taken back.
template <class Function>
void ExpectInOwnProcess(Function holds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(_exit(holds() ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace ossfs2
