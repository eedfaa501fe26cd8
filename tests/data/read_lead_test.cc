// Files of a run that are put into the page cache before anybody reads them.
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "data/read/pages/page_filler.h"
#include "tests/data/fake_pages.h"
#include "tests/support/seed.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kShardBytes = 96 * kMiB + 12345;
constexpr uint64_t kShards = 4;

// Shards 1, 2, ... of a model and what a loader sees of them.
class ReadLeadTest : public testing::Test {
 protected:
  void Make(uint64_t lead_bytes_max, uint64_t pool_bytes = 512 * kMiB, ReadOptions options = {}) {
    options.fill_threads = 2;
    options.page_bytes = page_bytes_;
    options.lead_bytes_max = lead_bytes_max;
    harness_ = std::make_unique<ReadHarness>(pool_bytes, options);
    for (uint64_t id = 1; id <= kShards; ++id) versions_[id] = harness_->Put(Key(id), kShardBytes, id);
    harness_->engine().SetNextFileResolver(
        [this](uint64_t id) -> std::optional<std::pair<uint64_t, ObjectVersion>> {
          const auto next = versions_.find(id + 1);
          if (next == versions_.end()) return std::nullopt;
          return std::make_pair(next->first, next->second);
        });
    harness_->engine().SetKernelPages(&pages_);
    harness_->ResetCounts();
  }
  void TearDown() override {
    if (!harness_) return;
    harness_->engine().SetKernelPages(nullptr);
    harness_->engine().SetNextFileResolver(nullptr);
  }

  static std::string Key(uint64_t id) { return "m" + std::to_string(id); }
  std::shared_ptr<ReadFile> Open(uint64_t id) { return harness_->engine().Open(id, versions_[id]); }
  uint64_t ReadShard(uint64_t id) {
    auto file = Open(id);
    const uint64_t asked = ReadBehind(*harness_, *file, pages_, kShardBytes, id);
    file->CloseHandle(7);
    return asked;
  }
  // Until at least so many bytes of the file are in the page cache.
  void WaitStored(uint64_t id, uint64_t bytes) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (pages_.StoredBytes(id) < bytes && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::string lines;
    for (uint64_t other = 1; other <= kShards; ++other)
      for (const std::string& line : harness_->engine().Explain(other))
        lines += "\n" + std::to_string(other) + ": " + line;
    ASSERT_GE(pages_.StoredBytes(id), bytes) << "of shard " << id << lines;
  }
  // The GETs of a shard from the `skip`th on.
  void FailGets(uint64_t id, int skip, int count) {
    oss::FaultRule rule;
    rule.operation = "get";
    rule.key_part = Key(id);
    rule.skip = skip;
    rule.count = count;
    rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
    harness_->fault().AddRule(rule);
  }
  // Whether the shard is to be fetched before anybody reads it. The read that ends a shard decides that of the next.
  bool Led(uint64_t id) {
    for (const std::string& line : harness_->engine().Explain(id))
      if (line.starts_with("fetched ahead as the next of a run")) return true;
    return false;
  }
  void WaitLed(uint64_t id) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!Led(id) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_TRUE(Led(id)) << "shard " << id;
  }
  void CheckStored(uint64_t id) {
    for (const auto& [offset, text] : pages_.stored(id))
      ASSERT_EQ(text, harness_->content(Key(id)).substr(offset, text.size())) << "shard " << id << " at " << offset;
  }
  // 8, 32, 64, 96 MiB and the end
  uint64_t Wires() const { return 5 * PageFiller::kTripwireBytes + page_bytes_; }

  uint64_t page_bytes_ = 4096;
  FakePages pages_;
  std::unique_ptr<ReadHarness> harness_;
  std::map<uint64_t, ObjectVersion> versions_;
};

TEST_F(ReadLeadTest, AfterAShardWasReadWholeTheNextLieInThePageCacheBeforeTheyAreRead) {
  Make(1024 * kMiB);
  ReadShard(1);
  EXPECT_TRUE(Led(2)) << "decided by then: other tests count on that";
  WaitStored(2, kShardBytes - Wires());  // as much as was read whole
  EXPECT_LT(ReadShard(2), 2 * kMiB) << "only tripwires are left to ask for";
  WaitStored(3, kShardBytes - Wires());
  WaitStored(4, kShardBytes - Wires());
  for (uint64_t id = 3; id <= kShards; ++id) EXPECT_LT(ReadShard(id), 2 * kMiB) << "shard " << id;
  EXPECT_EQ(harness_->Asked(), kShards * kShardBytes) << "each byte once";
  for (uint64_t id = 1; id <= kShards; ++id) CheckStored(id);
  EXPECT_EQ(ReadMetrics::Get().lead_bytes.Value(), 0) << "all of it was read";
}

// The kernel takes what is less than a page, and asks for the page when it is read.
TEST_F(ReadLeadTest, StoresWholePagesOnlyWhereTheyAreLarge) {
  page_bytes_ = 64 * kKiB;
  Make(1024 * kMiB);
  constexpr uint64_t kSize = 90 * kMiB + 12345;  // pages of 4 KiB would end elsewhere before the last tripwire
  for (uint64_t id = 1; id <= 2; ++id) versions_[id] = harness_->Put(Key(id), kSize, id);
  auto file = harness_->engine().Open(1, versions_[1]);
  ReadBehind(*harness_, *file, pages_, kSize, 1);
  file->CloseHandle(7);
  WaitStored(2, kSize - 4 * PageFiller::kTripwireBytes - page_bytes_);
  for (const auto& [offset, text] : pages_.stored(2)) {
    EXPECT_EQ(offset % page_bytes_, 0u);
    EXPECT_EQ(text.size() % page_bytes_, 0u) << "at " << offset;
  }
  CheckStored(2);
}

TEST_F(ReadLeadTest, GoesOnAfterAFailure) {
  Make(1024 * kMiB);
  FailGets(2, 1, 4);
  ReadShard(1);
  WaitLed(3);  // to the end, and so to the shard after it; what failed is left to the readers
  ReadShard(2);
  CheckStored(2);
}

// One GET at a time is asked again once it failed. It counts once: shard 1 was read whole, and so much may be fetched.
TEST_F(ReadLeadTest, WhatFailedCountsNotAsFetched) {
  ReadOptions options;
  options.concurrency_per_file = 1;
  Make(1024 * kMiB, 512 * kMiB, options);
  FailGets(2, 3, 1);
  ReadShard(1);
  WaitLed(3);
  EXPECT_LE(ReadMetrics::Get().lead_bytes.Value(), static_cast<int64_t>(kShardBytes));
  ReadShard(2);
  CheckStored(2);
}

TEST_F(ReadLeadTest, WhatIsAheadIsBoundedAndGoesOnAsReadersCome) {
  Make(64 * kMiB);
  ReadShard(1);
  WaitStored(2, 48 * kMiB);
  auto file = Open(2);
  EXPECT_LE(ReadMetrics::Get().lead_bytes.Value(), static_cast<int64_t>(80 * kMiB));
  EXPECT_LE(pages_.StoredBytes(2), 80 * kMiB) << "the lead, and what may be in flight at once when it ends";
  ReadBehind(*harness_, *file, pages_, kShardBytes, 2);
  EXPECT_LE(harness_->Asked(), 2 * kShardBytes + 80 * kMiB);
}

// 16 x cat: the shard before is done after the one behind it, which was read and closed long ago.
TEST_F(ReadLeadTest, AShardThatWasReadAlreadyIsNotFetchedAgain) {
  Make(1024 * kMiB, 96 * kMiB);  // too little memory to have it there
  for (uint64_t id = kShards; id != 0; --id) ReadShard(id);
  for (uint64_t id = 2; id <= kShards; ++id) EXPECT_FALSE(Led(id)) << id;
  EXPECT_EQ(harness_->Asked(), kShards * kShardBytes);
}

TEST_F(ReadLeadTest, DirectReadersHaveNoLead) {
  Make(1024 * kMiB);
  auto file = Open(1);
  harness_->read_into = ReadInto::kProgram;
  harness_->ReadRange(*file, 7, 0, kShardBytes, kMiB);
  EXPECT_FALSE(Led(2));
  EXPECT_EQ(pages_.StoredBytes(2), 0u);
}

TEST_F(ReadLeadTest, NothingWithoutAShardReadWhole) {
  Make(1024 * kMiB);
  auto file = Open(1);
  ReadBehind(*harness_, *file, pages_, kShardBytes / 2, 1);
  file->CloseHandle(7);
  file.reset();
  EXPECT_EQ(pages_.StoredBytes(2), 0u);
  EXPECT_LE(harness_->Asked(), kShardBytes);
}

TEST_F(ReadLeadTest, OffWithoutABound) {
  Make(0);
  ReadShard(1);
  EXPECT_FALSE(Led(2));
  EXPECT_EQ(pages_.StoredBytes(2), 0u);
}

TEST_F(ReadLeadTest, AFileThatTheKernelDoesNotKnowWaitsInMemoryAndIsStoredOnceItDoes) {
  Make(1024 * kMiB);
  for (uint64_t id = 2; id <= kShards; ++id) pages_.SetKnown(id, false);
  ReadShard(1);
  for (uint64_t id = 2; id <= kShards; ++id) pages_.SetKnown(id, true);  // the loader looks them up
  EXPECT_LE(harness_->pool().UsedBytes(), 512 * kMiB);
  auto file = Open(2);
  harness_->Read(*file, 7, 0, 4096);
  WaitStored(2, 32 * kMiB);
  for (uint64_t id = 2; id <= kShards; ++id) ReadShard(id);
  EXPECT_EQ(harness_->Asked(), kShards * kShardBytes) << "each byte once";
  EXPECT_NE(pages_.StoredBytes(2), 0u);
}

TEST_F(ReadLeadTest, AChangedShardIsStoredNoMoreAndItsShareIsReturned) {
  Make(1024 * kMiB);
  ReadShard(1);
  WaitStored(2, kShardBytes - Wires());
  harness_->engine().StopFilling(2, StoresUnderWay::kWait);
  harness_->engine().Drop(2);
  versions_[2] = harness_->Put(Key(2), kShardBytes, 99);
  auto file = Open(2);
  for (uint64_t offset = 0; offset < kShardBytes; offset += 16 * kMiB) harness_->Read(*file, 7, offset, 4096);
  file.reset();
  EXPECT_LE(ReadMetrics::Get().lead_bytes.Value(), static_cast<int64_t>(kShardBytes)) << "nothing is held for shard 2";
}

TEST_F(ReadLeadTest, AShardThatIsOpenForWritingIsNotStoredAlthoughNobodyHasReadIt) {
  Make(1024 * kMiB);
  const std::shared_ptr<const void> writer = harness_->engine().HoldFilling(2);
  ReadShard(1);
  ReadShard(2);
  EXPECT_EQ(pages_.StoredBytes(2), 0u);
}

TEST_F(ReadLeadTest, AnOpenThatReadsNothingKeepsTheLead) {
  Make(1024 * kMiB);
  ReadShard(1);
  WaitStored(2, kShardBytes - Wires());
  Open(2).reset();  // the loader looks at the header, which the page cache has
  EXPECT_LT(ReadShard(2), 2 * kMiB);
  WaitStored(3, kShardBytes - Wires());
}

// Loaders of all kinds at once, and what may happen to files meanwhile: bytes are right, memory and lead bounded,
// nothing is held at the end.
TEST_F(ReadLeadTest, RandomLoadersSeeTheContent) {
  const uint64_t seed = test::TestSeed();
  Make((seed % 3 + 1) * 96 * kMiB, 160 * kMiB);
  std::vector<std::thread> loaders;
  for (uint64_t number = 0; number < 3; ++number) {
    loaders.emplace_back([this, number, seed] {
      std::mt19937_64 random(seed + number);
      const uint64_t handle = 100 + number;
      for (int round = 0; round < 3; ++round) {
        for (uint64_t id = 1 + random() % 2; id <= kShards && !testing::Test::HasFatalFailure(); ++id) {
          if (random() % 8 == 0) pages_.SetKnown(id, random() % 2 == 0);
          auto file = Open(id);
          const uint64_t step = (128 * kKiB) << random() % 4;
          const uint64_t end = random() % 4 == 0 ? random() % kShardBytes : kShardBytes;
          const bool cold = random() % 4 == 0;  // its pages went
          for (uint64_t offset = 0; offset < end && !testing::Test::HasFatalFailure(); offset += step)
            if (cold || !pages_.Has(offset, id) || !pages_.Has(std::min(offset + step, kShardBytes) - 1, id))
              harness_->Read(*file, handle, offset, static_cast<size_t>(step));
          using Stores = StoresUnderWay;
          if (random() % 8 == 0)
            harness_->engine().StopFilling(id, random() % 2 == 0 ? Stores::kWait : Stores::kLeave);
          if (random() % 8 == 0) harness_->engine().Drop(id);
          if (random() % 2 == 0) file->CloseHandle(handle);
        }
      }
    });
  }
  for (std::thread& loader : loaders) loader.join();
  EXPECT_LE(harness_->pool().PeakBytes(), harness_->pool().limit_bytes());
  harness_->engine().SetKernelPages(nullptr);
  for (uint64_t id = 1; id <= kShards; ++id) CheckStored(id);
  harness_->engine().Shutdown();
  EXPECT_EQ(ReadMetrics::Get().lead_bytes.Value(), 0);
}

}  // namespace
}  // namespace ossfs2
