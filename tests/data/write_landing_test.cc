// Writes that land in memory which the writer keeps.
#include "data/incoming/write_landing.h"

#include <algorithm>
#include <random>
#include <thread>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteLandingTest : public WriteFixture {
 protected:
  static constexpr uint64_t kBlock = MemoryPool::kBlockBytes;

  std::unique_ptr<Landing> MakeFull(std::string_view data) {
    std::unique_ptr<Landing> landing = Engine().incoming().MakeLanding();
    EXPECT_NE(landing, nullptr);
    if (landing) Fill(*landing, data);
    return landing;
  }
  static void Fill(Landing& landing, std::string_view data) {
    for (size_t at = 0; at < data.size(); at += kBlock)
      std::memcpy(landing.Piece(at / kBlock).data(), data.data() + at, std::min<size_t>(kBlock, data.size() - at));
  }
  // As the frontend does it.
  static void MustWriteLanded(WriteFile& file, uint64_t offset, Landing& landing, size_t size,
                              WritePlace place = WritePlace::kOffset) {
    const Result<size_t> taken = file.TryWriteLanded(offset, landing, size, place);
    ASSERT_TRUE(taken) << taken.error().ToString();
    if (*taken == size) return;
    const Result<size_t> written = file.WriteLanded(offset, landing, *taken, size, place);
    ASSERT_TRUE(written) << written.error().ToString();
    ASSERT_EQ(*written, size);
  }
  static size_t Missing(const Landing& landing) {
    size_t missing = 0;
    for (size_t i = 0; i < Landing::kPieces; ++i) missing += landing.Piece(i).empty() ? 1 : 0;
    return missing;
  }
};

TEST_F(WriteLandingTest, FullPiecesOfAStreamAreKeptAndTheObjectIsRight) {
  const std::string content = Random(5 * Landing::kBytes + 3 * kBlock + 77, 1);
  auto file = NewFile();
  std::unique_ptr<Landing> landing = Engine().incoming().MakeLanding();
  ASSERT_NE(landing, nullptr);
  for (size_t at = 0; at < content.size(); at += Landing::kBytes) {
    ASSERT_TRUE(landing->Refill());
    const auto piece = std::string_view(content).substr(at, Landing::kBytes);
    Fill(*landing, piece);
    MustWriteLanded(*file, at, *landing, piece.size());
    EXPECT_EQ(Missing(*landing), piece.size() / kBlock);
  }
  EXPECT_TRUE(ReadAll(*file) == content);
  MustPublish(*file);
  ExpectContent("file", content);
}

TEST_F(WriteLandingTest, PiecesThatDoNotBeginWhereABlockBeginsAreCopied) {
  auto file = NewFile();
  const std::string content = Random(1000 + Landing::kBytes, 2);
  MustWrite(*file, 0, std::string_view(content).substr(0, 1000));
  const auto landing = MakeFull(std::string_view(content).substr(1000));
  MustWriteLanded(*file, 1000, *landing, Landing::kBytes);
  EXPECT_EQ(Missing(*landing), 0u);
  MustPublish(*file);
  ExpectContent("file", content);
}

TEST_F(WriteLandingTest, NothingIsKeptAheadOfThoseWhoWaitForMemory) {
  SetPool(MemoryPool::kLimitBytesMin);
  auto file = NewFile();
  const std::string content = Random(Landing::kBytes, 3);
  const auto landing = MakeFull(content);
  auto all = pool_->TryAllocate(MemoryTag::kRead, 60);
  ASSERT_EQ(all.size(), 60u);
  std::vector<BlockRef> given;
  const uint64_t ticket =
      pool_->AllocateAsync(MemoryTag::kRead, 8, [&given](std::vector<BlockRef> blocks) { given = std::move(blocks); });
  EXPECT_EQ(Engine().incoming().MakeLanding(), nullptr);
  const Result<size_t> taken = file->TryWriteLanded(0, *landing, content.size(), WritePlace::kOffset);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 0u) << "no memory to copy into, and none may be kept";
  EXPECT_EQ(Missing(*landing), 0u);
  EXPECT_TRUE(pool_->CancelWait(ticket));
  all.clear();
  MustWriteLanded(*file, 0, *landing, content.size());
  MustPublish(*file);
  ExpectContent("file", content);
}

TEST_F(WriteLandingTest, AnErrorOfTheUploadReachesALaterLandedWrite) {
  Fail("part", EACCES, ErrorKind::kAccessDenied, 0, 100);
  auto file = NewFile();
  const std::string content = Random(Landing::kBytes, 4);
  Result<size_t> taken = size_t{0};
  for (int i = 0; i < 200 && taken; ++i) {
    const auto landing = Engine().incoming().MakeLanding();
    ASSERT_NE(landing, nullptr);
    Fill(*landing, content);
    taken = file->TryWriteLanded(file->size(), *landing, content.size(), WritePlace::kOffset);
    if (taken && *taken == 0) {
      const Status status = file->Write(file->size(), Bytes(content), WritePlace::kOffset);
      if (!status) taken = status.error();
    }
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().errno_value, EACCES);
}

// The staging space ends in the middle of a landed write.
TEST_F(WriteLandingTest, WhatWasTakenBeforeAnErrorCounts) {
  options_.staging_bytes_max = 4 * kBlock;
  auto file = NewFile();
  const std::string content = Random(12 * kMiB + 6 * kBlock, 5);
  ASSERT_TRUE(file->Truncate(12 * kMiB));
  MustWrite(*file, 12 * kMiB, std::string_view(content).substr(12 * kMiB, 2 * kBlock));
  const auto landing = MakeFull(std::string_view(content).substr(12 * kMiB + 2 * kBlock));
  const Result<size_t> taken = file->TryWriteLanded(file->size(), *landing, Landing::kBytes, WritePlace::kOffset);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 2 * kBlock);
  EXPECT_EQ(file->size(), 12 * kMiB + 4 * kBlock);
  EXPECT_EQ(ErrnoOf(file->Write(file->size(), Bytes("more"), WritePlace::kOffset)), ENOSPC);
  MustPublish(*file);
  EXPECT_FALSE(file->dirty());
  ExpectContent("file", std::string(12 * kMiB, '\0') + content.substr(12 * kMiB, 4 * kBlock));
}

// A part for each piece would be four times the requests.
TEST_F(WriteLandingTest, AWriteThatWaitsAsksForAllItsMemoryAtOnce) {
  options_.part_bytes = 2 * kMiB;
  SetPool(MemoryPool::kLimitBytesMin);
  auto file = NewFile();
  const std::string content = Random(2 * kMiB + Landing::kBytes, 6);
  const auto landing = MakeFull(std::string_view(content).substr(2 * kMiB));
  MustWrite(*file, 0, std::string_view(content).substr(0, 2 * kMiB));  // the head
  std::vector<BlockRef> all;
  for (bool all_is_ours = false; !all_is_ours; std::this_thread::yield()) {
    // The head is sent for want of memory, and gives its back.
    const bool sent = Count("part") == 1 && pool_->UsedBytes(MemoryTag::kUpload) == all.size() * kBlock;
    while (auto block = pool_->TryAllocate(MemoryTag::kUpload)) all.push_back(std::move(block));
    all_is_ours = sent && pool_->UsedBytes(MemoryTag::kUpload) == all.size() * kBlock;
  }
  std::thread writer([&] {
    const Result<size_t> written = file->WriteLanded(file->size(), *landing, 0, Landing::kBytes, WritePlace::kOffset);
    ASSERT_TRUE(written);
    EXPECT_EQ(*written, Landing::kBytes);
  });
  while (pool_->Waiters(MemoryTag::kUpload) == 0) std::this_thread::yield();
  while (!all.empty()) all.pop_back();  // one by one
  writer.join();
  MustPublish(*file);
  ExpectContent("file", content);
  EXPECT_EQ(Count("part"), 2u);
}

TEST_F(WriteLandingTest, RandomWritesOfAllKindsMatchAModel) {
  std::mt19937_64 dice(TestSeed());
  for (int round = 0; round < 12; ++round) {
    auto file = NewFile("file" + std::to_string(round));
    std::string model;
    std::unique_ptr<Landing> landing = Engine().incoming().MakeLanding();
    for (int step = 0; step < 25; ++step) {
      const size_t size = dice() % 3 == 0 ? 1 + dice() % Landing::kBytes : kBlock * (1 + dice() % Landing::kPieces);
      const WritePlace place = dice() % 4 == 0 ? WritePlace::kEnd : WritePlace::kOffset;
      const bool in_order = round % 3 != 0 || dice() % 8 != 0;
      const uint64_t offset = place == WritePlace::kEnd || in_order ? model.size() : dice() % (model.size() + 1);
      const std::string data = Random(size, dice());
      if (landing == nullptr || !landing->Refill()) landing = Engine().incoming().MakeLanding();
      if (landing && dice() % 4 != 0) {
        Fill(*landing, data);
        MustWriteLanded(*file, offset, *landing, size, place);
      } else {
        ASSERT_TRUE(WriteAt(*file, offset, data, place));
      }
      if (model.size() < offset + size) model.resize(offset + size);
      model.replace(offset, size, data);
    }
    EXPECT_TRUE(ReadAll(*file) == model) << round;
    MustPublish(*file);
    ExpectContent("file" + std::to_string(round), model);
  }
}

}  // namespace
}  // namespace ossfs2
