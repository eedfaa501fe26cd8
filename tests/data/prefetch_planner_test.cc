// What is fetched next for the readers of a file, without a store: ranges in, ranges out.
#include "data/read/plan/prefetch_planner.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace ossfs2 {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kSecondNs = 1'000'000'000;

class PrefetchPlannerTest : public ::testing::Test {
 protected:
  FileView File() const { return {size_, chunks_, delivered_, unread_bytes_, false}; }

  // A reader took the range; as CachedFile does it: the planner hears of it before it counts as delivered.
  PrefetchPlanner::AfterRead Read(ByteRange range, uint64_t handle = 1) {
    const auto after = planner_.OnRead(File(), {handle, range, ReadInto::kPageCache, true, now_ns_});
    delivered_.Add(range);
    return after;
  }
  // Reads of 1 MiB from `begin` on.
  PrefetchPlanner::AfterRead ReadOn(uint64_t begin, int count) {
    PrefetchPlanner::AfterRead after;
    for (int i = 0; i < count; ++i, begin += kMiB) after = Read({begin, begin + kMiB});
    return after;
  }
  std::optional<ByteRange> Next() { return planner_.Next(File(), nullptr, now_ns_); }
  void Hold(ByteRange range) {
    chunks_.Insert(std::make_shared<Chunk>(range, std::vector<BlockRef>(), false));
    unread_bytes_ += range.size();
  }
  // What is fetched until nothing more is wanted.
  std::vector<ByteRange> FetchAll() {
    std::vector<ByteRange> ranges;
    while (const auto range = Next()) {
      EXPECT_FALSE(range->empty());
      EXPECT_EQ(chunks_.Gaps(*range), std::vector<ByteRange>{*range}) << "it is held already";
      Hold(*range);
      ranges.push_back(*range);
    }
    return ranges;
  }

  uint64_t size_ = 1024 * kMiB;
  uint64_t unread_bytes_ = 0;
  int64_t now_ns_ = PrefetchServices::NowNs();
  MemoryPool pool_{1ull << 30};
  ReadOptions options_;
  PrefetchServices services_{pool_, options_};
  PrefetchPlanner planner_{services_, 1};
  ChunkMap chunks_;
  RangeSet delivered_;
};

TEST_F(PrefetchPlannerTest, OneReadIsNoStream) {
  EXPECT_FALSE(Read({0, kMiB}).pump);
  EXPECT_FALSE(Next());
}

TEST_F(PrefetchPlannerTest, RandomReadsFetchNothingAhead) {
  for (uint64_t i = 0; i < 40; ++i) Read({(i * 37 % 101) * 8 * kMiB, (i * 37 % 101) * 8 * kMiB + 4096});
  EXPECT_FALSE(Next());
}

TEST_F(PrefetchPlannerTest, AReaderThatGoesOnHasItsWindowAhead) {
  EXPECT_TRUE(ReadOn(0, 4).pump);
  const std::vector<ByteRange> ranges = FetchAll();
  ASSERT_FALSE(ranges.empty());
  EXPECT_EQ(ranges.front().begin, 4 * kMiB);
  uint64_t windows = 0;
  EXPECT_EQ(planner_.CountActive(now_ns_, windows), 1u);
  EXPECT_LE(ranges.back().end, 4 * kMiB + windows + kMiB / 2);
  for (size_t i = 1; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].begin, ranges[i - 1].end);
}

TEST_F(PrefetchPlannerTest, ABackwardReaderHasItBelow) {
  for (uint64_t end = 512 * kMiB; end > 506 * kMiB; end -= kMiB) Read({end - kMiB, end});
  const auto range = Next();
  ASSERT_TRUE(range);
  EXPECT_EQ(range->end, 506 * kMiB);
}

TEST_F(PrefetchPlannerTest, WhatIsHeldOrWasReadIsLeftOut) {
  Hold({5 * kMiB, 6 * kMiB});
  delivered_.Add({6 * kMiB, 7 * kMiB});
  ReadOn(0, 4);
  for (const ByteRange& range : FetchAll())
    EXPECT_TRUE(range.end <= 5 * kMiB || range.begin >= 7 * kMiB) << range.begin;
}

TEST_F(PrefetchPlannerTest, TheSameRangeIsPlannedUntilItIsFetched) {
  ReadOn(0, 4);
  const auto range = Next();
  ASSERT_TRUE(range);
  EXPECT_EQ(Next(), range);
}

TEST_F(PrefetchPlannerTest, ThePauseAfterAFailureEnds) {
  ReadOn(0, 4);
  planner_.Pause(now_ns_);
  EXPECT_FALSE(Next());
  EXPECT_FALSE(planner_.WaitsForPauseToEnd(now_ns_)) << "its reader will ask";
  now_ns_ += kSecondNs;
  EXPECT_TRUE(Next());
}

TEST_F(PrefetchPlannerTest, AReaderThatPausesGetsNothingMore) {
  ReadOn(0, 4);
  now_ns_ += 3 * kSecondNs;
  EXPECT_FALSE(Next());
}

TEST_F(PrefetchPlannerTest, TheNextFileIsBegunOnceAtTheEnd) {
  size_ = 16 * kMiB;
  EXPECT_EQ(ReadOn(0, 7).next_window, 0u);
  int begun = 0;
  for (uint64_t begin = 7 * kMiB; begin < size_; begin += kMiB) {
    FetchAll();
    const uint64_t window = Read({begin, begin + kMiB}).next_window;
    EXPECT_LE(window, size_);
    begun += window != 0;
  }
  EXPECT_EQ(begun, 1);
  EXPECT_TRUE(planner_.OnClosed(File()));
  EXPECT_FALSE(Next());
}

TEST_F(PrefetchPlannerTest, AFileReadInPiecesIsFetchedWhole) {
  for (uint64_t round = 0; round < 4; ++round)
    for (uint64_t place = 0; place < 8; ++place) {
      const uint64_t begin = place * 128 * kMiB + round * kMiB;
      Read({begin, begin + kMiB}, place);
    }
  EXPECT_TRUE(planner_.InPieces());
  uint64_t fetched = 0;
  while (fetched < size_) {
    const std::vector<ByteRange> ranges = FetchAll();
    ASSERT_FALSE(ranges.empty()) << "stopped after " << fetched;
    for (const ByteRange& range : ranges) {
      fetched += range.size();
      chunks_.Erase(*chunks_.Find(range.begin)->get());
      delivered_.Add(range);
    }
    unread_bytes_ = 0;
    if (delivered_.TotalBytes() == size_) break;
  }
  EXPECT_EQ(delivered_.TotalBytes(), size_);
  EXPECT_FALSE(Next());
}

TEST_F(PrefetchPlannerTest, AnExpectedFileIsBegunUnlessItIsKnown) {
  EXPECT_TRUE(planner_.Expect(File(), 8 * kMiB, now_ns_));
  EXPECT_FALSE(planner_.Expect(File(), 8 * kMiB, now_ns_)) << "it was begun";
  uint64_t fetched = 0;
  for (const ByteRange& range : FetchAll()) fetched += range.size();
  EXPECT_EQ(fetched, 8 * kMiB);
}

TEST_F(PrefetchPlannerTest, NoLeadWithoutAPageCacheToFill) { EXPECT_FALSE(planner_.BeginLead(File(), now_ns_)); }

}  // namespace
}  // namespace ossfs2
