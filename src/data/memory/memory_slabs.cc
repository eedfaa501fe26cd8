#include "data/memory/memory_slabs.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>

#include "base/report/log.h"
#include "base/report/metrics.h"
#include "base/values/str.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ossfs2 {
namespace {

// AddressSanitizer knows only what malloc gives. Told of blocks that nobody owns, it reports who still uses one.
#if defined(__SANITIZE_ADDRESS__)
void ForbidAccess(std::byte* memory, uint64_t bytes) { __asan_poison_memory_region(memory, bytes); }
void AllowAccess(std::byte* memory, uint64_t bytes) { __asan_unpoison_memory_region(memory, bytes); }
#else
void ForbidAccess(std::byte*, uint64_t) {}
void AllowAccess(std::byte*, uint64_t) {}
#endif

Gauge& ResidentGauge() {
  static Gauge& gauge = Registry::Default().gauge("memory_mapped_bytes", "Payload memory taken from the system");
  return gauge;
}

// Address space for all slabs, aligned to the slab (and so to a huge page).
std::byte* ReserveAddresses(uint64_t bytes, uint64_t alignment) {
  void* raw = mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) {
    Log(LogLevel::kError, StrCat("cannot reserve ", bytes, " bytes of address space for total_mem_limit; ",
                                 "lower the option or raise ulimit -v"));
    FlushLog();
    std::abort();
  }
  auto* start = static_cast<std::byte*>(raw);
  const uint64_t head = (alignment - reinterpret_cast<uintptr_t>(raw) % alignment) % alignment;
  if (head != 0) munmap(start, head);
  munmap(start + head + bytes, alignment - head);
  madvise(start + head, bytes, MADV_HUGEPAGE);
  madvise(start + head, bytes, MADV_DONTDUMP);
  return start + head;
}

}  // namespace

MemorySlabs::MemorySlabs(uint64_t bytes) : bytes_(bytes), memory_(ReserveAddresses(bytes, kSlabBytes)) {
  for (uint32_t i = 0; i < bytes / kSlabBytes; ++i) {
    Slab& slab = slabs_.emplace_back();
    for (size_t k = 0; k < kBlocksPerSlab; ++k) {
      slab.blocks[k].data_ = memory_ + i * kSlabBytes + k * Block::kBytes;
      slab.blocks[k].slab_ = i;
    }
    open_.insert(open_.end(), i);
  }
}

MemorySlabs::~MemorySlabs() {
  ResidentGauge().Add(-static_cast<int64_t>(ResidentBytes()));
  for (size_t i = 0; i < slabs_.size(); ++i)
    if (slabs_[i].resident) AllowAccess(memory_ + i * kSlabBytes, kSlabBytes);  // others may map there next
  munmap(memory_, bytes_);
}

Block* MemorySlabs::Take() {
  Slab& slab = slabs_[*open_.begin()];
  const int bit = std::countr_zero(slab.free_mask);
  slab.free_mask = static_cast<uint8_t>(slab.free_mask & ~(1u << bit));
  slab.was_idle = false;
  if (slab.free_mask == 0) open_.erase(open_.begin());
  if (!slab.resident) {
    slab.resident = true;
    ++resident_;
    ResidentGauge().Add(kSlabBytes);
  }
  Block& block = slab.blocks[static_cast<size_t>(bit)];
  AllowAccess(block.data_, Block::kBytes);
  return &block;
}

void MemorySlabs::PutBack(const Block* block) {
  Slab& slab = slabs_[block->slab_];
  const auto bit = static_cast<size_t>(block - slab.blocks.data());
  if (slab.free_mask == 0) open_.insert(block->slab_);
  slab.free_mask = static_cast<uint8_t>(slab.free_mask | (1u << bit));
  ForbidAccess(block->data_, Block::kBytes);
}

void MemorySlabs::ReleaseIdle() {
  for (size_t i = 0; i < slabs_.size(); ++i) {
    Slab& slab = slabs_[i];
    if (!slab.resident || slab.free_mask != 0xff) continue;
    if (!slab.was_idle) {
      slab.was_idle = true;
      continue;
    }
    AllowAccess(memory_ + i * kSlabBytes, kSlabBytes);
    madvise(memory_ + i * kSlabBytes, kSlabBytes, MADV_DONTNEED);
    slab.resident = false;
    slab.was_idle = false;
    --resident_;
    ResidentGauge().Add(-static_cast<int64_t>(kSlabBytes));
  }
}

}  // namespace ossfs2
