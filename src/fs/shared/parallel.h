// RunParallel: runs tasks on executor threads and on the caller's, and returns when all are done.
//
// The caller takes every task that no executor thread has started, so it never waits for a free thread:
// safe to call from a full executor's own threads. Tasks may block on the network.
#pragma once

#include <cstddef>
#include <functional>

#include "base/threads/executor.h"

namespace ossfs2 {

// task(i) for i in [0, count), at most `width` at a time.
void RunParallel(Executor& executor, size_t count, size_t width, const std::function<void(size_t)>& task);

}  // namespace ossfs2
