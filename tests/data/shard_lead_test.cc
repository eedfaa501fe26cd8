// How many bytes of the next files may be fetched ahead, and who waits for room.
#include "data/read/plan/shard_lead.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace ossfs2 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class NoSource final : public PrefetchSource {
 public:
  void Pump() override { ++pumps; }
  int pumps = 0;
};

uint64_t NextId() {
  static uint64_t id = 0;
  return ++id;
}

TEST(ShardLeadTest, TheGaugeTellsAtOnceWhatIsHeld) {
  Gauge shown;
  {
    ShardLead lead(100, &shown);
    ShardLead other(100, &shown);
    lead.Take(30);
    other.Take(5);
    EXPECT_EQ(shown.Value(), 35);
    lead.Return(10);
    EXPECT_EQ(shown.Value(), 25);
    lead.Return(50);
    EXPECT_EQ(shown.Value(), 5) << "no more than was held";
  }
  EXPECT_EQ(shown.Value(), 0) << "the last one went with 5 held";
}

// Two threads take and return; whoever comes last, nothing is left.
TEST(ShardLeadTest, TheGaugeIsRightAfterARace) {
  Gauge shown;
  ShardLead lead(1000, &shown);
  const auto work = [&lead] {
    for (int i = 0; i < 20'000; ++i) {
      lead.Take(7);
      lead.Return(7);
    }
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
  EXPECT_EQ(shown.Value(), 0);
  EXPECT_EQ(lead.held_bytes(), 0U);
}

TEST(ShardLeadTest, RemembersFilesThatThePageCacheHasUntilOneIsReadAgain) {
  ShardLead lead(100);
  lead.OnReadWhole(7, 10, kSecond);
  lead.OnReadWhole(8, 10, kSecond);
  EXPECT_TRUE(lead.WasReadWhole(7));
  EXPECT_TRUE(lead.WasReadWhole(8));
  EXPECT_FALSE(lead.WasReadWhole(9));
  lead.OnReadWhole(8, 10, kSecond);  // the kernel let it go
  EXPECT_FALSE(lead.WasReadWhole(7));
  EXPECT_TRUE(lead.WasReadWhole(8));
  for (uint64_t id = 100; id < 100 + ShardLead::kRememberedMax; ++id) lead.OnReadWhole(id, 1, kSecond);
  EXPECT_FALSE(lead.WasReadWhole(8)) << "the bound";
}

TEST(ShardLeadTest, AllowsWhatWasReadWholeUpToTheBound) {
  ShardLead lead(100);
  const auto file = std::make_shared<NoSource>();
  EXPECT_FALSE(lead.HasCredit(kSecond));
  EXPECT_FALSE(lead.MayTake(1, file, kSecond));
  lead.OnReadWhole(NextId(), 60, kSecond);
  EXPECT_TRUE(lead.MayTake(60, file, kSecond));
  lead.Take(60);
  EXPECT_FALSE(lead.MayTake(1, file, kSecond));
  lead.OnReadWhole(NextId(), 60, kSecond);
  EXPECT_TRUE(lead.MayTake(40, file, kSecond));
  EXPECT_FALSE(lead.MayTake(41, file, kSecond)) << "the bound is 100";
}

TEST(ShardLeadTest, AWaitingFileIsGivenOutOnceWhenThereIsRoom) {
  ShardLead lead(100);
  const auto file = std::make_shared<NoSource>();
  lead.OnReadWhole(NextId(), 100, kSecond);
  lead.Take(100);
  EXPECT_FALSE(lead.MayTake(1, file, kSecond));
  EXPECT_FALSE(lead.MayTake(1, file, kSecond));
  EXPECT_EQ(lead.TakeWaiter(kSecond), nullptr);
  lead.Return(10);
  EXPECT_EQ(lead.TakeWaiter(kSecond), file);
  EXPECT_EQ(lead.TakeWaiter(kSecond), nullptr);
  EXPECT_EQ(lead.held_bytes(), 90u);
}

TEST(ShardLeadTest, CreditEndsWithAFileGivenUpAndWithTime) {
  ShardLead lead(100);
  lead.OnReadWhole(NextId(), 100, kSecond);
  EXPECT_TRUE(lead.HasCredit(kSecond + ShardLead::kIdleNs));
  EXPECT_FALSE(lead.HasCredit(kSecond + ShardLead::kIdleNs + 1));
  lead.OnGivenUp();
  EXPECT_FALSE(lead.HasCredit(kSecond));
}

TEST(ShardLeadTest, AFileThatWaitsThroughASlowShardGoesOnAfterIt) {
  constexpr int64_t kLater = kSecond + ShardLead::kIdleNs + 1;
  ShardLead lead(100);
  const auto file = std::make_shared<NoSource>();
  lead.OnReadWhole(NextId(), 100, kSecond);
  EXPECT_FALSE(lead.MayTake(1, file, kLater));
  EXPECT_EQ(lead.TakeWaiter(kLater), nullptr);
  lead.OnReadWhole(NextId(), 50, kLater);
  EXPECT_EQ(lead.TakeWaiter(kLater), file);
  EXPECT_TRUE(lead.MayTake(50, file, kLater));
  EXPECT_FALSE(lead.MayTake(51, file, kLater)) << "the credit began anew";
}

TEST(ShardLeadTest, ForgetsFilesThatWentAndKeepsFewWaiters) {
  ShardLead lead(1);
  lead.OnReadWhole(NextId(), 1, kSecond);
  lead.Take(1);
  std::vector<std::shared_ptr<NoSource>> files;
  for (size_t i = 0; i < ShardLead::kWaitersMax + 5; ++i) {
    files.push_back(std::make_shared<NoSource>());
    EXPECT_FALSE(lead.MayTake(1, files.back(), kSecond));
  }
  files.erase(files.begin());
  lead.Return(1);
  size_t given = 0;
  while (lead.TakeWaiter(kSecond)) ++given;
  EXPECT_EQ(given, ShardLead::kWaitersMax - 1);
}

}  // namespace
}  // namespace ossfs2
