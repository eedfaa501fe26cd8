// Notices to the kernel that are taken back before they are told.
#include "fuse/notices/notice_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

namespace ossfs2 {
namespace {

// The first notice is told until the gate opens.
class NoticeQueueTest : public testing::Test {
 protected:
  ~NoticeQueueTest() override { queue_.Stop(); }
  void AddFirst() {
    queue_.Add(1);
    begun_.get_future().wait();
  }
  std::vector<int> Told() {
    std::lock_guard lock(mutex_);
    return told_;
  }

  std::mutex mutex_;
  std::vector<int> told_;
  std::promise<void> begun_;
  std::promise<void> gate_;
  NoticeQueue<int> queue_{"test", [this](int notice) {
                            if (notice == 1) {
                              begun_.set_value();
                              gate_.get_future().wait();
                            }
                            std::lock_guard lock(mutex_);
                            told_.push_back(notice);
                          }};
};

TEST_F(NoticeQueueTest, WhatWaitsIsTakenBack) {
  AddFirst();
  for (const int notice : {2, 3, 4}) queue_.Add(notice);
  queue_.Withdraw(3);
  gate_.set_value();
  queue_.Withdraw(1);
  queue_.Add(5);
  while (Told().size() < 4) std::this_thread::yield();
  EXPECT_EQ(Told(), (std::vector<int>{1, 2, 4, 5}));
}

TEST_F(NoticeQueueTest, WhatIsBeingToldIsWaitedFor) {
  AddFirst();
  auto withdrawn = std::async(std::launch::async, [this] {
    queue_.Withdraw(1);
    return Told();
  });
  gate_.set_value();
  EXPECT_EQ(withdrawn.get(), std::vector<int>{1});
}

TEST_F(NoticeQueueTest, WhatWaitsIsAwaited) {
  AddFirst();
  queue_.Add(2);
  auto told = std::async(std::launch::async, [this] {
    EXPECT_TRUE(queue_.Await(2));
    return Told();
  });
  gate_.set_value();
  EXPECT_EQ(told.get(), (std::vector<int>{1, 2}));
  EXPECT_TRUE(queue_.Await(3)) << "nobody wants to tell it";
}

TEST_F(NoticeQueueTest, WhatIsTakenBackIsNotAwaited) {
  AddFirst();
  queue_.Add(2);
  auto awaited = std::async(std::launch::async, [this] { return queue_.Await(2); });
  queue_.Withdraw(2);
  EXPECT_TRUE(awaited.get());
  gate_.set_value();
}

// Pages of the file may be locked by a read that waits for the network.
TEST_F(NoticeQueueTest, TheWaitHasAnEnd) {
  AddFirst();
  queue_.Withdraw(1);
  EXPECT_FALSE(queue_.Await(1));
  EXPECT_TRUE(Told().empty());
  gate_.set_value();
}

}  // namespace
}  // namespace ossfs2
