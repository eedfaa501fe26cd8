// ParkedWrites: gives writes that have to wait a thread, to a few of each file at once.
//
// Why: they wait for the turn of their file, which a publication may have for minutes. The kernel writes a shared map
// back with hundreds of requests at once; with a thread for each, the closes of all other files would wait as long.
// Threads: any. Those of one file begin in order.
#pragma once

#include <fuse_lowlevel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/threads/executor.h"
#include "base/threads/few_threads.h"
#include "base/threads/mutex.h"

namespace ossfs2 {

class ParkedWrites {
 public:
  // Runs the task on the executor, whose tasks may outlive this.
  void Run(Executor& executor, fuse_ino_t file, std::function<void()> task) EXCLUDES(mutex_) {
    std::shared_ptr<FewThreads> few;
    {
      MutexLock lock(mutex_);
      if (++runs_ % kSweepInterval == 0)
        std::erase_if(files_, [](const auto& item) { return item.second.expired(); });
      std::weak_ptr<FewThreads>& known = files_[file];
      few = known.lock();
      if (!few) known = few = std::make_shared<FewThreads>();
    }
    if (few->Add(std::move(task))) executor.Run([few] { few->Run(); });
  }

 private:
  static constexpr uint64_t kSweepInterval = 256;

  Mutex mutex_;
  std::unordered_map<fuse_ino_t, std::weak_ptr<FewThreads>> files_ GUARDED_BY(mutex_);  // alive while tasks of it run
  uint64_t runs_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
