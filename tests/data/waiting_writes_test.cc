// Where the bytes of writes lie that have to wait.
#include "data/incoming/waiting_writes.h"

#include <deque>
#include <map>
#include <thread>

#include "base/threads/awaited.h"
#include "base/threads/executor.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

constexpr size_t kShare = 8;  // blocks of the smallest pool that writes which wait may have

class WriteWaitingTest : public WriteFixture {
 protected:
  WriteWaitingTest() { SetPool(MemoryPool::kLimitBytesMin); }

  // Numbered as they come.
  void Keep(const std::string& bytes) {
    Engine().incoming().KeepWaiting(Bytes(bytes), [this](FetchLanding fetch) { running_.push_back(std::move(fetch)); });
  }
  static std::string Text(const Landing& landing, size_t size) {
    std::string text;
    for (size_t i = 0; text.size() < size; ++i) {
      const auto piece = landing.Piece(i);
      text.append(reinterpret_cast<const char*>(piece.data()), std::min(piece.size(), size - text.size()));
    }
    return text;
  }
  void ExpectNext(const std::string& wanted) {
    ASSERT_FALSE(running_.empty());
    const FetchLanding fetch = std::move(running_.front());
    running_.pop_front();
    const auto landing = fetch();
    ASSERT_TRUE(landing) << landing.error().ToString();
    EXPECT_TRUE(Text(**landing, wanted.size()) == wanted);
  }
  uint64_t Parked() const { return pool_->UsedBytes(MemoryTag::kParked); }

  std::deque<FetchLanding> running_;
};

TEST_F(WriteWaitingTest, BeyondTheirShareTheyLieOnDiskAndComeBackInOrder) {
  std::vector<std::string> writes;
  for (size_t i = 0; i < 20; ++i) writes.push_back(Random(Landing::kBytes - i * 1000, i));
  for (const std::string& write : writes) Keep(write);
  EXPECT_EQ(running_.size(), 2u);
  EXPECT_EQ(Parked(), kShare * MemoryPool::kBlockBytes);
  for (const std::string& write : writes) {
    ExpectNext(write);
    EXPECT_LE(Parked(), kShare * MemoryPool::kBlockBytes);
  }
  EXPECT_EQ(Parked(), 0u);
  EXPECT_TRUE(running_.empty());
}

TEST_F(WriteWaitingTest, WhatComesLaterDoesNotOvertakeWhatIsOnDisk) {
  for (char c : {'a', 'b', 'c'}) Keep(std::string(Landing::kBytes, c));
  ASSERT_EQ(running_.size(), 2u);
  Keep("d");
  EXPECT_EQ(running_.size(), 2u);
  for (char c : {'a', 'b', 'c'}) ExpectNext(std::string(Landing::kBytes, c));
  ExpectNext("d");
}

// Uploads and reads have taken all: the writes that wait still get some, because reads drain.
TEST_F(WriteWaitingTest, SomeMemoryComesToThemAlthoughAllIsUsed) {
  auto uploads = pool_->TryAllocate(MemoryTag::kUpload, 48);
  auto reads = pool_->TryAllocate(MemoryTag::kRead, 16);
  ASSERT_EQ(uploads.size() + reads.size(), 64u);
  Keep(std::string(Landing::kBytes, 'w'));
  EXPECT_TRUE(running_.empty());
  EXPECT_TRUE(pool_->ReclaimHelps());
  reads.resize(13);
  EXPECT_EQ(pool_->TryAllocate(MemoryTag::kRead), nullptr) << "what is free is kept for them";
  reads.resize(12);
  ExpectNext(std::string(Landing::kBytes, 'w'));
  EXPECT_EQ(pool_->TryAllocate(MemoryTag::kRead, 4).size(), 4u);
}

TEST_F(WriteWaitingTest, TheyLeaveUploadsTheirReserve) {
  auto reads = pool_->TryAllocate(MemoryTag::kRead, 44);
  Keep(std::string(Landing::kBytes, '1'));
  EXPECT_EQ(running_.size(), 1u);
  Keep(std::string(Landing::kBytes, '2'));
  EXPECT_EQ(running_.size(), 1u);
  EXPECT_EQ(pool_->TryAllocate(MemoryTag::kUpload, 16).size(), 16u);
  reads.clear();
  ExpectNext(std::string(Landing::kBytes, '1'));
  ExpectNext(std::string(Landing::kBytes, '2'));
}

TEST_F(WriteWaitingTest, ADiskThatTakesNothingLeavesThemInMemory) {
  options_.staging_dir.clear();
  for (char c : {'a', 'b', 'c', 'd'}) Keep(std::string(Landing::kBytes, c));
  EXPECT_EQ(running_.size(), 2u);
  for (char c : {'a', 'b', 'c', 'd'}) ExpectNext(std::string(Landing::kBytes, c));
}

TEST_F(WriteWaitingTest, WithoutADiskOnlySoManyLieInMemory) {
  StagingSpace space("", 0, 0, 0);
  WaitingWrites waiting(*pool_, space, 3 * Landing::kBytes);
  const Gauge& in_memory = Registry::Default().gauge("write_waits_in_memory_bytes", "");
  std::map<char, FetchLanding> runs;
  const auto keep = [&](char name) {
    waiting.Keep(Bytes(std::string(Landing::kBytes, name)),
                 [&, name](FetchLanding fetch) { runs[name] = std::move(fetch); });
  };
  for (int round = 0; round < 2; ++round) {
    for (char name : {'a', 'b', 'c', 'd', 'e', 'f'}) keep(name);
    EXPECT_EQ(in_memory.Value(), static_cast<int64_t>(3 * Landing::kBytes));
    ASSERT_EQ(runs.size(), 3u) << "two in the pool, and one that has no place";
    const auto refused = runs.at('f')();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().errno_value, ENOSPC);
    EXPECT_NE(refused.error().text.find("staging_dir"), std::string::npos) << refused.error().text;
    runs.erase('f');
    for (char name : {'a', 'b', 'c', 'd', 'e'}) {
      ASSERT_TRUE(runs.contains(name));
      const auto landing = runs.at(name)();
      ASSERT_TRUE(landing) << landing.error().ToString();
      EXPECT_TRUE(Text(**landing, Landing::kBytes) == std::string(Landing::kBytes, name));
      runs.erase(name);
    }
    EXPECT_EQ(in_memory.Value(), 0);
  }
}

TEST_F(WriteWaitingTest, TheDiskHasItsSpaceAgainWhenAllHaveLeft) {
  options_.staging_bytes_max = 2 * Landing::kBytes;
  for (int round = 0; round < 3; ++round) {
    for (char c : {'a', 'b', 'c', 'd'}) Keep(std::string(Landing::kBytes, c));
    for (char c : {'a', 'b', 'c', 'd'}) ExpectNext(std::string(Landing::kBytes, c));
  }
  auto file = NewFile();
  MustWrite(*file, 2 * Landing::kBytes, "staged");
  MustPublish(*file);
}

TEST_F(WriteWaitingTest, ThoseThatWaitAreRefusedAtTheEnd) {
  for (char c : {'a', 'b', 'c', 'd'}) Keep(std::string(Landing::kBytes, c));
  Engine().Shutdown();
  ASSERT_EQ(running_.size(), 4u);
  ExpectNext(std::string(Landing::kBytes, 'a'));
  running_.pop_front();
  for (; !running_.empty(); running_.pop_front()) {
    const auto landing = running_.front()();
    ASSERT_FALSE(landing);
    EXPECT_EQ(landing.error().errno_value, EIO);
  }
}

// More writers than memory, all at once, each to a file of its own.
TEST_F(WriteWaitingTest, ManyWritersOfManyFilesAllEnd) {
  constexpr size_t kWriters = 48;
  Executor executor("write", 32);
  std::vector<std::shared_ptr<WriteFile>> files;
  std::vector<std::shared_ptr<Awaited<Result<size_t>>>> results;
  for (size_t i = 0; i < kWriters; ++i) {
    files.push_back(NewFile("file" + std::to_string(i)));
    results.push_back(std::make_shared<Awaited<Result<size_t>>>());
    const auto may_run = [&executor, file = files[i], result = results[i]](FetchLanding fetch) {
      executor.Run([file, result, fetch = std::move(fetch)]() mutable {
        auto landing = fetch();
        fetch = nullptr;
        result->Set(landing ? file->WriteLanded(0, **landing, 0, Landing::kBytes, WritePlace::kOffset)
                            : landing.error());
      });
    };
    Engine().incoming().KeepWaiting(Bytes(Random(Landing::kBytes, i)), may_run);
  }
  for (size_t i = 0; i < kWriters; ++i) {
    const Result<size_t> written = results[i]->Take();
    ASSERT_TRUE(written) << written.error().ToString();
    EXPECT_EQ(*written, Landing::kBytes);
  }
  for (size_t i = 0; i < kWriters; ++i) {
    MustPublish(*files[i]);
    ExpectContent("file" + std::to_string(i), Random(Landing::kBytes, i));
  }
  EXPECT_LE(pool_->PeakBytes(), pool_->limit_bytes());
  executor.Shutdown();
}

}  // namespace
}  // namespace ossfs2
