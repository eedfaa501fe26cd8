// WriteServices: what the content of all files of one WriteEngine shares, with their uploads.
//
// Lives as long as the engine; files hold references. Thread-safe.
#pragma once

#include <cstdint>

#include "base/report/metrics.h"
#include "data/memory/memory_pool.h"
#include "data/staging/extent_budget.h"
#include "data/staging/staging_space.h"
#include "data/upload/upload_geometry.h"
#include "data/upload/upload_options.h"
#include "data/upload/upload_services.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// How a file gives up what it has in memory: what is too short to be a part can only go to disk.
enum class Release : uint8_t { kBySending, kBySendingOrSpilling };

struct WriteMetrics {
  WriteMetrics();
  Counter& write_bytes;
  Counter& published_put;
  Counter& published_multipart;
  Counter& published_staged;
  Counter& published_append;
  Counter& provisional;
  Counter& stuck_errors;
  Gauge& staged_files;
  Histogram& publish_time;
};

struct WriteServices : UploadServices {
  WriteServices(ObjectStore& object_store, MemoryPool& memory_pool, const UploadOptions& upload_options);

  // The capacity of a stream's part that begins at `offset`.
  uint64_t PartBytesAt(uint64_t offset) const { return StreamPartBytes(part_bytes, offset, pool.limit_bytes()); }

  const uint64_t part_bytes;  // options.part_bytes as the pool allows it
  const UploadCells cells;
  WriteMetrics metrics;
  StagingSpace space;
  ExtentBudget extents;
};

}  // namespace ossfs2
