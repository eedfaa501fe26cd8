#include "cli/settings/memory_plan.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>

#include "base/machine/control_group.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "data/memory/memory_pool.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kMetadataBytesMax = 256ull << 20;
constexpr uint64_t kMetadataBytesMin = 4ull << 20;
constexpr uint64_t kBufferBytesMax = 128ull << 20;
// Beside the data cache this much suffices for prefetch and uploads, however large the pool is.
constexpr uint64_t kOthersBytesMax = 2ull << 30;

Error Refuse(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

uint64_t ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return UINT64_MAX;
  uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? value : UINT64_MAX;  // "max"
}

uint64_t PhysicalMemory(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib) {
    if (name == "MemTotal:") return kib << 10;
    std::getline(file, unit);
  }
  return UINT64_MAX;
}

}  // namespace

uint64_t AvailableMemory(const std::string& root) {
  uint64_t limit = PhysicalMemory(root);
  for (const GroupFolder& group : GroupFolders("memory", root))
    limit = std::min(limit, ReadNumber(group.path + (group.unified ? "/memory.max" : "/memory.limit_in_bytes")));
  return limit == UINT64_MAX ? 4ull << 30 : limit;
}

Result<MemoryPlan> PlanMemory(uint64_t available_bytes, const MemoryWishes& wishes) {
  MemoryPlan plan;
  plan.available_bytes = available_bytes;
  if (wishes.total_bytes != 0 && wishes.total_bytes < kTotalBytesMin)
    return Refuse(StrCat("total_mem_limit: ", FormatSize(wishes.total_bytes),
                         " is too little; give at least 64m (was a unit forgotten?), or leave it out"));
  if (available_bytes < kTotalBytesMin)
    return MakeError(
        ENOMEM, ErrorKind::kNoSpace,
        StrCat("only ", FormatSize(available_bytes),
               " of memory are allowed here; raise the memory limit of the container or control group to "
               "at least 256m"));
  const uint64_t derived = std::clamp(available_bytes / 4, kTotalBytesMin, kTotalBytesDefaultMax);
  const uint64_t wanted = wishes.total_bytes != 0 ? wishes.total_bytes : derived + wishes.cache_bytes;
  // A config file made for a larger machine still mounts, and never more than nine tenths of the memory are
  // promised: what the kernel takes instead, it takes by killing.
  plan.total_bytes = std::min(wanted, std::max(available_bytes / 10 * 9, kTotalBytesMin));
  if (wishes.total_bytes > plan.total_bytes)
    plan.notices.push_back(StrCat("total_mem_limit: ", FormatSize(plan.total_bytes), " are used instead of ",
                                  FormatSize(wishes.total_bytes), ", since there are ",
                                  FormatSize(available_bytes), " of memory here"));
  plan.metadata_bytes = wishes.metadata_bytes != 0
                            ? wishes.metadata_bytes
                            : std::clamp(plan.total_bytes / 8, kMetadataBytesMin, kMetadataBytesMax);
  plan.buffer_bytes = std::min(plan.total_bytes / 8, kBufferBytesMax);
  if (plan.metadata_bytes + plan.buffer_bytes + MemoryPool::kLimitBytesMin > plan.total_bytes)
    return Refuse(StrCat("metadata_mem_limit: ", FormatSize(plan.metadata_bytes), " leaves nothing of the ",
                         FormatSize(plan.total_bytes),
                         " of total_mem_limit for data; lower it or raise the limit"));
  plan.pool_bytes = plan.total_bytes - plan.metadata_bytes - plan.buffer_bytes;
  const uint64_t cache_bytes_max = plan.pool_bytes - std::min(plan.pool_bytes / 4, kOthersBytesMax);
  plan.cache_bytes = std::min(wishes.cache_bytes, cache_bytes_max);
  if (plan.cache_bytes < wishes.cache_bytes)
    plan.notices.push_back(StrCat("memory_data_cache_size: ", FormatSize(plan.cache_bytes),
                                  " are used instead of ", FormatSize(wishes.cache_bytes), ", since the limit is ",
                                  FormatSize(plan.total_bytes), " of the ", FormatSize(available_bytes),
                                  " here, and reads and uploads need some of it"));
  return plan;
}

std::string MemoryPlan::ToString() const {
  return StrCat(FormatSize(total_bytes), " of the ", FormatSize(available_bytes), " here; data ",
                FormatSize(pool_bytes),
                cache_bytes != 0 ? StrCat(" (cache ", FormatSize(cache_bytes), " of it)") : "", ", metadata ",
                FormatSize(metadata_bytes), ", buffers ", FormatSize(buffer_bytes));
}

}  // namespace ossfs2
