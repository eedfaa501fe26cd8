#include "fs/shared/parallel.h"

#include <algorithm>
#include <memory>

#include "base/threads/mutex.h"

namespace ossfs2 {
namespace {

struct Work {
  Mutex mutex;
  CondVar done;
  size_t next GUARDED_BY(mutex) = 0;
  size_t running GUARDED_BY(mutex) = 0;
  size_t count = 0;
  const std::function<void(size_t)>* task = nullptr;  // valid until all of `count` are taken and none runs
};

void Drain(Work& work) {
  MutexLock lock(work.mutex);
  while (work.next < work.count) {
    const size_t index = work.next++;
    ++work.running;
    lock.Unlock();
    (*work.task)(index);
    lock.Lock();
    if (--work.running == 0) work.done.NotifyAll();
  }
}

}  // namespace

void RunParallel(Executor& executor, size_t count, size_t width, const std::function<void(size_t)>& task) {
  if (count == 0) return;
  auto work = std::make_shared<Work>();
  work->count = count;
  work->task = &task;
  const size_t helpers = std::min(count, std::max<size_t>(width, 1)) - 1;
  for (size_t i = 0; i < helpers; ++i) executor.Run([work] { Drain(*work); });
  Drain(*work);
  MutexLock lock(work->mutex);
  while (work->running > 0) work->done.Wait(lock);
}

}  // namespace ossfs2
