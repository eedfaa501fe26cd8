// MemoryPlan: how total_mem_limit is divided.
//
// The limit is hard. Of it a fixed part serves names and attributes (metadata_bytes) and buffers of
// threads and connections (buffer_bytes); what remains is the pool of payload blocks, in which the data
// cache (memory_data_cache_size) lies. Without total_mem_limit the limit is a quarter of the memory of
// machine or control group, at most 8 GiB, plus the data cache on top; with it the cache must fit inside;
// without it a cache too large for the machine takes what there is, with a notice.
// A pure function of its input; no threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

struct MemoryPlan {
  uint64_t available_bytes = 0;  // of machine or control group
  uint64_t total_bytes = 0;      // the hard limit
  uint64_t metadata_bytes = 0;
  uint64_t buffer_bytes = 0;
  uint64_t pool_bytes = 0;
  uint64_t cache_bytes = 0;  // inside the pool
  std::string notice;        // what was given less than asked; empty: nothing
  // The plan for the log, one line.
  std::string ToString() const;
};

struct MemoryWishes {
  uint64_t total_bytes = 0;     // 0: by the machine
  uint64_t cache_bytes = 0;     // memory_data_cache_size
  uint64_t metadata_bytes = 0;  // 0: an eighth, at most 256 MiB
};

inline constexpr uint64_t kTotalBytesMin = 64ull << 20;
inline constexpr uint64_t kTotalBytesDefaultMax = 8ull << 30;

// Errors (ENOMEM or EINVAL): the limit is below 64 MiB or above the memory there is, or the cache leaves less
// than a quarter of the pool (at most 2 GiB) to reads and uploads.
Result<MemoryPlan> PlanMemory(uint64_t available_bytes, const MemoryWishes& wishes);

// Physical memory, or the smallest limit of the control groups (v1, v2) this process is in.
// `root` stands before /proc and /sys in tests.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace ossfs2
