// UploadServices: what all uploads of one WriteEngine share.
//
// Lives as long as the engine; uploads hold references. Activity counts what still runs in the background, so that the
// engine can wait for it before it goes. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

#include "base/report/metrics.h"
#include "base/threads/executor.h"
#include "base/threads/mutex.h"
#include "data/journal/journal.h"
#include "data/memory/memory_pool.h"
#include "data/upload/upload_memory.h"
#include "data/upload/upload_options.h"
#include "data/upload/upload_scheduler.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class Activity {
 public:
  void Start() EXCLUDES(mutex_);
  void End() EXCLUDES(mutex_);
  void WaitUntilIdle() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  CondVar idle_;
  size_t running_ GUARDED_BY(mutex_) = 0;
};

struct UploadMetrics {
  UploadMetrics();
  Counter& parts_uploaded;
  Counter& parts_copied;
  Gauge& in_flight;  // parts and objects being sent
};

struct UploadServices {
  UploadServices(ObjectStore& object_store, MemoryPool& memory_pool, const UploadOptions& upload_options);

  // Runs `task` in the background; counted as activity until it returns. Such tasks never wait for memory.
  void Background(std::function<void()> task) { RunOn(background, std::move(task)); }
  // The same for what ends an upload, a parked copy or an unfinished version: it waits for copies that are under way,
  // and nothing that begins waits behind it.
  void CleanUp(std::function<void()> task) { RunOn(ends, std::move(task)); }
  // The same for a part copy: upload_copy_concurrency of them at once.
  void BackgroundCopy(std::function<void()> task) { RunOn(copies, std::move(task)); }

  ObjectStore& store;
  MemoryPool& pool;
  const UploadOptions options;
  UploadMetrics upload_metrics;
  Journal journal;
  UploadMemory memory;
  UploadScheduler scheduler;
  std::atomic<int> completing{0};  // uploads that are being completed, and appends: they give memory back when they end
  Activity activity;
  Executor background;
  Executor copies;
  Executor ends;

 private:
  void RunOn(Executor& executor, std::function<void()> task);
};

}  // namespace ossfs2
