#include "data/upload/upload_services.h"

#include <algorithm>

namespace ossfs2 {
namespace {
// Uploads being opened, and early parts being read from disk.
constexpr size_t kOtherThreadsMax = 16;
constexpr size_t kEndThreadsMax = 16;
}  // namespace

void Activity::Start() {
  MutexLock lock(mutex_);
  ++running_;
}

void Activity::End() {
  MutexLock lock(mutex_);
  if (--running_ == 0) idle_.NotifyAll();
}

void Activity::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (running_ != 0) idle_.Wait(lock);
}

UploadMetrics::UploadMetrics()
    : parts_uploaded(Registry::Default().counter("parts_uploaded_total", "Parts sent")),
      parts_copied(Registry::Default().counter("parts_copied_total", "Parts copied on the server")),
      in_flight(Registry::Default().gauge("uploads_in_flight", "Parts and objects being sent")) {}

UploadServices::UploadServices(ObjectStore& object_store, MemoryPool& memory_pool, const UploadOptions& upload_options)
    : store(object_store),
      pool(memory_pool),
      options(upload_options),
      journal(upload_options.journal_dir),
      memory(memory_pool, upload_options.standstill_max),
      scheduler(upload_options.concurrency),
      background("upload", kOtherThreadsMax),
      copies("upload-copy", static_cast<size_t>(std::max(upload_options.copy_concurrency, 1))),
      ends("upload-end", kEndThreadsMax) {}

void UploadServices::RunOn(Executor& executor, std::function<void()> task) {
  activity.Start();
  executor.Run([this, run = std::move(task)]() mutable {
    run();
    run = nullptr;  // what it holds goes before the engine may go
    activity.End();
  });
}

}  // namespace ossfs2
