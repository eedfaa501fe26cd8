// MemoryPlan: how total_mem_limit is divided.
//
// The limit is hard. Of it a fixed part serves names and attributes (metadata_bytes) and buffers of
// threads and connections (buffer_bytes); what remains is the pool of payload blocks, in which the data
// cache (memory_data_cache_size) lies. Without total_mem_limit the limit is a quarter of the memory of
// machine or control group, at most 8 GiB, plus the data cache on top; with it the cache lies inside.
// A limit or cache that is too large for the machine, or a cache too large for the limit, takes what there is,
// with a notice.
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
  std::vector<std::string> notices;  // what was given less than asked
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

// The cache leaves a quarter of the pool (at most 2 GiB) to reads and uploads. Errors: ENOMEM, there are less than
// 64 MiB; EINVAL, the limit is below 64 MiB or metadata_mem_limit leaves nothing of it.
Result<MemoryPlan> PlanMemory(uint64_t available_bytes, const MemoryWishes& wishes);

// Physical memory, or the smallest limit of the control groups (v1, v2) this process is in.
// `root` stands before /proc and /sys in tests.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace ossfs2
