// What a CachedFile has decided: the pull of a whole file, its part in the lead, and the page cache.
#include <gtest/gtest.h>

#include <thread>

#include "data/read/pages/file_pages.h"
#include "data/read/pages/page_filler.h"
#include "data/read/plan/file_lead.h"
#include "data/read/plan/whole_file_pull.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(WholeFilePullTest, EndsForGoodWhenTooMuchWasFetchedInVain) {
  WholeFilePull pull;
  pull.OnWasted(kMiB);  // nothing is pulled yet
  ASSERT_TRUE(pull.MayBegin());
  pull.Begin();
  EXPECT_FALSE(pull.MayBegin());
  pull.OnWasted(16 * kMiB);
  pull.EndIfWasted(16 * kMiB);
  EXPECT_TRUE(pull.on());
  pull.OnWasted(1);
  pull.EndIfWasted(16 * kMiB);
  EXPECT_FALSE(pull.on());
  pull.OnClosed();
  EXPECT_FALSE(pull.MayBegin());
}

TEST(WholeFilePullTest, IsCompleteUntilTheLastClose) {
  WholeFilePull pull;
  pull.Begin();
  pull.MoveTo(8 * kMiB);
  pull.Complete();
  EXPECT_TRUE(pull.complete());
  EXPECT_FALSE(pull.on());
  EXPECT_EQ(pull.position(), 0u);
  pull.OnClosed();
  EXPECT_FALSE(pull.complete());
}

class FileLeadTest : public ::testing::Test {
 protected:
  FileLeadTest() {
    shards_.OnReadWhole(1, 64 * kMiB, 1);
    delivered_.Add({0, kMiB});
  }

  ShardLead shards_{1ull << 30};
  RangeSet delivered_;
  FileLead lead_{shards_};
};

TEST_F(FileLeadTest, ReadsAndTheEndGiveBackWhatWasFetched) {
  lead_.Begin({}, 2 * kMiB, 1);
  lead_.OnFetch(6 * kMiB);
  EXPECT_EQ(shards_.held_bytes(), 8 * kMiB);
  EXPECT_TRUE(lead_.NobodyCame());
  lead_.OnRead({0, kMiB}, {});
  lead_.OnRead({0, kMiB}, {});
  EXPECT_EQ(lead_.held_bytes(), 7 * kMiB);
  EXPECT_FALSE(lead_.NobodyCame());
  lead_.End();
  EXPECT_EQ(shards_.held_bytes(), 0u);
  EXPECT_FALSE(lead_.on());
}

TEST_F(FileLeadTest, AReadBehindATripwireTellsThatWhatLiesBeforeItWasRead) {
  const uint64_t every = PageFiller::kLeadTripwireEvery;
  RangeSet stored;
  stored.Add({0, 4 * every});
  lead_.Begin({}, 4 * every, 1);
  lead_.OnRead({2 * every, 2 * every + 4096}, stored);
  EXPECT_EQ(lead_.read().TotalBytes(), every + 4096) << "not more than back to the tripwire before";
  lead_.End();
}

TEST_F(FileLeadTest, WhatLayInThePageCacheBeforeCountsAsRead) {
  lead_.Begin(delivered_, 0, 1);
  EXPECT_FALSE(lead_.NobodyCame());
  lead_.End();
  EXPECT_FALSE(lead_.NobodyCame()) << "it has no lead";
}

TEST_F(FileLeadTest, StoresAgainOnceWhenTheKernelDidNotKnowTheFile) {
  lead_.Begin({}, 0, 1);
  EXPECT_FALSE(lead_.TakeRefill());
  lead_.OnStore(false);
  EXPECT_TRUE(lead_.TakeRefill());
  EXPECT_FALSE(lead_.TakeRefill());
  lead_.Begin({}, 0, 2);
  EXPECT_FALSE(lead_.TakeRefill());
}

TEST_F(FileLeadTest, AsksForTheNextFileOncePerOpen) {
  EXPECT_TRUE(lead_.AskNext(2));
  EXPECT_FALSE(lead_.AskNext(2));
  lead_.OnClosed();
  EXPECT_TRUE(lead_.AskNext(2));
  lead_.OnClosed();
  EXPECT_FALSE(lead_.AskNext(2 + ShardLead::kIdleNs)) << "the run has ended";
}

TEST(FilePagesTest, NothingIsStoredWhileAHandleReadsDirectly) {
  FilePages pages(/*page_cache=*/true);
  EXPECT_TRUE(pages.MayStore());
  pages.NoteDirect(7, 1);
  pages.NoteDirect(7, 1);
  EXPECT_FALSE(pages.MayStore());
  EXPECT_TRUE(pages.AnyDirect());
  pages.RemoveDirect(7);
  EXPECT_TRUE(pages.MayStore());
  EXPECT_FALSE(pages.AnyDirect());
  EXPECT_TRUE(pages.AnyDirectSinceOpen());
  pages.OnClosed();
  EXPECT_FALSE(pages.AnyDirectSinceOpen());
}

// A program that maps a file of a direct_io mount reads its header first.
TEST(FilePagesTest, AHeaderMakesNoDirectReaderOfADirectMount) {
  FilePages pages(/*page_cache=*/false);
  pages.NoteDirect(7, FilePages::kHeaderBytesMax);
  EXPECT_FALSE(pages.MayStore());
  EXPECT_FALSE(pages.AnyDirect());
  EXPECT_FALSE(pages.AnyDirectSinceOpen());
  pages.NoteDirect(8, 1);
  EXPECT_TRUE(pages.AnyDirect());
  EXPECT_TRUE(pages.AnyDirectSinceOpen());
}

TEST(FilePagesTest, AStoreOfAnEarlierEpochIsVoid) {
  FilePages pages(/*page_cache=*/true);
  const uint64_t epoch = pages.epoch();
  ASSERT_TRUE(pages.BeginStore(epoch));
  pages.OnDropped();
  EXPECT_FALSE(pages.EndStore(epoch));
  EXPECT_FALSE(pages.BeginStore(epoch));
  const uint64_t next = pages.epoch();
  EXPECT_TRUE(pages.BeginStore(next));
  pages.Stop();
  pages.OnClosed();
  EXPECT_FALSE(pages.EndStore(next)) << "stopped while it ran";
}

TEST(FilePagesTest, WhoStopsItWaitsForStoresThatRun) {
  Mutex mutex;
  FilePages pages(/*page_cache=*/true);
  ASSERT_TRUE(pages.BeginStore(0));
  std::thread store([&] {
    MutexLock lock(mutex);
    pages.EndStore(0);
  });
  {
    MutexLock lock(mutex);
    pages.Stop();
    pages.WaitUntilIdle(lock, std::chrono::steady_clock::now() + std::chrono::minutes(1));
    EXPECT_FALSE(pages.BeginStore(0));
  }
  store.join();
}

TEST(FilePagesTest, TheWaitIsBounded) {
  Mutex mutex;
  FilePages pages(/*page_cache=*/true);
  ASSERT_TRUE(pages.BeginStore(0));
  MutexLock lock(mutex);
  pages.WaitUntilIdle(lock, std::chrono::steady_clock::now());
  EXPECT_FALSE(pages.EndStore(1));
}

}  // namespace
}  // namespace ossfs2
