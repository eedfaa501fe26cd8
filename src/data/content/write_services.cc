#include "data/content/write_services.h"

#include <algorithm>
#include <cstddef>

namespace ossfs2 {
namespace {
// 32 MiB of extents, or a 64th of the pool where that is less.
constexpr uint64_t kExtentBytesMax = 32ull << 20;
constexpr uint64_t kExtentBytes = 64;  // a node of the map as the allocator rounds it

size_t ExtentsMax(uint64_t pool_bytes) {
  return static_cast<size_t>(std::min(kExtentBytesMax, pool_bytes / 64) / kExtentBytes);
}
}  // namespace

WriteMetrics::WriteMetrics()
    : write_bytes(Registry::Default().counter("write_bytes_total", "Bytes written by programs")),
      published_put(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"put\"")),
      published_multipart(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"multipart\"")),
      published_staged(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"staged\"")),
      published_append(Registry::Default().counter("publishes_total", "Objects stored", "kind=\"append\"")),
      provisional(Registry::Default().counter("provisional_publishes_total",
                                              "Unfinished files stored because sent bytes were asked for")),
      stuck_errors(Registry::Default().counter("write_errors_stuck_total", "Files whose upload failed for good")),
      staged_files(Registry::Default().gauge("staged_files", "Files in the staging folder")),
      publish_time(Registry::Default().histogram("publish_seconds", "Time from fsync or close to stored")) {}

WriteServices::WriteServices(ObjectStore& object_store, MemoryPool& memory_pool, const UploadOptions& upload_options)
    : UploadServices(object_store, memory_pool, upload_options),
      part_bytes(UsablePartBytes(upload_options.part_bytes, memory_pool.limit_bytes())),
      cells(part_bytes),
      space(upload_options.staging_dir, upload_options.staging_bytes_max, upload_options.staging_free_bytes_min,
            upload_options.staging_free_percent_min),
      extents(ExtentsMax(memory_pool.limit_bytes())) {}

}  // namespace ossfs2
