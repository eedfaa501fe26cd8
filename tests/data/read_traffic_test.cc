// How many bytes are asked of the store for the ways in which programs read (docs: figures to reach).
#include <random>
#include <thread>

#include "tests/data/read_harness.h"
#include "tests/support/seed.h"

namespace ossfs2 {
namespace {

TEST(ReadTrafficTest, SequentialWholeFileAsksEachByteOnce) {
  for (const size_t size : {128 * kKiB, kMiB}) {
    ReadHarness harness;
    auto file = harness.engine().Open(1, harness.Put("a", 100 * kMiB + 12345));
    harness.ReadRange(*file, 7, 0, 100 * kMiB + 12345, size);
    EXPECT_EQ(harness.Asked(), 100 * kMiB + 12345);
    EXPECT_EQ(harness.store().BytesSent(), 100 * kMiB + 12345);
  }
}

TEST(ReadTrafficTest, ReadersTogetherAndApartShareOneDownload) {
  for (const uint64_t readers : {2, 4, 8}) {
    for (const uint64_t apart : {0 * kMiB, 24 * kMiB}) {
      ReadHarness harness(256 * kMiB);
      const uint64_t size = 64 * kMiB;
      auto file = harness.engine().Open(1, harness.Put("a", size));
      for (uint64_t at = 0; at < size + readers * apart; at += kMiB) {
        for (uint64_t reader = 0; reader < readers; ++reader) {
          const uint64_t lag = reader * apart;
          if (at >= lag && at - lag < size) harness.Read(*file, reader + 1, at - lag, kMiB);
        }
      }
      EXPECT_EQ(harness.Asked(), size) << readers << " readers, " << apart << " apart";
    }
  }
}

TEST(ReadTrafficTest, StoppingEarlyWastesLittle) {
  ReadHarness harness(256 * kMiB);
  harness.store().SetLatency(std::chrono::milliseconds(1));
  auto file = harness.engine().Open(1, harness.Put("a", 128 * kMiB));
  harness.ReadRange(*file, 7, 0, 64 * kMiB, kMiB);
  file->CloseHandle(7);
  file.reset();
  EXPECT_LE(harness.Asked(), 64 * kMiB * 3 / 2);
}

TEST(ReadTrafficTest, RandomReadsAskWhatIsRead) {
  std::mt19937_64 random(test::TestSeed());
  ReadHarness harness(64 * kMiB);
  const uint64_t size = 256 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  for (int i = 0; i < 1000; ++i) harness.Read(*file, 7, random() % (size / (128 * kKiB)) * 128 * kKiB, 128 * kKiB);
  EXPECT_LE(harness.Asked(), 1000 * 128 * kKiB * 11 / 10);
}

TEST(ReadTrafficTest, TailProbeIsOneSmallGet) {
  ReadHarness harness;
  const uint64_t size = 100 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  harness.Read(*file, 7, size - 4096, 4096);
  harness.Read(*file, 7, size - 22, 22);
  EXPECT_EQ(harness.Asked(), 4096u);
  EXPECT_EQ(harness.store().Requests()["get"], 1u);
}

TEST(ReadTrafficTest, SixteenStreamsInOneFile) {
  ReadHarness harness(256 * kMiB);
  const uint64_t share = 12 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", 16 * share));
  for (uint64_t at = 0; at < share; at += 256 * kKiB)
    for (uint64_t stream = 0; stream < 16; ++stream) harness.Read(*file, stream, stream * share + at, 256 * kKiB);
  EXPECT_LE(harness.Asked(), 16 * share * 105 / 100);
}

TEST(ReadTrafficTest, SixteenStreamsInLittleMemory) {
  ReadHarness harness(32 * kMiB);
  const uint64_t share = 12 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", 16 * share));
  for (uint64_t at = 0; at < share; at += 256 * kKiB)
    for (uint64_t stream = 0; stream < 16; ++stream) harness.Read(*file, stream, stream * share + at, 256 * kKiB);
  EXPECT_LE(harness.Asked(), 16 * share * 105 / 100);
  EXPECT_LE(harness.pool().PeakBytes(), 32 * kMiB);
}

// llama.cpp without mmap: the first tensor, tensors at the end, then block after block with small holes.
TEST(ReadTrafficTest, LlamaOrder) {
  ReadHarness harness(128 * kMiB);
  const uint64_t size = 160 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  uint64_t read = 0;
  const auto range = [&](uint64_t begin, uint64_t end) {
    harness.ReadRange(*file, 7, begin, end, 128 * kKiB);
    read += end - begin;
  };
  harness.Read(*file, 7, size - 4096, 4096);
  range(0, 2 * kMiB);
  range(2 * kMiB, 40 * kMiB);             // token_embd
  range(size - 30 * kMiB, size);          // output
  uint64_t at = 40 * kMiB;
  for (int tensor = 0; at < size - 30 * kMiB; ++tensor) {
    const uint64_t end = std::min(at + 3 * kMiB, size - 30 * kMiB);
    range(at, end);
    at = end + (tensor % 4 == 0 ? 4 * kKiB : 0);
    if (at > size - 30 * kMiB) break;
  }
  EXPECT_LE(harness.Asked(), read * 105 / 100);
}

TEST(ReadTrafficTest, DescendingRunsArePrefetched) {
  ReadHarness harness(128 * kMiB);
  const uint64_t size = 32 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  for (uint64_t end = size; end > 0; end -= 128 * kKiB) harness.Read(*file, 7, end - 128 * kKiB, 128 * kKiB);
  EXPECT_EQ(harness.Asked(), size);
  EXPECT_LT(harness.store().Requests()["get"], 64u);  // 256 reads
}

// Page faults begin before the edge: [x - 64K, x + 64K).
TEST(ReadTrafficTest, ReadAroundAndReadAheadOutOfOrderAreOneStream) {
  ReadHarness harness(128 * kMiB);
  const uint64_t size = 64 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  for (uint64_t at = 8 * kMiB; at < 40 * kMiB; at += 256 * kKiB) {
    harness.Read(*file, 7, at + 64 * kKiB, 128 * kKiB);
    harness.Read(*file, 7, at - 64 * kKiB, 128 * kKiB);
  }
  EXPECT_LT(harness.store().Requests()["get"], 100u);  // 256 reads
}

// Four ranks walk tensors of a mapped file in orders of their own: the rest is pulled in order.
TEST(ReadTrafficTest, FaultStormPullsTheFileWhole) {
  std::mt19937_64 random(test::TestSeed());
  ReadHarness harness(128 * kMiB);
  const uint64_t tensor = 2 * kMiB;
  const uint64_t count = 60;
  auto file = harness.engine().Open(1, harness.Put("a", tensor * count));
  std::vector<std::vector<uint64_t>> orders(4, std::vector<uint64_t>(count));
  for (auto& order : orders) {
    for (uint64_t i = 0; i < count; ++i) order[i] = i;
    for (uint64_t i = 0; i + 8 <= count; i += 8)  // roughly ascending
      std::shuffle(order.begin() + static_cast<ptrdiff_t>(i), order.begin() + static_cast<ptrdiff_t>(i + 8), random);
  }
  const uint64_t whole_before = ReadMetrics::Get().whole_files.Value();
  for (uint64_t i = 0; i < count; ++i)
    for (uint64_t rank = 0; rank < 4; ++rank)
      harness.ReadRange(*file, rank, orders[rank][i] * tensor, (orders[rank][i] + 1) * tensor, 128 * kKiB);
  // Half of this small pool holds what was read; a piece of it may go before the last rank has come.
  EXPECT_GE(harness.Asked(), tensor * count);
  EXPECT_LE(harness.Asked(), tensor * count / 32 * 33);
  EXPECT_EQ(ReadMetrics::Get().whole_files.Value(), whole_before + 1);
}

TEST(ReadTrafficTest, NextShardIsReadyAndNotAskedTwice) {
  ReadHarness harness(256 * kMiB);
  const ObjectVersion first = harness.Put("m-1", 48 * kMiB);
  const ObjectVersion second = harness.Put("m-2", 48 * kMiB, 2);
  harness.engine().SetNextFileResolver([&](uint64_t id) -> std::optional<std::pair<uint64_t, ObjectVersion>> {
    if (id != 1) return std::nullopt;
    return std::pair{uint64_t{2}, second};
  });
  auto file = harness.engine().Open(1, first);
  harness.ReadRange(*file, 7, 0, 48 * kMiB, kMiB);
  file->CloseHandle(7);
  file.reset();
  EXPECT_GT(harness.Asked(), 48 * kMiB);
  auto next = harness.engine().Open(2, second);
  harness.ReadRange(*next, 8, 0, 48 * kMiB, kMiB);
  EXPECT_EQ(harness.Asked(), 96 * kMiB);
}

TEST(ReadTrafficTest, ManyIdleFilesDoNotStarveALaterOne) {
  ReadHarness harness(256 * kMiB);
  std::vector<std::shared_ptr<ReadFile>> idle;
  for (uint64_t i = 0; i < 200; ++i) {
    idle.push_back(harness.engine().Open(i, harness.Put("idle" + std::to_string(i), kMiB, i)));
    harness.ReadRange(*idle.back(), i, 0, 384 * kKiB, 128 * kKiB);
  }
  harness.ResetCounts();
  const uint64_t gets = harness.store().Requests()["get"];
  auto file = harness.engine().Open(1000, harness.Put("a", 64 * kMiB));
  harness.ReadRange(*file, 1000, 0, 64 * kMiB, 128 * kKiB);
  EXPECT_EQ(harness.Asked(), 64 * kMiB);
  EXPECT_LT(harness.store().Requests()["get"] - gets, 200u);  // 512 reads
}

TEST(ReadTrafficTest, CacheBytesKeepFilesOverClose) {
  ReadOptions options;
  options.cache_bytes = 64 * kMiB;
  ReadHarness harness(128 * kMiB, options);
  const ObjectVersion version = harness.Put("a", 40 * kMiB);
  for (int pass = 0; pass < 2; ++pass) {
    auto file = harness.engine().Open(1, version);
    harness.ReadRange(*file, 7, 0, 40 * kMiB, kMiB);
    file->CloseHandle(7);
  }
  EXPECT_EQ(harness.Asked(), 40 * kMiB);
}

TEST(ReadTrafficTest, CacheUntilCloseDropsAtLastClose) {
  ReadOptions options;
  options.cache_bytes = 64 * kMiB;
  options.cache_until_close = true;
  ReadHarness harness(128 * kMiB, options);
  const ObjectVersion version = harness.Put("a", 8 * kMiB);
  for (int pass = 0; pass < 2; ++pass) {
    auto file = harness.engine().Open(1, version);
    harness.ReadRange(*file, 7, 0, 8 * kMiB, kMiB);
    file->CloseHandle(7);
  }
  EXPECT_EQ(harness.Asked(), 16 * kMiB);
}

// A read needs two GETs; the first ends while the read waits for the second. What came is read for the first time then,
// not given up before and found in the cache.
TEST(ReadTrafficTest, AReadOverTwoGetsIsNoCacheHit) {
  constexpr uint64_t kSize = 32 * kMiB;
  constexpr size_t kReadBytes = 300'000;  // ends of reads and of GETs do not meet
  ReadHarness harness(256 * kMiB);
  auto file = harness.engine().Open(1, harness.Put("a", kSize));
  harness.store().HoldData(true);
  const uint64_t before = ReadMetrics::Get().cache_hit_bytes.Value();
  for (uint64_t offset = 0; offset < kSize; offset += kReadBytes) {
    auto read = harness.Start(*file, 7, offset, kReadBytes);
    while (read.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      harness.store().ReleaseHeld(1);
      while (ReadMetrics::Get().in_flight.Value() != static_cast<int64_t>(harness.store().HeldCalls()))
        std::this_thread::yield();
    }
    harness.Check(*file, offset, kReadBytes, read.get());
  }
  EXPECT_EQ(ReadMetrics::Get().cache_hit_bytes.Value(), before);
  EXPECT_EQ(harness.Asked(), kSize);
}

// 10 ms each way: the window must open within a few round trips.
TEST(ReadTrafficTest, ColdStartOpensTheWindowFast) {
  ReadHarness harness(512 * kMiB);
  auto file = harness.engine().Open(1, harness.Put("a", 96 * kMiB));
  harness.store().HoldData(true);
  uint64_t offset = 0;
  size_t rounds = 0;
  size_t in_flight = 0;
  while (in_flight < 8 && offset < 96 * kMiB) {
    auto read = harness.Start(*file, 7, offset, kMiB);
    if (read.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      ++rounds;  // one round trip: all that is in flight arrives
      in_flight = harness.store().HeldCalls();
      // A far server: what comes faster than kNearBytesPerS is fetched in few large pieces.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      harness.store().ReleaseHeld(in_flight);
      while (ReadMetrics::Get().in_flight.Value() != static_cast<int64_t>(harness.store().HeldCalls()))
        std::this_thread::yield();
    }
    harness.Check(*file, offset, kMiB, read.get());
    offset += kMiB;
  }
  EXPECT_LE(rounds, 7u);
}

}  // namespace
}  // namespace ossfs2
