// Heads of files and small files that are read in pieces: what is asked of the store (head_size.h).
#include <thread>

#include "data/read/file/head_size.h"
#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kLargeFile = 4 * kMiB;
// Where the pieces end that the kernel asks for while a program reads a file in small pieces.
constexpr uint64_t kPieceEnds[] = {0, 16 * kKiB, 80 * kKiB, 336 * kKiB, 1360 * kKiB};

class ReadHeadTest : public testing::Test {
 protected:
  std::shared_ptr<ReadFile> Open(uint64_t size = kLargeFile) {
    const uint64_t id = ++files_;
    return harness_->engine().Open(id, harness_->Put("f" + std::to_string(id), size, id));
  }
  // A new file, of which the kernel reads so many pieces.
  void ReadHead(size_t pieces) {
    auto file = Open();
    for (size_t i = 0; i < pieces; ++i) harness_->Read(*file, 7, kPieceEnds[i], kPieceEnds[i + 1] - kPieceEnds[i]);
    file->CloseHandle(7);
  }
  uint64_t Gets() { return harness_->store().Requests()["get"]; }

  std::unique_ptr<ReadHarness> harness_ = std::make_unique<ReadHarness>();
  uint64_t files_ = 0;
};

TEST_F(ReadHeadTest, AHeaderIsOneGet) {
  for (size_t pieces = 1; pieces <= 4; ++pieces) {
    harness_ = std::make_unique<ReadHarness>();
    for (int file = 0; file < 8; ++file) ReadHead(pieces);
    EXPECT_EQ(Gets(), 8u) << pieces << " pieces";
    EXPECT_LE(harness_->Asked(), 8 * HeadSize::kBytesMax);
  }
}

TEST_F(ReadHeadTest, ASmallFileInPiecesIsOneGet) {
  auto file = Open(700 * kKiB);
  harness_->ReadRange(*file, 7, 0, 700 * kKiB, 64 * kKiB);
  EXPECT_EQ(Gets(), 1u);
  EXPECT_EQ(harness_->Asked(), 700 * kKiB);
}

TEST_F(ReadHeadTest, AReaderWaitsForWhatItReadsOnly) {
  harness_->store().HoldData(true);
  auto file = Open();
  auto first = harness_->Start(*file, 7, 0, 4096);
  auto second = harness_->Start(*file, 7, 4096, 60 * kKiB);
  harness_->store().HoldData(false);
  harness_->Check(*file, 0, 4096, first.get());
  harness_->Check(*file, 4096, 60 * kKiB, second.get());
  EXPECT_EQ(Gets(), 1u);
}

TEST_F(ReadHeadTest, FirstPagesOfManyFilesCostFewBytes) {
  for (int file = 0; file < 100; ++file) ReadHead(1);
  EXPECT_EQ(Gets(), 100u);
  EXPECT_LE(harness_->Asked(), 100 * kKiB * 128);
  // Who then reads headers gets them in one GET again.
  for (int file = 0; file < 8; ++file) ReadHead(4);
  const uint64_t before = Gets();
  for (int file = 0; file < 8; ++file) ReadHead(4);
  EXPECT_EQ(Gets(), before + 8);
}

TEST_F(ReadHeadTest, SmallFilesSayNothingOfTheNextOnes) {
  for (int i = 0; i < 20; ++i) {
    auto file = Open(100 * kKiB);
    harness_->ReadRange(*file, 7, 0, 100 * kKiB, 50 * kKiB);
    file->CloseHandle(7);
  }
  EXPECT_EQ(Gets(), 20u);
  ReadHead(4);
  EXPECT_EQ(Gets(), 21u);
}

TEST_F(ReadHeadTest, OnlyAFirstSmallReadOfTheBeginAsksForMore) {
  harness_->Read(*Open(), 7, 0, kMiB);
  EXPECT_EQ(harness_->Asked(), kMiB);
  harness_->Read(*Open(), 7, 2 * kMiB, 4096);
  EXPECT_EQ(harness_->Asked(), kMiB + 4096);

  ReadOptions small_gets;
  small_gets.chunk_bytes = kMiB;
  harness_ = std::make_unique<ReadHarness>(256 * kMiB, small_gets);
  ReadHead(1);
  EXPECT_EQ(harness_->Asked(), kMiB);

  ReadOptions nothing_ahead;
  nothing_ahead.concurrency = 0;
  harness_ = std::make_unique<ReadHarness>(256 * kMiB, nothing_ahead);
  ReadHead(1);
  EXPECT_EQ(harness_->Asked(), 16 * kKiB);
}

TEST_F(ReadHeadTest, StopsWhereOthersHaveRead) {
  auto file = Open();
  harness_->Read(*file, 7, 200 * kKiB, 4096);
  harness_->Read(*file, 7, 0, 4096);
  EXPECT_EQ(harness_->Asked(), 204 * kKiB);
}

TEST_F(ReadHeadTest, AClosedFileLeavesNoMoreThanCache) {
  for (int file = 0; file < 4; ++file) ReadHead(2);
  EXPECT_EQ(harness_->pool().UsedBytes(MemoryTag::kRead), 0u);
  harness_->store().HoldData(true);
  auto file = Open();
  auto read = harness_->Start(*file, 7, 0, 4096);
  file->CloseHandle(7);
  harness_->store().HoldData(false);
  harness_->Check(*file, 0, 4096, read.get());
  while (ReadMetrics::Get().in_flight.Value() != 0) std::this_thread::yield();
  EXPECT_EQ(harness_->pool().UsedBytes(MemoryTag::kRead), 0u);
}

TEST_F(ReadHeadTest, LittleMemoryIsForWhatIsRead) {
  MemoryPool& pool = harness_->pool();
  const auto taken = pool.TryAllocate(MemoryTag::kRead, pool.limit_bytes() / 4 * 3 / MemoryPool::kBlockBytes);
  ASSERT_FALSE(taken.empty());
  auto file = Open();
  harness_->Read(*file, 7, 0, 4096);
  EXPECT_EQ(harness_->Asked(), 4096u);
}

}  // namespace
}  // namespace ossfs2
