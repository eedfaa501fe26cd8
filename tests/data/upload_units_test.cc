// Part buffers, part sizes, zeros and the scheduler.
#include "base/values/crc64.h"
#include "data/upload/part_buffer.h"
#include "data/upload/upload_geometry.h"
#include "data/upload/upload_scheduler.h"
#include "data/upload/upload_zeros.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kBlock = MemoryPool::kBlockBytes;

TEST(UploadBuffer, ChecksumFollowsAppendsPatchesAndCuts) {
  MemoryPool pool(16 * kMiB);
  PartBuffer buffer(0, 2 * kBlock, true);
  for (int i = 0; i < 2; ++i) buffer.AddBlock(pool.TryAllocate(MemoryTag::kUpload));
  std::string model = Random(400'000, 1);
  buffer.Append(Bytes(std::string_view(model).substr(0, 100'001)));
  buffer.Append(Bytes(std::string_view(model).substr(100'001)));
  EXPECT_EQ(buffer.Crc(), Crc64(0, model.data(), model.size()));
  buffer.Patch(kBlock - 3, Bytes("PATCH"));
  model.replace(kBlock - 3, 5, "PATCH");
  EXPECT_EQ(buffer.Crc(), Crc64(0, model.data(), model.size()));
  buffer.Cut(300'000);
  model.resize(300'000);
  buffer.AppendZeros(10);
  model.resize(300'010);
  EXPECT_EQ(buffer.Crc(), Crc64(0, model.data(), model.size()));
  std::string out(model.size(), 'x');
  buffer.Read(0, {reinterpret_cast<std::byte*>(out.data()), out.size()});
  EXPECT_TRUE(out == model);
  buffer.Cut(1);
  EXPECT_EQ(buffer.block_count(), 1u);
}

TEST(UploadBuffer, KeptBlocksAreSummedLikeCopiedBytes) {
  MemoryPool pool(16 * kMiB);
  PartBuffer buffer(0, 3 * kBlock, true);
  buffer.AddBlock(pool.TryAllocate(MemoryTag::kUpload));
  const std::string model = Random(2 * kBlock + 1000, 3);
  buffer.Append(Bytes(std::string_view(model).substr(0, kBlock)));
  BlockRef full = pool.TryAllocate(MemoryTag::kUpload);
  std::memcpy(full->data(), model.data() + kBlock, kBlock);
  buffer.AppendBlock(std::move(full));
  buffer.AddBlock(pool.TryAllocate(MemoryTag::kUpload));
  buffer.Append(Bytes(std::string_view(model).substr(2 * kBlock)));
  EXPECT_EQ(buffer.size(), model.size());
  EXPECT_EQ(buffer.Crc(), Crc64(0, model.data(), model.size()));
  std::string out(model.size(), 'x');
  buffer.Read(0, {reinterpret_cast<std::byte*>(out.data()), out.size()});
  EXPECT_TRUE(out == model);
}

TEST(UploadGeometry, PartsFitThePool) {
  EXPECT_EQ(UsablePartBytes(8 * kMiB, 256 * kMiB), 8 * kMiB);
  EXPECT_EQ(UsablePartBytes(8 * kMiB, 16 * kMiB), 2 * kMiB);
  EXPECT_EQ(UsablePartBytes(1, 256 * kMiB), kBlock);
}

TEST(UploadGeometry, StreamPartsGrowWithTheFile) {
  const uint64_t pool = 64ull << 30;
  EXPECT_EQ(StreamPartBytes(8 * kMiB, 0, pool), 8 * kMiB);
  EXPECT_EQ(StreamPartBytes(8 * kMiB, 7ull << 30, pool), 8 * kMiB);
  uint64_t offset = 0;
  for (int part = 0; part < kPartsMax; ++part) offset += StreamPartBytes(8 * kMiB, offset, pool);
  EXPECT_GT(offset, 10ull << 40);  // then it compacts
}

TEST(UploadGeometry, CopyRunsCoverTheLargestObject) {
  const auto runs = CopyRuns(0, kObjectBytesMax - kPartBytesMax * 2000);
  EXPECT_LE(runs.size(), 8001u);
  uint64_t at = 0;
  for (const auto& [begin, end] : runs) {
    EXPECT_EQ(begin, at);
    EXPECT_LE(end - begin, kPartBytesMax);
    EXPECT_GE(end - begin, kPartBytesMin);
    at = end;
  }
  EXPECT_EQ(CopyRuns(0, (1ull << 30) + 1).size(), 2u);  // no tiny last part
  EXPECT_GE(CopyRuns(0, (1ull << 30) + 1).back().second - CopyRuns(0, (1ull << 30) + 1).back().first, kPartBytesMin);
}

TEST(UploadGeometry, CellsHoldTheLargestStagedFile) {
  const UploadCells cells(8 * kMiB);
  EXPECT_GE(cells.BytesMax(), 100ull << 30);
  for (const uint64_t offset : {0ull, 8ull << 20, (8ull << 20) - 1, 50ull << 30}) {
    const size_t cell = cells.IndexOf(offset);
    EXPECT_LE(cells.Begin(cell), offset);
    EXPECT_GT(cells.End(cell), offset);
    EXPECT_LE(cells.FirstNumber(cell) + UploadCells::kNumbersPerCell - 1, kPartsMax);
  }
}

TEST(UploadZeros, ChecksumOfZeros) {
  for (const size_t count : {0u, 1u, 7u, 4096u, 1'000'001u}) {
    const std::string zeros(count, '\0');
    EXPECT_EQ(ZeroCrc64(count), Crc64(0, zeros.data(), count));
    std::vector<std::span<const std::byte>> spans;
    AddZeroSpans(spans, count);
    size_t total = 0;
    for (const auto span : spans) total += span.size();
    EXPECT_EQ(total, count);
  }
}

TEST(UploadScheduler, OwnersTakeTurnsWithinTheBound) {
  UploadScheduler scheduler(2);
  std::vector<std::string> started;
  std::vector<UploadScheduler::Done> running;
  const auto job = [&](std::string name) {
    return [&, name](UploadScheduler::Done done) {
      started.push_back(name);
      running.push_back(std::move(done));
    };
  };
  for (int i = 0; i < 3; ++i) scheduler.Submit(1, job("a" + std::to_string(i)));
  for (int i = 0; i < 2; ++i) scheduler.Submit(2, job("b" + std::to_string(i)));
  EXPECT_EQ(scheduler.InFlight(), 2);
  for (size_t i = 0; i < 5; ++i) running[i]();
  EXPECT_EQ(started, (std::vector<std::string>{"a0", "a1", "a2", "b0", "b1"}));
  EXPECT_EQ(scheduler.InFlight(), 0);
  EXPECT_EQ(scheduler.InFlightPeak(), 2);
}

TEST(UploadScheduler, AnyNumberOfRefusedJobsEndOnOneStack) {
  UploadScheduler scheduler(1);
  constexpr int kJobs = 200'000;
  UploadScheduler::Done first;
  int ended = 0;
  scheduler.Submit(1, [&](UploadScheduler::Done done) { first = std::move(done); });
  for (int i = 0; i < kJobs; ++i) {
    scheduler.Submit(1, [&](UploadScheduler::Done done) {
      ++ended;
      done();
    });
  }
  EXPECT_EQ(ended, 0);
  first();
  EXPECT_EQ(ended, kJobs);
  EXPECT_EQ(scheduler.InFlight(), 0);
}

TEST(UploadScheduler, ALateOwnerDoesNotWaitForAllOfAnother) {
  UploadScheduler scheduler(1);
  std::vector<int> started;
  std::vector<UploadScheduler::Done> running;
  const auto job = [&](int name) {
    return [&, name](UploadScheduler::Done done) {
      started.push_back(name);
      running.push_back(std::move(done));
    };
  };
  for (int i = 0; i < 4; ++i) scheduler.Submit(1, job(i));
  scheduler.Submit(2, job(100));
  for (size_t i = 0; i < 5; ++i) running[i]();
  EXPECT_EQ(started, (std::vector<int>{0, 1, 100, 2, 3}));
}

}  // namespace
}  // namespace ossfs2
