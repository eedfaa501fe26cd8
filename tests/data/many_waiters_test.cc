// Thousands that wait for memory or a place, and end at once when they get it: the stack must not grow with their
// number.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/threads/mutex.h"
#include "data/read/fetch/fetch_scheduler.h"
#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

constexpr int kWaiters = 2000;
constexpr uintptr_t kStackMax = 64 << 10;  // a level for each of them would take four times that and more

// How far apart on the stack of a thread the calls of Note were.
class StackSpan {
 public:
  void Note() EXCLUDES(mutex_) {
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    MutexLock lock(mutex_);
    const auto [it, first] = spans_.try_emplace(std::this_thread::get_id(), here, here);
    it->second.first = std::min(it->second.first, here);
    it->second.second = std::max(it->second.second, here);
    ++count_;
  }
  uintptr_t Largest() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    uintptr_t largest = 0;
    for (const auto& [thread, span] : spans_) largest = std::max(largest, span.second - span.first);
    return largest;
  }
  int count() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  std::map<std::thread::id, std::pair<uintptr_t, uintptr_t>> spans_ GUARDED_BY(mutex_);
  int count_ GUARDED_BY(mutex_) = 0;
};

TEST(ManyWaiters, GiveTheirMemoryBackAtOnce) {
  MemoryPool pool(MemoryPool::kLimitBytesMin);
  StackSpan stack;
  std::vector<int> order;
  std::vector<BlockRef> held = pool.TryAllocate(MemoryTag::kRead, pool.limit_bytes() / MemoryPool::kBlockBytes);
  for (int i = 0; i < kWaiters; ++i)
    pool.AllocateAsync(MemoryTag::kRead, 1, [&stack, &order, i](std::vector<BlockRef> blocks) {
      stack.Note();
      order.push_back(i);
      blocks.clear();
    });
  held.resize(held.size() - 1);
  EXPECT_EQ(stack.count(), kWaiters);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_LT(stack.Largest(), kStackMax);
}

TEST(ManyWaiters, GiveTheirPlaceBackAtOnce) {
  FetchScheduler scheduler(1, 1);
  StackSpan stack;
  std::vector<int> order;
  scheduler.StartDemand([] {});
  for (int i = 0; i < kWaiters; ++i)
    scheduler.StartDemand([&scheduler, &stack, &order, i] {
      stack.Note();
      order.push_back(i);
      scheduler.Finished(false, 0);
    });
  EXPECT_EQ(stack.count(), 0);
  scheduler.Finished(false, 0);
  EXPECT_EQ(stack.count(), kWaiters);
  EXPECT_EQ(scheduler.InFlight(), 0);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_LT(stack.Largest(), kStackMax);
}

// Reads of one file: the first is sent and held, some wait for a place, and the rest for memory.
class ManyWaitingReads : public ::testing::Test {
 protected:
  static ReadOptions OneAtOnce() {
    ReadOptions options;
    options.concurrency = 1;
    return options;
  }
  ManyWaitingReads() {
    harness_.store().HoldData(true);
    for (uint64_t i = 0; i < kWaiters; ++i)
      file_->Read(i, i * 4 * kKiB, 4 * kKiB, ReadInto::kPageCache, [this](const Result<ReadReply>& reply) {
        stack_.Note();
        if (!reply) ++failed_;
      });
    EXPECT_GT(harness_.pool().Waiters(MemoryTag::kRead), kWaiters / 2u);
    EXPECT_EQ(stack_.count(), 0);
  }
  void AwaitAll() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (stack_.count() < kWaiters && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    ASSERT_EQ(stack_.count(), kWaiters);
    EXPECT_LT(stack_.Largest(), kStackMax);
  }

  StackSpan stack_;
  std::atomic<int> failed_{0};
  ReadHarness harness_{16 * kMiB, OneAtOnce()};
  std::shared_ptr<ReadFile> file_ = harness_.engine().Open(1, harness_.Put("a", 16 * kMiB));
};

TEST_F(ManyWaitingReads, EndWithTheMount) {
  harness_.engine().Shutdown();
  AwaitAll();
  EXPECT_EQ(failed_, kWaiters);
}

TEST_F(ManyWaitingReads, EndWhenTheObjectIsReplaced) {
  harness_.Put("a", 16 * kMiB, 2);
  harness_.store().HoldData(false);
  AwaitAll();
  EXPECT_EQ(failed_, kWaiters);
}

TEST_F(ManyWaitingReads, AreAnswered) {
  harness_.store().HoldData(false);
  AwaitAll();
  EXPECT_EQ(failed_, 0);
}

}  // namespace
}  // namespace ossfs2
