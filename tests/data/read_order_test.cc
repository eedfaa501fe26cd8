// When what was read of a large file gives its memory back: pieces out of order, and readers side by side.
//
// Files whose pieces are read out of their order by one reader, as torch.load does: the records of a checkpoint lie
// in the order of their names ("10" before "2"), and are read in that of their numbers. What was read gives its memory
// back all the same.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "data/read/chunks/read_cache.h"
#include "read_harness.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kRecords = 40;
constexpr uint64_t kRecordBytes = 7 * kMiB;
constexpr uint64_t kFileBytes = kRecords * kRecordBytes;

// Where in the file the records are, by their numbers.
std::vector<uint64_t> Places() {
  std::vector<std::string> names;
  for (uint64_t record = 0; record < kRecords; ++record) names.push_back(std::to_string(record));
  std::sort(names.begin(), names.end());
  std::vector<uint64_t> places(kRecords);
  for (uint64_t place = 0; place < kRecords; ++place) places[std::stoul(names[place])] = place;
  return places;
}

class ReadOrderTest : public testing::Test {
 protected:
  // Reads every record but its first `skipped` bytes, with reads of `step` bytes.
  void ReadAll(bool page_cache, uint64_t skipped, uint64_t step) {
    ReadOptions options;
    options.page_cache = page_cache;
    harness_ = std::make_unique<ReadHarness>(2048 * kMiB, options);
    harness_->read_into = page_cache ? ReadInto::kPageCache : ReadInto::kProgram;
    file_ = harness_->engine().Open(1, harness_->Put("checkpoint.pt", kFileBytes));
    harness_->Read(*file_, 7, kFileBytes - 4096, 4096);
    for (const uint64_t place : Places()) {
      const uint64_t begin = place * kRecordBytes;
      harness_->ReadRange(*file_, 7, begin + skipped, begin + kRecordBytes, step);
    }
    EXPECT_LE(harness_->Asked(), kFileBytes + 4096);  // the end may be asked for again
  }
  std::unique_ptr<ReadHarness> harness_;
  std::shared_ptr<ReadFile> file_;
};

// Places in front of them that are read later do not hold them: what is read there are other bytes, and whoever comes
// to these finds them in the page cache. The first 128 MiB may stay, for programs that read a little of many files.
TEST_F(ReadOrderTest, WhatThePageCacheKeepsGoes) {
  ReadAll(/*page_cache=*/true, 0, 128 * kKiB);
  EXPECT_LE(harness_->pool().UsedBytes(MemoryTag::kCache), 160 * kMiB);
}

// A reader past the page cache that leaves out the names between the records.
TEST_F(ReadOrderTest, WhatADirectReaderHasReadGoes) {
  ReadAll(/*page_cache=*/false, 100, kMiB);
  EXPECT_LE(harness_->pool().UsedBytes(), ReadCache::kLittleBytesMax + 32 * kMiB);
}

// Readers past the page cache that go through a file side by side, 1 MiB each in turn.
class ReadTogetherTest : public testing::Test {
 protected:
  ReadTogetherTest() { harness_.read_into = ReadInto::kProgram; }
  void Together(uint64_t begin, uint64_t end) {
    for (uint64_t at = begin; at < end; at += kMiB)
      for (const uint64_t reader : {1, 2}) harness_.Read(*file_, reader, at, kMiB);
  }
  // Once it is down to what is wanted, as it is when the last GETs are settled; if that never comes, what it is then.
  uint64_t HeldBytes(uint64_t wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (harness_.pool().UsedBytes() > wanted && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return harness_.pool().UsedBytes();
  }
  ReadHarness harness_{2048 * kMiB};
  std::shared_ptr<ReadFile> file_ = harness_.engine().Open(1, harness_.Put("model", kFileBytes));
};

TEST_F(ReadTogetherTest, WhatAllHaveReadGoes) {
  Together(0, kFileBytes);
  EXPECT_EQ(harness_.Asked(), kFileBytes);
  EXPECT_LE(HeldBytes(160 * kMiB), 160 * kMiB);  // the first 128 MiB, for those that begin a little later
}

// The one in front has closed the file before the last one has read it to its end.
TEST_F(ReadTogetherTest, WhatTheLastOneHasNotReadStays) {
  for (uint64_t at = 0; at < kFileBytes; at += kMiB)
    for (const uint64_t reader : {1, 2, 3})
      if (at >= (reader - 1) * 16 * kMiB) harness_.Read(*file_, reader, at - (reader - 1) * 16 * kMiB, kMiB);
  file_->CloseHandle(1);
  harness_.ReadRange(*file_, 2, kFileBytes - 16 * kMiB, kFileBytes, kMiB);
  file_->CloseHandle(2);
  harness_.ReadRange(*file_, 3, kFileBytes - 32 * kMiB, kFileBytes, kMiB);
  EXPECT_EQ(harness_.Asked(), kFileBytes);
}

TEST_F(ReadTogetherTest, WhatAllHaveReadStaysWhileOthersStartLater) {
  harness_.ReadRange(*file_, 3, 0, 260 * kMiB, kMiB);
  file_->CloseHandle(3);
  Together(0, kFileBytes);
  EXPECT_GE(harness_.pool().UsedBytes(), 240 * kMiB);
}

}  // namespace
}  // namespace ossfs2
