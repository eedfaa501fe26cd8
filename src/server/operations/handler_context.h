// HandlerContext: what all operations of one server work on, and how they are told to behave (the command line).
//
// Threads: set before the first request, and only read from then on, but for page_entries_max; storage and stats are
// thread-safe, and outlive the context.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "server/exchange/stats.h"
#include "server/storage/storage.h"

namespace ossfs2::server {

struct HandlerContext {
  Storage& storage;
  Stats& stats;
  bool discard = false;             // uploads are counted, not kept; only their CRC64 is checked
  bool copies_change_etag = false;  // a copy has another ETag than its source, as under another encryption
  bool no_copy_crc = false;         // answers to CopyObject tell no CRC64
  bool versioned = false;           // as a bucket with versioning answers; old versions are not kept
  int64_t restore_seconds = 1;      // how long a restore stays "ongoing"
  std::string region = "cn-hangzhou";
  std::string storage_class = "Standard";   // of what is written without a class of its own
  std::atomic<int> page_entries_max{1000};  // tiny pages for tests
};

}  // namespace ossfs2::server
