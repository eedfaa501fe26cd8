// AskForTimeSlice: how long the calling thread wants to run before another that is ready may take its processor.
//
// The scheduler (EEVDF, Linux 6.12 and later) runs the thread with the earliest deadline, and a deadline is a slice
// away: a thread with a short one is let in soon after it wakes, one with a long one is seldom interrupted, and both
// get the same share of the processor in the end. When processors are short this lets the threads that a program waits
// for in before those that fetch and send ahead (docs/performance.md). It needs no privilege and leaves policy and nice
// value as they are.
// Threads: acts on the calling thread; threads that it makes later ask for the same slice.
// Errors: none to act on. Older kernels take the request and ignore it; another policy than the usual ones, or a
// sandbox that forbids the call, leaves things as they were.
// Source: sched_setattr(2), sched_runtime of SCHED_OTHER and SCHED_BATCH.
#pragma once

#include <chrono>

namespace ossfs2 {

// For threads that move bytes between sockets and memory, most of them ahead of who wants them. The kernel's own is
// about 3 ms and it allows 0.1 to 100 ms. Threads that answer requests keep its own: 0.1 ms for them cost small files
// 5 %.
inline constexpr std::chrono::microseconds kTransferSlice{20'000};

// False when the kernel refused or the policy is none with slices.
bool AskForTimeSlice(std::chrono::microseconds slice);

// What the kernel says the calling thread's slice is; zero when it does not say (before Linux 6.12).
std::chrono::microseconds TimeSlice();

}  // namespace ossfs2
