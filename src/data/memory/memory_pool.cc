#include "data/memory/memory_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/report/log.h"
#include "base/report/metrics.h"
#include "base/threads/in_turn.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

Gauge& TagGauge(size_t tag) {
  static std::array<Gauge*, kMemoryTags> gauges = [] {
    std::array<Gauge*, kMemoryTags> made{};
    for (size_t i = 0; i < kMemoryTags; ++i)
      made[i] = &Registry::Default().gauge("memory_bytes", "Payload memory in use",
                                           StrCat("tag=\"", MemoryTagName(static_cast<MemoryTag>(i)), "\""));
    return made;
  }();
  return *gauges[tag];
}

Counter& WaitCounter() {
  static Counter& counter =
      Registry::Default().counter("memory_waits_total", "Allocations that had to wait for payload memory");
  return counter;
}

}  // namespace

const char* MemoryTagName(MemoryTag tag) {
  switch (tag) {
    case MemoryTag::kRead: return "read";
    case MemoryTag::kCache: return "cache";
    case MemoryTag::kUpload: return "upload";
    case MemoryTag::kReceive: return "receive";
    case MemoryTag::kParked: return "parked";
  }
  return "unknown";
}

struct Block::Return {
  MemoryPool* pool;
  void operator()(Block* block) const { pool->Return(block); }
};

MemoryPool::MemoryPool(uint64_t limit_bytes)
    : limit_bytes_(std::max(limit_bytes, kLimitBytesMin) / MemorySlabs::kSlabBytes * MemorySlabs::kSlabBytes),
      limit_blocks_(limit_bytes_ / kBlockBytes),
      reserve_blocks_(std::max<size_t>(limit_blocks_ / 4, 2)),
      slabs_(limit_bytes_) {}

MemoryPool::~MemoryPool() {
  MutexLock lock(mutex_);
  // The last callbacks of the network threads may still hold a block for a moment.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (UsedBlocks() != 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero() || !empty_.WaitFor(lock, left)) break;
  }
  if (UsedBlocks() != 0) {
    Log(LogLevel::kError, "MemoryPool destroyed while blocks are in use; this is a programming error");
    FlushLog();
    std::abort();
  }
}

bool MemoryPool::IsShareUsedUp(MemoryTag tag, size_t count) const {
  if (tag == MemoryTag::kReceive) return Used(tag) + count > limit_blocks_ / kReceiveDivisor;
  return tag == MemoryTag::kParked && Used(tag) + count > limit_blocks_ / kParkedDivisor;
}

bool MemoryPool::Fits(MemoryTag tag, size_t count) const {
  const size_t uploads = UsedByUploads();
  const size_t parked = Used(MemoryTag::kParked);
  const size_t wanted = UsedBlocks() + count;
  if (wanted > limit_blocks_ || IsShareUsedUp(tag, count)) return false;
  // A writer may hold a half-filled part as long as it likes, so the read reserve is absolute.
  if (IsUpload(tag)) return uploads + count <= limit_blocks_ - reserve_blocks_;
  const size_t upload_rest = reserve_blocks_ - std::min(uploads, reserve_blocks_);
  if (tag == MemoryTag::kParked) return wanted + upload_rest <= limit_blocks_;
  // Reads always drain, so they may use what is reserved for others until those want it.
  const bool uploads_active = Used(MemoryTag::kUpload) != 0 || !upload_waiters_.empty();
  const size_t parked_reserve = limit_blocks_ / kParkedReserveDivisor;
  const size_t parked_rest = parked_waiters_.empty() ? 0 : parked_reserve - std::min(parked, parked_reserve);
  return wanted + (uploads_active ? upload_rest : 0) + parked_rest <= limit_blocks_;
}

std::list<MemoryPool::Waiter>& MemoryPool::Queue(MemoryTag tag) {
  if (tag == MemoryTag::kParked) return parked_waiters_;
  return IsUpload(tag) ? upload_waiters_ : read_waiters_;
}

const std::list<MemoryPool::Waiter>& MemoryPool::Queue(MemoryTag tag) const {
  if (tag == MemoryTag::kParked) return parked_waiters_;
  return IsUpload(tag) ? upload_waiters_ : read_waiters_;
}

void MemoryPool::Account(MemoryTag tag, int64_t blocks) {
  const auto index = static_cast<size_t>(tag);
  used_[index] += static_cast<size_t>(blocks);
  TagGauge(index).Add(blocks * static_cast<int64_t>(kBlockBytes));
}

std::vector<BlockRef> MemoryPool::Take(MemoryTag tag, size_t count) {
  std::vector<BlockRef> blocks;
  blocks.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Block* block = slabs_.Take();
    block->tag_ = tag;
    blocks.emplace_back(block, Block::Return{this});
  }
  Account(tag, static_cast<int64_t>(count));
  peak_blocks_ = std::max(peak_blocks_, UsedBlocks());
  return blocks;
}

std::vector<MemoryPool::Served> MemoryPool::ServeWaiters() {
  std::vector<Served> served;
  // Uploads first: their reserve is kept free for them, reads have the rest.
  for (std::list<Waiter>* queue : {&upload_waiters_, &parked_waiters_, &read_waiters_}) {
    while (!queue->empty() && Fits(queue->front().tag, queue->front().count)) {
      Waiter waiter = std::move(queue->front());
      queue->pop_front();
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      served.push_back({Take(waiter.tag, waiter.count), std::move(waiter.ready)});
    }
  }
  return served;
}

// What they do not keep comes back, and serves those behind them.
void MemoryPool::Hand(std::vector<Served>& served) {
  for (Served& one : served)
    RunInTurn([ready = std::move(one.ready), blocks = std::move(one.blocks)]() mutable { ready(std::move(blocks)); });
}

void MemoryPool::Return(Block* block) {
  std::vector<Served> served;
  {
    MutexLock lock(mutex_);
    slabs_.PutBack(block);
    Account(block->tag_, -1);
    if (waiting_.load(std::memory_order_relaxed) != 0) served = ServeWaiters();
    if (UsedBlocks() == 0) empty_.NotifyAll();
  }
  Hand(served);
}

void MemoryPool::Reclaim(size_t count) {
  std::vector<std::function<void(size_t)>> reclaimers;
  {
    MutexLock lock(mutex_);
    reclaimers = reclaimers_;
  }
  for (const auto& reclaim : reclaimers) reclaim(count);
}

BlockRef MemoryPool::TryAllocate(MemoryTag tag) {
  std::vector<BlockRef> blocks = TryAllocate(tag, 1);
  return blocks.empty() ? nullptr : std::move(blocks.front());
}

std::vector<BlockRef> MemoryPool::TryAllocate(MemoryTag tag, size_t count) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    {
      MutexLock lock(mutex_);
      if (!Queue(tag).empty()) return {};
      if (Fits(tag, count)) return Take(tag, count);
      if (IsShareUsedUp(tag, count)) return {};
    }
    if (tag == MemoryTag::kReceive) return {};
    if (attempt == 0) Reclaim(count);
  }
  return {};
}

uint64_t MemoryPool::AllocateAsync(MemoryTag tag, size_t count, std::function<void(std::vector<BlockRef>)> ready) {
  std::vector<BlockRef> blocks = TryAllocate(tag, count);
  if (blocks.size() == count) {
    ready(std::move(blocks));
    return 0;
  }
  WaitCounter().Add();
  uint64_t ticket = 0;
  bool reclaim_helps = true;
  {
    MutexLock lock(mutex_);
    ticket = ++last_ticket_;
    reclaim_helps = !IsShareUsedUp(tag, count);
    Queue(tag).push_back({tag, count, std::move(ready), ticket});
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
  // Blocks may have come back, or become cache, between the try and the queue.
  if (reclaim_helps) Reclaim(count);
  std::vector<Served> served;
  {
    MutexLock lock(mutex_);
    served = ServeWaiters();
  }
  Hand(served);
  return ticket;
}

bool MemoryPool::CancelWait(uint64_t ticket) {
  std::list<Waiter> canceled;  // dropped without the lock
  std::vector<Served> served;
  {
    MutexLock lock(mutex_);
    for (std::list<Waiter>* queue : {&upload_waiters_, &parked_waiters_, &read_waiters_}) {
      const auto found = std::find_if(queue->begin(), queue->end(),
                                      [ticket](const Waiter& waiter) { return waiter.ticket == ticket; });
      if (found != queue->end()) canceled.splice(canceled.begin(), *queue, found);
    }
    if (canceled.empty()) return false;
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    served = ServeWaiters();  // those behind may want less
  }
  Hand(served);
  return true;
}

void MemoryPool::RefuseWaiters(MemoryTag tag) {
  std::list<Waiter> refused;
  {
    MutexLock lock(mutex_);
    refused.swap(Queue(tag));
    waiting_.fetch_sub(refused.size(), std::memory_order_relaxed);
  }
  for (Waiter& waiter : refused) waiter.ready({});
}

void MemoryPool::Retag(Block& block, MemoryTag tag) {
  MutexLock lock(mutex_);
  if (block.tag_ == tag) return;
  Account(block.tag_, -1);
  block.tag_ = tag;
  Account(tag, 1);
}

void MemoryPool::AddReclaimer(std::function<void(size_t)> reclaim) {
  MutexLock lock(mutex_);
  reclaimers_.push_back(std::move(reclaim));
}

void MemoryPool::ReleaseIdle() {
  MutexLock lock(mutex_);
  slabs_.ReleaseIdle();
}

uint64_t MemoryPool::UsedBytes(MemoryTag tag) const {
  MutexLock lock(mutex_);
  return used_[static_cast<size_t>(tag)] * kBlockBytes;
}

uint64_t MemoryPool::UsedBytes() const {
  MutexLock lock(mutex_);
  return UsedBlocks() * kBlockBytes;
}

uint64_t MemoryPool::MappedBytes() const {
  MutexLock lock(mutex_);
  return slabs_.ResidentBytes();
}

uint64_t MemoryPool::PeakBytes() const {
  MutexLock lock(mutex_);
  return peak_blocks_ * kBlockBytes;
}

bool MemoryPool::ReclaimHelps() const {
  MutexLock lock(mutex_);
  if (!read_waiters_.empty()) return true;
  if (!parked_waiters_.empty() && !IsShareUsedUp(MemoryTag::kParked, parked_waiters_.front().count)) return true;
  return !upload_waiters_.empty() &&
         UsedByUploads() + upload_waiters_.front().count <= limit_blocks_ - reserve_blocks_;
}

size_t MemoryPool::Waiters(MemoryTag tag) const {
  MutexLock lock(mutex_);
  const auto& queue = Queue(tag);
  return static_cast<size_t>(
      std::count_if(queue.begin(), queue.end(), [tag](const Waiter& waiter) { return waiter.tag == tag; }));
}

}  // namespace ossfs2
