// Writers that share a pool too small for all of them at once.
#include <gmock/gmock.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <fstream>
#include <thread>

#include "data/upload/upload_memory.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteMemory : public WriteFixture {};

// Each holds a block and asks for one more at the same moment; nobody else could give any up.
TEST_F(WriteMemory, SmallFilesThatGrowInAnyOrderDoNotWaitForEachOther) {
  constexpr size_t kFiles = 48;  // what uploads may have of a pool of 64 blocks
  SetPool(MemoryPool::kLimitBytesMin);
  options_.part_bytes = 2 * MemoryPool::kBlockBytes;
  std::vector<std::shared_ptr<WriteFile>> files;
  for (size_t i = 0; i < kFiles; ++i) files.push_back(NewFile("file" + std::to_string(i)));
  std::barrier together(kFiles);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kFiles; ++i)
    threads.emplace_back([&, i] {
      MustWrite(*files[i], 100, "first");
      together.arrive_and_wait();
      MustWrite(*files[i], MemoryPool::kBlockBytes + 100, "second");
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kFiles; ++i) {
    MustPublish(*files[i]);
    std::string wanted(MemoryPool::kBlockBytes + 106, '\0');
    wanted.replace(100, 5, "first");
    wanted.replace(MemoryPool::kBlockBytes + 100, 6, "second");
    ExpectContent("file" + std::to_string(i), wanted);
  }
}

// More writers than the pool has parts: each gets its turn, and the budget holds.
TEST_F(WriteMemory, ThirtyTwoWritersShareLittleMemory) {
  SetPool(16 * kMiB);
  options_.part_bytes = 2 * kMiB;
  constexpr int kWriters = 32;
  std::vector<std::shared_ptr<WriteFile>> files;
  std::vector<std::string> contents;
  for (int i = 0; i < kWriters; ++i) {
    files.push_back(NewFile("file" + std::to_string(i)));
    contents.push_back(Random(3 * kMiB + static_cast<size_t>(i) * 1000, static_cast<uint64_t>(i)));
  }
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const auto index = static_cast<size_t>(i);
      const std::string_view content = contents[index];
      const size_t step = 4096 + index * 3000;
      for (size_t at = 0; at < content.size(); at += step)
        if (!WriteAt(*files[index], at, content.substr(at, step))) ++failures;
      if (!files[index]->Publish({})) ++failures;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  for (int i = 0; i < kWriters; ++i) ExpectContent("file" + std::to_string(i), contents[static_cast<size_t>(i)]);
  EXPECT_LE(pool_->PeakBytes(), pool_->limit_bytes());
  files.clear();
  engine_.reset();
  EXPECT_EQ(pool_->UsedBytes(), 0u);
}

// Idle files with a few bytes each must not keep a writer from its memory.
TEST_F(WriteMemory, IdleFilesGiveUpTheirBuffers) {
  SetPool(16 * kMiB);
  std::vector<std::shared_ptr<WriteFile>> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(NewFile("idle" + std::to_string(i)));
    MustWrite(*idle.back(), 0, "a few bytes");
  }
  auto file = NewFile("busy");
  const std::string data = Random(20 * kMiB, 10);
  WriteInOrder(*file, data, kMiB);
  MustPublish(*file);
  ExpectContent("busy", data);
  for (const auto& other : idle) {
    MustWrite(*other, 11, " more");
    MustPublish(*other);
  }
  ExpectContent("idle99", "a few bytes more");
}

TEST_F(WriteMemory, TryWriteNeverWaitsForMemoryOnTheWire) {
  SetPool(16 * kMiB);
  store_->HoldData(true);
  auto file = NewFile();
  const std::string piece = Random(kMiB, 11);
  uint64_t at = 0;
  for (; at < 64 * kMiB; at += piece.size()) {
    const Result<bool> taken = file->TryWrite(at, Bytes(piece), WritePlace::kOffset);
    ASSERT_TRUE(taken);
    if (!*taken) break;
  }
  EXPECT_LT(at, 16 * kMiB);
  EXPECT_GE(at, 3 * kMiB);
  store_->HoldData(false);
  store_->ReleaseHeld(1000);
  ASSERT_TRUE(file->Write(at, Bytes(piece), WritePlace::kOffset));
  MustPublish(*file);
  EXPECT_EQ(store_->Content("file")->size(), at + piece.size());
}

// --- no memory and no staging disk ---

class WriteStandstill : public WriteFixture {
 protected:
  static constexpr size_t kShare = 48;  // blocks that uploads may have of a pool of 64

  WriteStandstill() {
    SetPool(MemoryPool::kLimitBytesMin);
    EXPECT_EQ(pool_->upload_share_bytes(), kShare * MemoryPool::kBlockBytes);
    options_.part_bytes = 2 * MemoryPool::kBlockBytes;
    options_.standstill_max = std::chrono::milliseconds(150);
    // As a full disk: nothing can be made there.
    std::ofstream(folder_.path() + "/not-a-folder") << "x";
    options_.staging_dir = folder_.path() + "/not-a-folder/staging";
  }

  // Small files that hold all memory that uploads may have.
  void FillMemory() {
    for (size_t i = 0; i < kShare; ++i) {
      files_.push_back(NewFile("small" + std::to_string(i)));
      MustWrite(*files_.back(), 0, Content(i));
    }
  }
  static std::string Content(size_t i) { return Random(1000 + i, i); }
  void PublishAll() {
    for (size_t i = 0; i < files_.size(); ++i) {
      MustPublish(*files_[i]);
      ExpectContent("small" + std::to_string(i), Content(i));
    }
  }

  std::vector<std::shared_ptr<WriteFile>> files_;
};

TEST_F(WriteStandstill, ShutdownEndsAWaitForMemory) {
  options_.standstill_max = std::chrono::hours(1);
  auto late = NewFile("late");
  FillMemory();
  Status written;
  std::thread writer([&] { written = WriteAt(*late, 0, "no room"); });
  while (!pool_->UnderPressure()) std::this_thread::yield();
  Engine().Shutdown();
  writer.join();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().errno_value, EIO);
}

TEST_F(WriteStandstill, AWriterIsRefusedAndTheOthersGoOn) {
  FillMemory();
  auto late = NewFile("late");
  const Status refused = WriteAt(*late, 0, "no room");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, ENOSPC);
  EXPECT_EQ(refused.error().kind, ErrorKind::kNoSpace);
  EXPECT_THAT(refused.error().text, testing::HasSubstr("not-a-folder"));
  EXPECT_THAT(refused.error().text, testing::HasSubstr("total_mem_limit"));
  EXPECT_TRUE(late->sticky_error());
  EXPECT_EQ(pool_->Waiters(MemoryTag::kUpload), 0u);  // nothing stands in the way of those who come later
  PublishAll();
  // A file at rest gives its memory up, so the refused one can go on.
  MustWrite(*late, 0, "no room");
  MustPublish(*late);
  ExpectContent("late", "no room");
}

TEST_F(WriteStandstill, WithoutAStagingFolderTheErrorSaysSo) {
  options_.staging_dir.clear();
  FillMemory();
  const Status refused = WriteAt(*NewFile("late"), 0, "no room");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, ENOSPC);
  EXPECT_THAT(refused.error().text, testing::HasSubstr("staging_dir is empty"));
}

TEST_F(WriteStandstill, FilesThatGrowAndHoldEachOthersMemoryAreRefusedAndKeepWhatTheyHave) {
  FillMemory();
  std::vector<Status> grown(kShare);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kShare; ++i)
    threads.emplace_back([&, i] {
      grown[i] = WriteAt(*files_[i], MemoryPool::kBlockBytes + 5, "more");
      if (!grown[i]) files_[i]->Discard();  // as a program that gives up
    });
  for (std::thread& thread : threads) thread.join();
  size_t refused = 0;
  for (size_t i = 0; i < kShare; ++i) {
    if (!grown[i]) {
      EXPECT_EQ(grown[i].error().errno_value, ENOSPC);
      ++refused;
      continue;
    }
    MustPublish(*files_[i]);
    std::string wanted = Content(i);
    wanted.resize(MemoryPool::kBlockBytes + 5);
    ExpectContent("small" + std::to_string(i), wanted + "more");
  }
  EXPECT_GE(refused, 1u);
}

TEST_F(WriteStandstill, AWaiterGetsTheMemoryOfAFileThatIsClosed) {
  options_.standstill_max = std::chrono::hours(1);
  FillMemory();
  auto late = NewFile("late");
  std::thread writer([&] { MustWrite(*late, 0, "waited"); });
  while (pool_->Waiters(MemoryTag::kUpload) == 0) std::this_thread::yield();
  MustPublish(*files_[0]);
  files_.erase(files_.begin());
  writer.join();
  MustPublish(*late);
  ExpectContent("late", "waited");
}

TEST(StandstillWatchTest, OnlyTimeWithoutProgressCounts) {
  using std::chrono::seconds;
  SteadyTime now{seconds(100)};
  UploadProgress seen{1000, 0, false};
  StandstillWatch watch(now, seen);
  EXPECT_EQ(watch.Look(now += seconds(50), seen), seconds(50));
  seen.used_bytes = 900;  // a block came free
  EXPECT_EQ(watch.Look(now += seconds(5), seen), seconds(0));
  EXPECT_EQ(watch.Look(now += seconds(5), seen), seconds(5));
  seen.used_bytes = 1000;  // taken by the waiter before
  seen.grants = 1;
  EXPECT_EQ(watch.Look(now += seconds(5), seen), seconds(0));
  seen.moving = true;  // a part is on its way
  EXPECT_EQ(watch.Look(now += seconds(90), seen), seconds(0));
  seen.moving = false;
  seen.used_bytes = 1100;  // more is used: that is no progress
  EXPECT_EQ(watch.Look(now += seconds(7), seen), seconds(7));
}

}  // namespace
}  // namespace ossfs2
