// When the processor is the limit, little is held: windows, and what was consumed.
#include "data/read/file/read_core.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "data/read/file/cached_file.h"
#include "data/read/plan/stream_window.h"
#include "oss/fakes/memory_store.h"

namespace ossfs2 {
namespace {

class ReadCoreTest : public ::testing::Test {
 protected:
  ReadCoreTest() : path_(::testing::TempDir() + "/read-core-pressure-" + std::to_string(getpid())) {
    Waited(0);
    options_.cpu_pressure_file = path_;
    options_.page_cache = true;
    core_ = std::make_unique<ReadCore>(*store_, pool_, options_);
  }
  ~ReadCoreTest() override { unlink(path_.c_str()); }

  void Waited(int64_t microseconds) {
    std::ofstream(path_) << "some avg10=0.00 avg60=0.00 avg300=0.00 total=" << microseconds << "\n";
  }
  // A second of GETs of 8 MiB that took so long each, while tasks waited for that share of it.
  void Second(int64_t get_ns, double share) {
    for (int tenth = 0; tenth < 10; ++tenth) {
      waited_us_ += static_cast<int64_t>(share * 100'000);
      Waited(waited_us_);
      now_ns_ += CpuPressure::kSampleNs;
      core_->OnGetDone(8 << 20, now_ns_ - get_ns, now_ns_);
    }
  }

  static constexpr int64_t kFastNs = 8'000'000;    // 1 GB/s
  static constexpr int64_t kSlowNs = 100'000'000;  // 80 MB/s

  const std::string path_;
  int64_t waited_us_ = 0;
  int64_t now_ns_ = 1'000'000'000'000;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  MemoryPool pool_{4ull << 30};
  ReadOptions options_;
  std::unique_ptr<ReadCore> core_;
};

TEST_F(ReadCoreTest, WindowsStaySmallOnlyWhenTheServerIsNearAndProcessorsAreShort) {
  Second(kSlowNs, 0.9);
  EXPECT_FALSE(core_->ReadFromCache()) << "a far server needs many bytes in flight, however busy the processors are";
  EXPECT_EQ(core_->UsefulWindow(), static_cast<uint64_t>(core_->scheduler.Limit()) * options_.chunk_bytes);
  Second(kFastNs, 0.1);
  EXPECT_FALSE(core_->ReadFromCache()) << "readers wait for the network";
  EXPECT_EQ(core_->UsefulWindow(), kNearWindowBytesMax);
  Second(kFastNs, 0.6);
  EXPECT_TRUE(core_->ReadFromCache());
  EXPECT_EQ(core_->UsefulWindow(), kHotWindowBytesMax);
  Second(kFastNs, 0.1);
  EXPECT_FALSE(core_->ReadFromCache()) << "learnt within a tenth of a second";
}

TEST_F(ReadCoreTest, AHurriedChunkGoesUnlessItIsUsedAgain) {
  std::vector<ChunkRef> chunks;
  for (uint64_t i = 0; i < 4; ++i) {
    const ByteRange range{i << 23, (i + 1) << 23};
    chunks.push_back(std::make_shared<Chunk>(range, pool_.TryAllocate(MemoryTag::kRead, 32), false));
    core_->cache.AddConsumed({}, chunks.back(), now_ns_, ReadCache::kGraceNs);
  }
  core_->cache.Hurry(*chunks[2]);
  core_->cache.Hurry(*chunks[2]);
  core_->cache.Hurry(*chunks[1]);
  chunks[1]->used_ns = now_ns_ + 1;
  EXPECT_TRUE(core_->cache.OverLimit());
  core_->RelievePressure();
  EXPECT_FALSE(core_->cache.OverLimit());
  EXPECT_EQ(chunks[2]->place, Chunk::Place::kNowhere);
  EXPECT_EQ(core_->cache.ConsumedBytes(), 3u << 23);
  core_->cache.Hurry(*chunks[0]);
  core_->cache.Remove(*chunks[0]);
  EXPECT_FALSE(core_->cache.OverLimit());
}

// The memory of a file that was read from begin to end and closed; whether the close comes before or after the last
// GET has been settled.
class ClosedFileTest : public ReadCoreTest {
 protected:
  // How many bytes of memory stay.
  uint64_t Kept(uint64_t bytes, const std::function<void(CachedFile&)>& prepare = nullptr) {
    if (!shared_) shared_ = std::make_shared<ReadCore>(*store_, pool_, options_);
    store_->PutContent("file", std::string(bytes, 'x'));
    const Result<ObjectInfo> info = store_->Head("file");
    file_ = std::make_shared<CachedFile>(shared_, 1, ObjectVersion{"file", info->size, info->etag, info->crc64});
    if (prepare) prepare(*file_);
    for (uint64_t at = 0; at < bytes; at += 1 << 20) {
      std::promise<size_t> got;
      file_->Read(1, at, 1 << 20, into_, [&got](Result<ReadReply> reply) { got.set_value(reply ? reply->bytes : 0); });
      EXPECT_EQ(got.get_future().get(), 1u << 20);
    }
    file_->CloseHandle(1);
    file_->Closed();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto unsettled = [&] {
      return pool_.UsedBytes() != shared_->cache.ConsumedBytes() || shared_->cache.OverLimit();
    };
    while (unsettled() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return pool_.UsedBytes();
  }

  // Whole chunks leave, so it is a little less than the bound.
  static void ExpectLittle(uint64_t bytes) {
    EXPECT_LE(bytes, ReadCache::kLittleBytesMax);
    EXPECT_GE(bytes, ReadCache::kLittleBytesMax / 2);
  }

  // On a direct_io mount, by programs that do not map.
  void ReadPastThePageCache() {
    options_.page_cache = false;
    into_ = ReadInto::kProgram;
  }

  static constexpr uint64_t kLong = 144ull << 20;
  static constexpr uint64_t kMoreThanLittle = 96ull << 20;  // and not long
  static constexpr uint64_t kShort = 8ull << 20;
  ReadInto into_ = ReadInto::kPageCache;
  std::shared_ptr<ReadCore> shared_;
  std::shared_ptr<CachedFile> file_;
};

TEST_F(ClosedFileTest, GivesItsMemoryBackToWhatThePageCacheKeeps) { EXPECT_EQ(Kept(kLong), 0u); }

TEST_F(ClosedFileTest, IsKeptWhenLittleWasRead) { EXPECT_EQ(Kept(kShort), kShort); }

TEST_F(ClosedFileTest, OfWhichLittleWasReadGivesItBackWhileProcessorsAreShort) {
  now_ns_ = INT64_MAX / 2;  // later than the clock of the GETs, so that these do not look at the file again
  Second(kSlowNs, 0.9);
  ASSERT_TRUE(core_->SavesProcessor());
  shared_ = std::move(core_);
  EXPECT_EQ(Kept(kShort), 0u);
}

TEST_F(ClosedFileTest, ItsEndIsKeptForAWhileWhenTheKernelKeepsNothing) {
  ReadPastThePageCache();
  ExpectLittle(Kept(kLong));
}

TEST_F(ClosedFileTest, IsKeptForAWhileWhenTheKernelKeepsNothingAndOthersHaveItOpen) {
  ReadPastThePageCache();
  const auto other_reads = [this](CachedFile& file) {
    std::promise<size_t> got;
    file.Read(2, 0, 4096, into_, [&got](Result<ReadReply> reply) { got.set_value(reply ? reply->bytes : 0); });
    EXPECT_EQ(got.get_future().get(), 4096u);
  };
  EXPECT_GE(Kept(kLong, other_reads), kLong);
}

TEST_F(ClosedFileTest, IsKeptForAWhileWhenItIsReadAgainSoon) {
  ReadPastThePageCache();
  ExpectLittle(Kept(kLong));
  EXPECT_GE(Kept(kLong), kLong);
}

TEST_F(ClosedFileTest, IsKeptWhenThePageCacheWasTooSmallLately) {
  const auto note = [this](CachedFile&) { shared_->signs.NoteShared(ReaderSigns::kSharedBytesMin, ReadCore::NowNs()); };
  EXPECT_EQ(Kept(kLong, note), kLong);
}

TEST_F(ClosedFileTest, IsKeptWhenItWasReadWithODirect) {
  into_ = ReadInto::kProgram;
  EXPECT_EQ(Kept(kLong), kLong);
}

TEST_F(ClosedFileTest, GivesItsMemoryBackWhenItWasMappedOnADirectMount) {
  options_.page_cache = false;
  EXPECT_EQ(Kept(kLong), 0u);
}

TEST_F(ClosedFileTest, GivesItsMemoryBackWhenOnlyTheHeaderOfAMappedFileWasReadDirectly) {
  options_.page_cache = false;
  const auto read_header = [](CachedFile& file) {
    std::promise<size_t> got;
    file.Read(1, 0, 4096, ReadInto::kProgram, [&got](Result<ReadReply> reply) {
      got.set_value(reply ? reply->bytes : 0);
    });
    EXPECT_EQ(got.get_future().get(), 4096u);
  };
  EXPECT_EQ(Kept(kLong, read_header), 0u);
}

TEST_F(ClosedFileTest, OfWhichLittleWasMappedIsKeptOnADirectMount) {
  options_.page_cache = false;
  EXPECT_EQ(Kept(kMoreThanLittle), kMoreThanLittle);
}

TEST_F(ClosedFileTest, IsKeptInTheDataCache) {
  options_.cache_bytes = 512 << 20;
  EXPECT_EQ(Kept(kLong), kLong);
}

// What a reader that stopped early left behind is read for the first time by the next one.
TEST_F(ReadCoreTest, TheFirstReadOfWhatWasGivenUpIsNoSecondReading) {
  now_ns_ = INT64_MAX / 2;  // as above
  Second(kSlowNs, 0.6);
  const auto shared = std::shared_ptr<ReadCore>(std::move(core_));
  constexpr uint64_t kStep = 64 << 10;
  store_->PutContent("file", std::string(4 << 20, 'x'));
  const Result<ObjectInfo> info = store_->Head("file");
  const auto file = std::make_shared<CachedFile>(shared, 1, ObjectVersion{"file", info->size, info->etag, info->crc64});
  const auto read = [&](uint64_t handle, uint64_t offset) {
    std::promise<size_t> got;
    file->Read(handle, offset, kStep, ReadInto::kPageCache,
               [&got](Result<ReadReply> reply) { got.set_value(reply ? reply->bytes : 0); });
    EXPECT_EQ(got.get_future().get(), kStep);
  };
  for (uint64_t at = 0; at < (1 << 20); at += kStep) read(1, at);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (shared->cache.UnreadBytes() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_GT(shared->cache.UnreadBytes(), 0u) << "nothing was fetched ahead";
  file->CloseHandle(1);  // gives up what was fetched ahead; the file itself stays open
  for (uint64_t at = 1 << 20; at < (4 << 20); at += kStep) read(2, at);
  EXPECT_TRUE(shared->SavesProcessor());
  // The last GET may not be settled yet.
  while (shared->SavesProcessor() && std::chrono::steady_clock::now() < deadline) read(2, 2 << 20);
  EXPECT_FALSE(shared->SavesProcessor());
}

TEST_F(ReadCoreTest, MoreIsKeptWhileDirectReadersComeOneAfterTheOther) {
  options_.page_cache = false;
  core_ = std::make_unique<ReadCore>(*store_, pool_, options_);
  constexpr uint64_t kBytes = 640ull << 20;
  for (uint64_t at = 0; at < kBytes; at += 8 << 20) {
    const ByteRange range{at, at + (8 << 20)};
    auto chunk = std::make_shared<Chunk>(range, pool_.TryAllocate(MemoryTag::kRead, 32), false);
    core_->cache.AddConsumed({}, chunk, now_ns_, ReadCache::kGraceNs);
  }
  core_->signs.NoteFollower(ReaderSigns::kSharedBytesMin, ReadCore::NowNs());
  core_->RelievePressure();
  EXPECT_EQ(core_->cache.ConsumedBytes(), kBytes);
  core_->cache.Expire(now_ns_ + ReadCache::kGraceNs + 1);
  EXPECT_EQ(core_->cache.ConsumedBytes(), kBytes) << "the next reader may be some seconds behind";
  core_->signs.NoteFollower(ReaderSigns::kSharedBytesMin, ReadCore::NowNs() - ReaderSigns::kSharedNs - 1);
  core_->signs.NoteCompany(ReadCore::NowNs());
  core_->RelievePressure();
  EXPECT_EQ(core_->cache.ConsumedBytes(), ReadCache::kRecentBytesMax);
  core_->signs.NoteCompany(ReadCore::NowNs() - ReaderSigns::kSharedNs - 1);
  core_->RelievePressure();
  EXPECT_EQ(core_->cache.ConsumedBytes(), ReadCache::kLittleBytesMax) << "a single reader's bytes are not read again";
  core_->cache.Expire(now_ns_ + ReadCache::kGraceNs + 1);
  EXPECT_EQ(core_->cache.ConsumedBytes(), 0u);
}

TEST_F(ReadCoreTest, WhatIsReadTwiceIsKept) {
  Second(kFastNs, 0.6);
  ASSERT_TRUE(core_->SavesProcessor());
  core_->signs.NoteShared(ReaderSigns::kSharedBytesMin, ReadCore::NowNs());
  EXPECT_FALSE(core_->SavesProcessor());
  EXPECT_FALSE(core_->ReadFromCache());
  core_->signs.NoteShared(ReaderSigns::kSharedBytesMin, ReadCore::NowNs() - ReaderSigns::kSharedNs - 1);
  EXPECT_TRUE(core_->SavesProcessor());
}

TEST_F(ReadCoreTest, ALittleThatIsReadTwiceIsNoSign) {
  RecentSign sign(ReaderSigns::kSharedBytesMin, ReaderSigns::kSharedNs);
  const auto lately = [&](int64_t at_ns) { return sign.Lately(at_ns); };
  constexpr uint64_t kHalf = ReaderSigns::kSharedBytesMin / 2;
  EXPECT_FALSE(lately(0));
  sign.Note(kHalf, 1);
  EXPECT_FALSE(lately(1));
  sign.Note(kHalf, 2 + ReaderSigns::kSharedNs);  // after a pause: counted anew
  EXPECT_FALSE(lately(2 + ReaderSigns::kSharedNs));
  sign.Note(kHalf, 3 + ReaderSigns::kSharedNs);
  EXPECT_TRUE(lately(3 + 2 * ReaderSigns::kSharedNs));
  EXPECT_FALSE(lately(4 + 2 * ReaderSigns::kSharedNs));
}

TEST_F(ReadCoreTest, WhoHoldsMoreAnyhowHasLargeWindows) {
  options_.fill_threads = 2;
  core_ = std::make_unique<ReadCore>(*store_, pool_, options_);
  Second(kFastNs, 0.6);
  EXPECT_FALSE(core_->ReadFromCache());
  options_.fill_threads = 0;
  options_.cache_bytes = 1 << 30;
  core_ = std::make_unique<ReadCore>(*store_, pool_, options_);
  Second(kFastNs, 0.6);
  EXPECT_FALSE(core_->ReadFromCache());
}

}  // namespace
}  // namespace ossfs2
