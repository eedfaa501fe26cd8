// PlanMemory: the parts add up to total_mem_limit, which is never more than the machine has; what cannot work is
// refused.
#include "cli/settings/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "data/memory/memory_pool.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kGiB = 1ull << 30;

TEST(MemoryPlan, DefaultIsAQuarterAndAtMostEightGiB) {
  EXPECT_EQ(PlanMemory(16 * kGiB, {})->total_bytes, 4 * kGiB);
  EXPECT_EQ(PlanMemory(2048 * kGiB, {})->total_bytes, 8 * kGiB);
  EXPECT_EQ(PlanMemory(128 * kMiB, {})->total_bytes, 64 * kMiB) << "never below what works";
}

TEST(MemoryPlan, PartsAddUpToTheLimit) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 1000; ++i) {
    MemoryWishes wishes;
    wishes.total_bytes = 64 * kMiB + random() % (64 * kGiB);
    const auto plan = PlanMemory(128 * kGiB, wishes);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->total_bytes, wishes.total_bytes);
    EXPECT_EQ(plan->pool_bytes + plan->metadata_bytes + plan->buffer_bytes, plan->total_bytes);
    EXPECT_GE(plan->pool_bytes, plan->total_bytes / 4 * 3 - 1);
    EXPECT_LE(plan->metadata_bytes, 256 * kMiB);
  }
}

TEST(MemoryPlan, TheCacheComesOnTopOfTheDefaultAndInsideAGivenLimit) {
  const auto on_top = PlanMemory(256 * kGiB, {.cache_bytes = 100 * kGiB});
  ASSERT_TRUE(on_top) << on_top.error().text;
  EXPECT_EQ(on_top->total_bytes, 108 * kGiB);
  const auto inside = PlanMemory(256 * kGiB, {.total_bytes = 20 * kGiB, .cache_bytes = 16 * kGiB});
  ASSERT_TRUE(inside) << inside.error().text;
  EXPECT_EQ(inside->total_bytes, 20 * kGiB);
  EXPECT_LE(inside->cache_bytes, inside->pool_bytes);
  EXPECT_THAT(inside->ToString(), HasSubstr("cache 16.00 GiB"));
}

TEST(MemoryPlan, ACacheTooLargeForTheMachineTakesWhatThereIs) {
  const auto fits = PlanMemory(24 * kGiB, {.cache_bytes = 16 * kGiB});
  ASSERT_TRUE(fits) << fits.error().text;
  EXPECT_EQ(fits->cache_bytes, 16 * kGiB);
  EXPECT_LE(fits->total_bytes, 24 * kGiB / 10 * 9);
  EXPECT_THAT(fits->notices, IsEmpty());
  const auto less = PlanMemory(16 * kGiB, {.cache_bytes = 15 * kGiB});
  ASSERT_TRUE(less) << less.error().text;
  EXPECT_LT(less->cache_bytes, 15 * kGiB);
  EXPECT_LT(less->cache_bytes, less->pool_bytes);
  EXPECT_THAT(less->notices, ElementsAre(HasSubstr("instead of 15.00 GiB")));
}

// "16 GiB" machines have 15.3 GiB, and a pod may have half of that.
TEST(MemoryPlan, ALimitTooLargeForTheMachineTakesWhatThereIs) {
  constexpr uint64_t kAvailable = 15 * kGiB + 300 * kMiB;
  for (const uint64_t total : {15 * kGiB, 16 * kGiB, 64 * kGiB}) {
    const auto plan = PlanMemory(kAvailable, {.total_bytes = total});
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->total_bytes, kAvailable / 10 * 9);
    EXPECT_THAT(plan->notices, ElementsAre(HasSubstr("total_mem_limit: 13.76 GiB are used instead of")));
  }
  const auto smallest = PlanMemory(64 * kMiB, {.total_bytes = 64 * kMiB});
  ASSERT_TRUE(smallest) << smallest.error().text;
  EXPECT_EQ(smallest->total_bytes, 64 * kMiB) << "less would not work";
  const auto both = PlanMemory(8 * kGiB, {.total_bytes = 16 * kGiB, .cache_bytes = 12 * kGiB});
  ASSERT_TRUE(both) << both.error().text;
  EXPECT_LT(both->cache_bytes, both->pool_bytes);
  EXPECT_EQ(both->notices.size(), 2u);
}

TEST(MemoryPlan, ACacheTooLargeForAGivenLimitTakesWhatItLeaves) {
  const auto plan = PlanMemory(64 * kGiB, {.total_bytes = 900 * kMiB, .cache_bytes = 512 * kMiB});
  ASSERT_TRUE(plan) << plan.error().text;
  EXPECT_EQ(plan->total_bytes, 900 * kMiB);
  EXPECT_EQ(plan->cache_bytes, plan->pool_bytes - plan->pool_bytes / 4);
  EXPECT_THAT(plan->notices, ElementsAre(HasSubstr("instead of 512 MiB")));
}

TEST(MemoryPlan, RefusesWhatCannotWork) {
  const auto error = [](uint64_t available, const MemoryWishes& wishes) {
    const auto plan = PlanMemory(available, wishes);
    return plan ? std::string() : plan.error().text;
  };
  EXPECT_THAT(error(16 * kGiB, {.total_bytes = 16}), HasSubstr("at least 64m"));
  EXPECT_THAT(error(64 * kGiB, {.total_bytes = kGiB, .metadata_bytes = kGiB}),
              HasSubstr("metadata_mem_limit"));
  EXPECT_THAT(error(32 * kMiB, {}), HasSubstr("memory limit of the container"));
}

TEST(AvailableMemory, IsTheSmallestLimitAbove) {
  TestFolder folder;
  folder.Write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(AvailableMemory(folder.path()), 16 * kGiB);
  folder.Write("proc/self/cgroup", "0::/pod/box\n");
  folder.Write("sys/fs/cgroup/pod/box/memory.max", "max\n");
  EXPECT_EQ(AvailableMemory(folder.path()), 16 * kGiB);
  folder.Write("sys/fs/cgroup/pod/memory.max", "2147483648\n");
  EXPECT_EQ(AvailableMemory(folder.path()), 2 * kGiB) << "a group above counts";
  folder.Write("proc/self/cgroup", "4:cpu,memory:/pod\n3:cpuset:/x\n");
  folder.Write("sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "1073741824\n");
  EXPECT_EQ(AvailableMemory(folder.path()), kGiB) << "version 1";
}

}  // namespace
}  // namespace ossfs2
