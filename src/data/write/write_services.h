// WriteServices: what all files of one WriteEngine share.
//
// Lives as long as the engine; files and uploads hold references. Activity counts what still
// runs in the background, so that the engine can wait for it before it goes. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/executor.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "data/journal/journal.h"
#include "data/memory/memory_pool.h"
#include "data/staging/staging_space.h"
#include "data/upload/upload_geometry.h"
#include "data/upload/upload_memory.h"
#include "data/upload/upload_scheduler.h"
#include "data/write/seam_pages.h"
#include "data/write/upload_options.h"
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

struct WriteMetrics {
  WriteMetrics();
  Counter& write_bytes;
  Counter& parts_uploaded;
  Counter& parts_copied;
  Counter& published_put;
  Counter& published_multipart;
  Counter& published_staged;
  Counter& published_append;
  Counter& provisional;
  Counter& stuck_errors;
  Gauge& staged_files;
  Gauge& uploads_in_flight;
  Histogram& publish_time;
};

struct WriteServices {
  WriteServices(ObjectStore& object_store, MemoryPool& memory_pool, const UploadOptions& upload_options);

  // The capacity of a stream's part that begins at `offset`.
  uint64_t PartBytesAt(uint64_t offset) const { return StreamPartBytes(part_bytes, offset, pool.limit_bytes()); }

  // Runs `task` in the background; counted as activity until it returns. Such tasks never wait for memory.
  void Background(std::function<void()> task) { RunOn(background, std::move(task)); }
  // The same for what ends an upload, a parked copy or an unfinished version: it waits for copies that are under way, and
  // nothing that begins waits behind it.
  void CleanUp(std::function<void()> task) { RunOn(ends, std::move(task)); }
  // The same for a part copy: upload_copy_concurrency of them at once.
  void BackgroundCopy(std::function<void()> task) { RunOn(copies, std::move(task)); }

  ObjectStore& store;
  MemoryPool& pool;
  const UploadOptions options;
  const uint64_t part_bytes;  // options.part_bytes as the pool allows it
  const UploadCells cells;
  WriteMetrics metrics;
  StagingSpace space;
  Journal journal;
  UploadMemory memory;
  UploadScheduler scheduler;
  SeamBudget seams;
  std::atomic<int> completing{0};  // uploads that are being completed
  Activity activity;
  Executor background;
  Executor copies;
  Executor ends;

 private:
  void RunOn(Executor& executor, std::function<void()> task);
};

}  // namespace ossfs2
