// Executor and Timer.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

#include "base/threads/executor.h"
#include "base/threads/timer.h"
#include "tests/base/thread_limit.h"

namespace ossfs2 {
namespace {

TEST(ExecutorTest, RunsTasksOnAtMostSoManyThreadsInOrder) {
  Executor executor("test", 2);
  std::promise<void> gate;
  auto open = gate.get_future().share();
  std::atomic<int> started{0};
  std::promise<void> both;
  for (int n = 0; n < 2; ++n)
    executor.Run([&, open] {
      if (++started == 2) both.set_value();
      open.wait();
    });
  both.get_future().wait();  // two blocking tasks run at once
  std::vector<int> order;
  std::mutex order_mutex;
  for (int n = 0; n < 10; ++n)
    executor.Run([&, n] {
      const std::lock_guard lock(order_mutex);
      order.push_back(n);
    });
  EXPECT_EQ(executor.ThreadCount(), 2u);
  EXPECT_EQ(executor.QueueLength(), 10u);
  gate.set_value();
  executor.Shutdown();  // runs what is queued
  EXPECT_EQ(order.size(), 10u);
  EXPECT_EQ(executor.ThreadCount(), 0u);
}

TEST(ExecutorTest, AfterShutdownTasksRunInTheCaller) {
  Executor executor("test", 0);
  executor.Shutdown();
  std::thread::id ran_on;
  executor.Run([&] { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_FALSE(executor.TryRun([&] { ran_on = {}; }));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(ExecutorTest, OneThreadStays) {
  Executor executor("test", 3, std::chrono::milliseconds(0));
  EXPECT_EQ(executor.ThreadCount(), 1u);
  std::promise<void> gate;
  auto open = gate.get_future().share();
  for (int n = 0; n < 3; ++n) executor.Run([open] { open.wait(); });
  EXPECT_EQ(executor.ThreadCount(), 3u);
  gate.set_value();
  while (executor.ThreadCount() > 1) std::this_thread::yield();
  for (int n = 0; n < 100; ++n) {
    std::promise<std::thread::id> ran_on;
    executor.Run([&] { ran_on.set_value(std::this_thread::get_id()); });
    EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
  }
}

TEST(ExecutorTest, AtTheThreadLimitTheFirstThreadDoesAll) {
  ExpectInOwnProcess([] {
    Executor executor("test", 3, std::chrono::milliseconds(0));
    LimitThreads(0);
    std::promise<void> all;
    std::atomic<int> elsewhere{0};
    const auto caller = std::this_thread::get_id();
    for (int n = 0; n < 10; ++n)
      executor.Run([&] {
        if (std::this_thread::get_id() != caller && ++elsewhere == 10) all.set_value();
      });
    all.get_future().wait();
    return executor.ThreadCount() == 1;
  });
}

TEST(ExecutorTest, WithoutAnyThreadTheCallerDoesItOrIsTold) {
  ExpectInOwnProcess([] {
    LimitThreads(0);
    Executor executor("test", 3);
    int ran = 0;
    const bool tried = executor.TryRun([&] { ran += 10; });
    executor.Run([&] { ++ran; });
    return !tried && ran == 1;
  });
}

TEST(ExecutorTest, TasksMayAddTasks) {
  std::atomic<int> count{0};
  std::promise<void> done;
  Executor executor("test", 3);
  std::function<void()> task = [&] {
    if (++count == 100) return done.set_value();
    executor.Run(task);
  };
  executor.Run(task);
  done.get_future().wait();
  EXPECT_EQ(count, 100);
}

TEST(TimerTest, RunsInOrderOfTimeAndCancels) {
  Timer timer;
  std::vector<int> order;
  std::promise<void> done;
  const auto never = timer.After(std::chrono::nanoseconds::max(), [&] { order.push_back(99); });
  timer.After(std::chrono::milliseconds(30), [&] {
    order.push_back(2);
    done.set_value();
  });
  timer.After(std::chrono::milliseconds(10), [&] { order.push_back(1); });
  const auto canceled = timer.After(std::chrono::milliseconds(20), [&] { order.push_back(98); });
  EXPECT_TRUE(timer.Cancel(canceled));
  EXPECT_FALSE(timer.Cancel(canceled));
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_TRUE(timer.Cancel(never));
}

TEST(TimerTest, CancelOfARunningCallbackIsFalseAndDestructionDropsTheRest) {
  bool dropped_ran = false;
  {
    Timer timer;
    std::promise<Timer::Id> id;
    std::promise<bool> canceled;
    id.set_value(
        timer.After(std::chrono::nanoseconds(0), [&] { canceled.set_value(timer.Cancel(id.get_future().get())); }));
    EXPECT_FALSE(canceled.get_future().get());
    timer.After(std::chrono::hours(1), [&] { dropped_ran = true; });
  }
  EXPECT_FALSE(dropped_ran);
}

}  // namespace
}  // namespace ossfs2
