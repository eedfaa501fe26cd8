#include "data/write/write_services.h"

#include <algorithm>
#include <utility>

namespace ossfs2 {
namespace {
// Uploads being opened, and early parts being read from disk.
constexpr size_t kOtherThreadsMax = 16;
constexpr size_t kEndThreadsMax = 16;
// 16 MiB of pages, or a 64th of the pool where that is less.
constexpr uint64_t kSeamBytesMax = 16ull << 20;

size_t SeamPagesMax(uint64_t pool_bytes) {
  return static_cast<size_t>(std::min(kSeamBytesMax, pool_bytes / 64) / kKeptPageBytes);
}
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

WriteMetrics::WriteMetrics()
    : write_bytes(Registry::Default().counter("write_bytes_total", "Bytes written by programs")),
      parts_uploaded(Registry::Default().counter("parts_uploaded_total", "Parts sent")),
      parts_copied(Registry::Default().counter("parts_copied_total", "Parts copied on the server")),
      published_put(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"put\"")),
      published_multipart(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"multipart\"")),
      published_staged(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"staged\"")),
      published_append(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"append\"")),
      provisional(Registry::Default().counter("provisional_publishes_total",
                                              "Unfinished files stored because sent bytes were asked for")),
      stuck_errors(Registry::Default().counter("write_errors_stuck_total", "Files whose upload failed for good")),
      staged_files(Registry::Default().gauge("staged_files", "Files in the staging folder")),
      uploads_in_flight(Registry::Default().gauge("uploads_in_flight", "Parts and objects being sent")),
      publish_time(Registry::Default().histogram("publish_seconds", "Time from fsync or close to stored")) {}

WriteServices::WriteServices(ObjectStore& object_store, MemoryPool& memory_pool,
                             const UploadOptions& upload_options)
    : store(object_store),
      pool(memory_pool),
      options(upload_options),
      part_bytes(UsablePartBytes(upload_options.part_bytes, memory_pool.limit_bytes())),
      cells(part_bytes),
      space(upload_options.staging_dir, upload_options.staging_bytes_max, upload_options.staging_free_bytes_min,
            upload_options.staging_free_percent_min),
      journal(upload_options.journal_dir),
      memory(memory_pool, upload_options.standstill_max),
      scheduler(upload_options.concurrency),
      seams(SeamPagesMax(memory_pool.limit_bytes())),
      background("upload", kOtherThreadsMax),
      copies("upload-copy", static_cast<size_t>(std::max(upload_options.copy_concurrency, 1))),
      ends("upload-end", kEndThreadsMax) {}

void WriteServices::RunOn(Executor& executor, std::function<void()> task) {
  activity.Start();
  executor.Run([this, run = std::move(task)]() mutable {
    run();
    run = nullptr;  // what it holds goes before the engine may go
    activity.End();
  });
}

}  // namespace ossfs2
