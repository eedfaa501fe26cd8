// MemoryPool: never more than its limit, the shares of reads and uploads, and waiters served in order.
#include "data/memory/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <thread>

#include "base/threads/awaited.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace ossfs2 {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr size_t kBlock = MemoryPool::kBlockBytes;

// Blocks the thread until they are there.
std::vector<BlockRef> Allocate(MemoryPool& pool, MemoryTag tag, size_t count) {
  const auto blocks = std::make_shared<Awaited<std::vector<BlockRef>>>();
  pool.AllocateAsync(tag, count, [blocks](std::vector<BlockRef> given) { blocks->Set(std::move(given)); });
  return blocks->Take();
}

TEST(MemoryPoolTest, BlocksAreDistinctAndReturn) {
  MemoryPool pool(16 * kMiB);
  std::vector<BlockRef> blocks = pool.TryAllocate(MemoryTag::kRead, 64);
  ASSERT_EQ(blocks.size(), 64u);
  for (size_t i = 0; i < blocks.size(); ++i) std::memset(blocks[i]->data(), static_cast<int>(i), kBlock);
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(blocks[i]->data()[0], std::byte(i));
    EXPECT_EQ(blocks[i]->data()[kBlock - 1], std::byte(i));
  }
  EXPECT_EQ(pool.UsedBytes(MemoryTag::kRead), 16 * kMiB);
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kRead), nullptr);
  blocks.clear();
  EXPECT_EQ(pool.UsedBytes(), 0u);
  EXPECT_EQ(pool.PeakBytes(), 16 * kMiB);
}

#if defined(__SANITIZE_ADDRESS__)
TEST(MemoryPoolTest, AddressSanitizerKnowsWhatNobodyOwns) {
  const std::byte* first = nullptr;
  {
    MemoryPool pool(16 * kMiB);
    BlockRef block = pool.TryAllocate(MemoryTag::kRead);
    first = block->data();
    EXPECT_FALSE(__asan_address_is_poisoned(first));
    block.reset();
    EXPECT_TRUE(__asan_address_is_poisoned(first));
    EXPECT_TRUE(__asan_address_is_poisoned(first + kBlock - 1));
    block = pool.TryAllocate(MemoryTag::kUpload);
    ASSERT_EQ(block->data(), first);
    EXPECT_FALSE(__asan_address_is_poisoned(first + kBlock - 1));
    block.reset();
    pool.ReleaseIdle();
    pool.ReleaseIdle();
    EXPECT_EQ(pool.MappedBytes(), 0u);
    block = pool.TryAllocate(MemoryTag::kRead);
    EXPECT_FALSE(__asan_address_is_poisoned(block->data()));
  }
  EXPECT_FALSE(__asan_address_is_poisoned(first));  // the addresses may be anybody's now
}
#endif

TEST(MemoryPoolTest, LimitIsRoundedToSlabsAndHasAFloor) {
  EXPECT_EQ(MemoryPool(1).limit_bytes(), 16 * kMiB);
  EXPECT_EQ(MemoryPool(21 * kMiB).limit_bytes(), 20 * kMiB);
}

TEST(MemoryPoolTest, AllOrNothing) {
  MemoryPool pool(16 * kMiB);
  EXPECT_TRUE(pool.TryAllocate(MemoryTag::kRead, 65).empty());
  EXPECT_EQ(pool.UsedBytes(), 0u);
}

TEST(MemoryPoolTest, UploadsLeaveTheReadReserve) {
  MemoryPool pool(16 * kMiB);
  auto uploads = pool.TryAllocate(MemoryTag::kUpload, 48);
  ASSERT_EQ(uploads.size(), 48u);
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kUpload), nullptr);
  auto reads = pool.TryAllocate(MemoryTag::kRead, 16);
  EXPECT_EQ(reads.size(), 16u);
}

TEST(MemoryPoolTest, ReceivingHasASixteenthAndTakesNothingFromReads) {
  MemoryPool pool(16 * kMiB);
  int reclaims = 0;
  pool.AddReclaimer([&reclaims](size_t) { ++reclaims; });
  auto receive = pool.TryAllocate(MemoryTag::kReceive, 4);
  ASSERT_EQ(receive.size(), 4u);
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kReceive), nullptr);
  EXPECT_EQ(reclaims, 0);
  // What waits for writes that may never come keeps no reserve free.
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kRead, 60).size(), 60u);
  pool.Retag(*receive[0], MemoryTag::kUpload);
  EXPECT_EQ(pool.UsedBytes(MemoryTag::kReceive), 3 * MemoryPool::kBlockBytes);
  EXPECT_EQ(pool.UsedBytes(MemoryTag::kUpload), MemoryPool::kBlockBytes);
}

TEST(MemoryPoolTest, ReadsLeaveTheUploadReserveOnlyWhileUploadsWantMemory) {
  MemoryPool pool(16 * kMiB);
  auto upload = pool.TryAllocate(MemoryTag::kUpload);
  auto reads = pool.TryAllocate(MemoryTag::kRead, 48);
  ASSERT_EQ(reads.size(), 48u);
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kRead), nullptr);
  upload.reset();
  EXPECT_NE(pool.TryAllocate(MemoryTag::kRead), nullptr);
}

TEST(MemoryPoolTest, WaitersAreServedInOrderAndNotOvertaken) {
  MemoryPool pool(16 * kMiB);
  auto blocks = pool.TryAllocate(MemoryTag::kRead, 64);
  std::vector<int> order;
  pool.AllocateAsync(MemoryTag::kRead, 4, [&](std::vector<BlockRef> got) {
    EXPECT_EQ(got.size(), 4u);
    order.push_back(1);
  });
  pool.AllocateAsync(MemoryTag::kRead, 1, [&](std::vector<BlockRef>) { order.push_back(2); });
  EXPECT_EQ(pool.Waiters(MemoryTag::kRead), 2u);
  EXPECT_TRUE(pool.UnderPressure());
  blocks.resize(62);
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(pool.TryAllocate(MemoryTag::kRead), nullptr);
  blocks.resize(60);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_FALSE(pool.UnderPressure());
}

TEST(MemoryPoolTest, AskedReclaimersGiveCacheBack) {
  MemoryPool pool(16 * kMiB);
  auto cache = pool.TryAllocate(MemoryTag::kRead, 64);
  for (auto& block : cache) pool.Retag(*block, MemoryTag::kCache);
  EXPECT_EQ(pool.UsedBytes(MemoryTag::kCache), 16 * kMiB);
  EXPECT_EQ(pool.UsedBytes(MemoryTag::kRead), 0u);
  pool.AddReclaimer([&](size_t wanted) { cache.resize(cache.size() - std::min(wanted, cache.size())); });
  auto upload = pool.TryAllocate(MemoryTag::kUpload, 2);
  EXPECT_EQ(upload.size(), 2u);
  EXPECT_EQ(cache.size(), 62u);
}

TEST(MemoryPoolTest, AWaiterIsServedWhenMemoryIsBack) {
  MemoryPool pool(16 * kMiB);
  auto blocks = pool.TryAllocate(MemoryTag::kUpload, 48);
  std::thread waiter([&] { EXPECT_EQ(Allocate(pool, MemoryTag::kUpload, 8).size(), 8u); });
  while (pool.Waiters(MemoryTag::kUpload) == 0) std::this_thread::yield();
  blocks.clear();
  waiter.join();
  EXPECT_EQ(pool.UsedBytes(), 0u);
}

TEST(MemoryPoolTest, IdleSlabsGoBackAtTheSecondCall) {
  MemoryPool pool(16 * kMiB);
  { auto blocks = pool.TryAllocate(MemoryTag::kRead, 64); }
  EXPECT_EQ(pool.MappedBytes(), 16 * kMiB);
  auto kept = pool.TryAllocate(MemoryTag::kRead);
  std::memset(kept->data(), 7, kBlock);
  pool.ReleaseIdle();
  EXPECT_EQ(pool.MappedBytes(), 16 * kMiB);
  pool.ReleaseIdle();
  EXPECT_EQ(pool.MappedBytes(), 2 * kMiB);
  EXPECT_EQ(kept->data()[kBlock - 1], std::byte(7));
}

TEST(MemoryPoolTest, ManyThreadsStayInsideTheLimit) {
  MemoryPool pool(16 * kMiB);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&pool, t] {
      const MemoryTag tag = t % 2 == 0 ? MemoryTag::kRead : MemoryTag::kUpload;
      for (size_t i = 0; i < 500; ++i) {
        auto blocks = Allocate(pool, tag, 1 + (i * 7 + static_cast<size_t>(t)) % 40);
        blocks.front()->data()[0] = std::byte(t);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool.UsedBytes(), 0u);
  EXPECT_LE(pool.PeakBytes(), pool.limit_bytes());
  EXPECT_LE(pool.MappedBytes(), pool.limit_bytes());
}

TEST(MemoryPool, AWaitThatIsGivenUpLetsThoseBehindItThrough) {
  MemoryPool pool(MemoryPool::kLimitBytesMin);
  std::vector<BlockRef> held = pool.TryAllocate(MemoryTag::kUpload, 48);
  bool first = false;
  std::vector<BlockRef> second;
  const uint64_t wants_much = pool.AllocateAsync(MemoryTag::kUpload, 8, [&](std::vector<BlockRef>) { first = true; });
  const uint64_t wants_little =
      pool.AllocateAsync(MemoryTag::kUpload, 1, [&](std::vector<BlockRef> blocks) { second = std::move(blocks); });
  held.resize(47);
  EXPECT_TRUE(second.empty());
  EXPECT_TRUE(pool.CancelWait(wants_much));
  EXPECT_EQ(second.size(), 1u);
  EXPECT_FALSE(pool.CancelWait(wants_little));  // served
  EXPECT_FALSE(pool.CancelWait(wants_much));
  held.clear();
  EXPECT_FALSE(first);
  EXPECT_FALSE(pool.UnderPressure());
}

}  // namespace
}  // namespace ossfs2
