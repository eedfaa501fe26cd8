// Writes that wait leave threads to those of other files.
#include "fuse/operations/parked_writes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <vector>

namespace ossfs2 {
namespace {

TEST(ParkedWritesTest, OfOneFileLeaveThreadsToOthersAndAllRun) {
  constexpr int kWrites = 100;
  constexpr fuse_ino_t kStored = 7;
  constexpr fuse_ino_t kOther = 8;
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  int ended = 0;
  std::promise<void> other;
  ParkedWrites parked;
  Executor executor("write", 8);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kWrites; ++i)
      parked.Run(executor, kStored, [&] {
        std::unique_lock lock(mutex);
        opened.wait(lock, [&] { return open; });
        ++ended;
      });
    if (round == 0) {
      parked.Run(executor, kOther, [&] { other.set_value(); });
      const auto ready = other.get_future().wait_for(std::chrono::seconds(60));
      EXPECT_EQ(ready, std::future_status::ready) << "no thread was left";
      std::lock_guard lock(mutex);
      EXPECT_EQ(ended, 0);
      open = true;
      opened.notify_all();
    }
  }
  executor.Shutdown();
  EXPECT_EQ(ended, 2 * kWrites);
}

TEST(ParkedWritesTest, BeginInTheOrderInWhichTheyCame) {
  std::vector<int> order;
  ParkedWrites parked;
  Executor executor("write", 1);
  for (int i = 0; i < 1000; ++i)
    parked.Run(executor, static_cast<fuse_ino_t>(i / 500), [&order, i] { order.push_back(i); });
  executor.Shutdown();
  ASSERT_EQ(order.size(), 1000u);
  int last[2] = {-1, -1};
  for (const int i : order) {
    EXPECT_LT(last[i / 500], i);
    last[i / 500] = i;
  }
}

}  // namespace
}  // namespace ossfs2
