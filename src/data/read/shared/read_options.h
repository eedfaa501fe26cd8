// ReadOptions: what a mount asks of its read engine. Bounds, not modes: within them the engine finds its own way.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/machine/page_size.h"

namespace ossfs2 {

struct ReadOptions {
  uint64_t chunk_bytes = 8ull << 20;   // prefetch_chunk_size, 1..128 MiB
  int concurrency = 256;               // prefetch_concurrency: GETs in flight, an upper bound; 0: no prefetch
  int concurrency_per_file = 64;       // prefetch_concurrency_per_file, an upper bound
  int64_t chunks_max = 0;              // prefetch_chunks: 0 = by memory; -1 = no bound; else chunks held ahead
  uint64_t cache_bytes = 0;            // memory_data_cache_size
  bool cache_until_close = false;      // the old rule: free the cache at a file's last close
  bool detect_whole_file = true;       // page faults spread over a file pull the rest ahead
  bool prefetch_next_shard = true;     // model-0000N-of-0000M
  uint64_t lead_bytes_max = 0;         // of the next shards, put into the page cache before anybody opens them
  int fill_threads = 0;                // put fetched bytes into the page cache ahead of readers; 0: do not
  bool page_cache = false;             // programs that read (not by a map) read through the page cache, not past it
  uint64_t page_bytes = KernelPageBytes();  // of the page cache
  std::string cpu_pressure_file{};     // see CpuPressure; empty: processors are never short
  bool verify_crc64 = false;           // compare the CRC of a whole object read in order
  std::chrono::milliseconds replacement_wait_max{120'000};  // reads wait no longer for a Replacement
};

}  // namespace ossfs2
