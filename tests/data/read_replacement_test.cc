// Reads while the object is replaced here by one with the same bytes and another ETag or key: they wait and never fail.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/values/str.h"
#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kFileBytes = 16 * kMiB;
constexpr uint64_t kSmallBytes = kMiB;  // for those that copy again and again

class ReadReplacement : public testing::Test {
 protected:
  // What was read stays, however slow the machine is.
  static ReadOptions Kept() {
    ReadOptions options;
    options.cache_bytes = 64 * kMiB;
    return options;
  }
  explicit ReadReplacement(const ReadOptions& options = Kept(), uint64_t bytes = kFileBytes)
      : file_bytes_(bytes), harness_(256 * kMiB, options) {}

  void SetUp() override {
    version_ = harness_.Put("a", file_bytes_);
    file_ = harness_.engine().Open(1, version_);
  }
  // As a copy in so many parts does: the ETag tells their number.
  void CopyInParts(const std::string& key, int count) {
    oss::MemoryStore& store = harness_.store();
    const Result<std::string> upload = store.InitiateUpload(key, {});
    std::vector<PartResult> parts;
    for (int i = 0; i < count; ++i) {
      const uint64_t bytes = file_bytes_ / static_cast<uint64_t>(count);
      parts.push_back(*store.CopyPart(key, *upload, i + 1, "a", "", static_cast<uint64_t>(i) * bytes, bytes));
    }
    ASSERT_TRUE(store.CompleteUpload(key, *upload, parts, std::nullopt, false));
  }
  void WaitForParked(size_t count) {
    const std::string line = StrCat("object being replaced by this mount: ", count, " reads wait for it");
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);;) {
      const Explanation lines = harness_.engine().Explain(1);
      if (std::find(lines.begin(), lines.end(), line) != lines.end()) return;
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "never: " << line;
      std::this_thread::yield();
    }
  }
  static int ErrnoOf(const Result<ReadReply>& reply) { return reply ? 0 : reply.error().errno_value; }

  const uint64_t file_bytes_;
  ReadHarness harness_;
  ObjectVersion version_;
  std::shared_ptr<ReadFile> file_;
};

class ReadReplacementBound : public ReadReplacement {
 protected:
  static ReadOptions Options() {
    ReadOptions options = Kept();
    options.replacement_wait_max = std::chrono::milliseconds(1);
    return options;
  }
  ReadReplacementBound() : ReadReplacement(Options()) {}
};

class SmallReadReplacement : public ReadReplacement {
 protected:
  SmallReadReplacement() : ReadReplacement(Kept(), kSmallBytes) {}
};

TEST_F(ReadReplacement, ReadsWaitForTheNewVersion) {
  harness_.Read(*file_, 7, 0, kMiB);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  auto refused = harness_.Start(*file_, 7, 10 * kMiB, kMiB);
  WaitForParked(1);
  auto later = harness_.Start(*file_, 8, 12 * kMiB, kMiB);  // does not even ask
  WaitForParked(2);
  harness_.Read(*file_, 7, 0, kMiB);  // what is here is still good
  harness_.ResetCounts();
  replacement->Rebind(harness_.Version("a"));
  harness_.Check(*file_, 10 * kMiB, kMiB, refused.get());
  harness_.Check(*file_, 12 * kMiB, kMiB, later.get());
  replacement.reset();
  harness_.Read(*file_, 7, 0, kMiB);
  EXPECT_EQ(harness_.Asked(), 2 * kMiB);
}

TEST_F(ReadReplacement, WhoJoinedAPrefetchWaitsToo) {
  harness_.ReadRange(*file_, 7, 0, 2 * kMiB, 128 * kKiB);
  harness_.store().HoldData(true);
  std::vector<std::future<Result<ReadReply>>> reads;
  for (uint64_t i = 0; i < 64; ++i) reads.push_back(harness_.Start(*file_, 7, 2 * kMiB + i * 128 * kKiB, 128 * kKiB));
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  harness_.store().HoldData(false);
  harness_.store().ReleaseHeld(100);
  auto last = harness_.Start(*file_, 8, 15 * kMiB, 128 * kKiB);
  EXPECT_EQ(last.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  replacement->Rebind(harness_.Version("a"));
  for (uint64_t i = 0; i < 64; ++i) harness_.Check(*file_, 2 * kMiB + i * 128 * kKiB, 128 * kKiB, reads[i].get());
  harness_.Check(*file_, 15 * kMiB, 128 * kKiB, last.get());
  harness_.ReadRange(*file_, 7, 10 * kMiB, kFileBytes, 128 * kKiB);
}

TEST_F(ReadReplacement, WhatCameBeforeTheRefusalIsKept) {
  oss::FaultRule rule;
  rule.operation = "get";
  rule.error = MakeError(EIO, ErrorKind::kVersionChanged, "injected");
  rule.bytes_before = 600 * 1024;
  harness_.fault().AddRule(rule);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  harness_.ResetCounts();
  auto read = harness_.Start(*file_, 7, 8 * kMiB, kMiB);
  WaitForParked(1);
  CopyInParts("a", 2);
  replacement->Rebind(harness_.Version("a"));
  harness_.Check(*file_, 8 * kMiB, kMiB, read.get());
  EXPECT_EQ(harness_.Asked(), kMiB + (1024 - 600) * kKiB);
}

TEST_F(ReadReplacement, WaitingReadsHoldNoMemory) {
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  std::vector<std::future<Result<ReadReply>>> reads;
  for (uint64_t i = 0; i < 8; ++i) reads.push_back(harness_.Start(*file_, i, i * 2 * kMiB + 100, kMiB));
  WaitForParked(8);
  while (harness_.pool().UsedBytes() != 0) std::this_thread::yield();  // the last GET is ending
  replacement->Rebind(harness_.Version("a"));
  for (uint64_t i = 0; i < 8; ++i) harness_.Check(*file_, i * 2 * kMiB + 100, kMiB, reads[i].get());
}

TEST_F(ReadReplacement, ChangeByAnotherHostIsStaleWhenTheCopyFails) {
  harness_.Read(*file_, 7, 0, kMiB);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  harness_.Put("a", kFileBytes, 2);
  auto read = harness_.Start(*file_, 7, 10 * kMiB, kMiB);
  WaitForParked(1);
  replacement.reset();
  EXPECT_EQ(ErrnoOf(read.get()), ESTALE);
  EXPECT_EQ(ErrnoOf(harness_.Start(*file_, 7, 0, 4096).get()), ESTALE);
  auto fresh = harness_.engine().Open(1, harness_.Version("a"));
  harness_.Read(*fresh, 8, 0, kMiB);
}

TEST_F(ReadReplacement, ChangeByAnotherHostAfterTheCopyIsStale) {
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  replacement->Rebind(harness_.Version("a"));
  harness_.Put("a", kFileBytes, 2);
  auto read = harness_.Start(*file_, 7, 10 * kMiB, kMiB);
  WaitForParked(1);
  replacement.reset();
  EXPECT_EQ(ErrnoOf(read.get()), ESTALE);
}

TEST_F(ReadReplacement, FailedCopyOfAnUnchangedObjectLetsReadsGoOn) {
  oss::FaultRule rule;
  rule.operation = "get";
  rule.error = MakeError(EIO, ErrorKind::kVersionChanged, "injected");
  harness_.fault().AddRule(rule);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  auto read = harness_.Start(*file_, 7, 10 * kMiB, kMiB);
  WaitForParked(1);
  replacement.reset();
  harness_.Check(*file_, 10 * kMiB, kMiB, read.get());
}

TEST_F(ReadReplacement, ARetiredVersionIsRefusedAlsoBehindItsEnd) {
  harness_.Read(*file_, 7, 0, kMiB);
  const auto late = harness_.engine().Open(1, version_);
  harness_.engine().Retire(1, version_);
  harness_.engine().Retire(2, version_);  // not known
  harness_.Read(*file_, 7, file_bytes_, kMiB);
  EXPECT_FALSE(file_->stale());
  const ObjectVersion newer = harness_.Put("a", 2 * file_bytes_, 2);
  harness_.engine().Retire(1, newer);
  EXPECT_TRUE(file_->stale());
  EXPECT_EQ(ErrnoOf(harness_.Start(*file_, 7, 0, kMiB).get()), ESTALE);
  EXPECT_EQ(ErrnoOf(harness_.Start(*late, 8, file_bytes_, kMiB).get()), ESTALE);
  const auto opened = harness_.engine().Open(1, newer);
  harness_.engine().Retire(1, newer);
  harness_.Read(*opened, 9, file_bytes_, kMiB);
}

TEST_F(ReadReplacement, ARetiredVersionGivesItsMemoryBack) {
  harness_.Read(*file_, 7, 0, kMiB);
  ASSERT_GT(harness_.pool().UsedBytes(), 0u);
  harness_.engine().Retire(1, harness_.Put("a", 2 * file_bytes_, 2));
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20); harness_.pool().UsedBytes() > 0;) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::yield();
  }
}

// Of a version that became shorter the kernel learns the end from these answers; it takes the first one.
TEST_F(ReadReplacement, BehindTheLastBytesIsAnsweredAfterThem) {
  harness_.store().HoldData(true);
  harness_.read_into = ReadInto::kPageCache;
  auto last = harness_.Start(*file_, 7, file_bytes_ - 17, kMiB);
  auto behind = harness_.Start(*file_, 7, file_bytes_ + kMiB, kMiB);
  EXPECT_EQ(behind.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout);
  harness_.store().HoldData(false);
  harness_.Check(*file_, file_bytes_ - 17, kMiB, last.get());
  EXPECT_EQ(behind.get()->bytes, 0u);
  EXPECT_EQ(harness_.Start(*file_, 7, file_bytes_ + kMiB, kMiB).get()->bytes, 0u);
}

TEST_F(ReadReplacement, NobodyLearnsTheEndOfAVersionThatIsRetiredMeanwhile) {
  harness_.store().HoldData(true);
  harness_.read_into = ReadInto::kPageCache;
  auto last = harness_.Start(*file_, 7, file_bytes_ - 17, kMiB);
  auto behind = harness_.Start(*file_, 7, file_bytes_ + kMiB, kMiB);
  harness_.engine().Retire(1, harness_.Put("a", 2 * file_bytes_, 2));
  harness_.engine().EndRetired(1);
  EXPECT_EQ(ErrnoOf(last.get()), ESTALE);
  EXPECT_EQ(ErrnoOf(behind.get()), ESTALE);
}

TEST_F(ReadReplacement, ReadsOfARetiredVersionDoNotWaitForTheirBytes) {
  harness_.store().HoldData(true);
  auto read = harness_.Start(*file_, 7, 3 * kMiB, kMiB);
  harness_.engine().EndRetired(1);
  harness_.engine().EndRetired(2);  // not known
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout) << "of a version that is good";
  harness_.engine().Retire(1, harness_.Put("a", 2 * file_bytes_, 2));
  harness_.engine().EndRetired(1);
  EXPECT_EQ(ErrnoOf(read.get()), ESTALE);
}

TEST_F(ReadReplacement, WithoutAReplacementAChangeIsStaleAtOnce) {
  { auto replacement = harness_.engine().BeginReplacement(1, version_); }
  CopyInParts("a", 2);
  EXPECT_EQ(ErrnoOf(harness_.Start(*file_, 7, 10 * kMiB, kMiB).get()), ESTALE);
}

TEST_F(ReadReplacementBound, WaitingEnds) {
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  EXPECT_EQ(ErrnoOf(harness_.Start(*file_, 7, 10 * kMiB, kMiB).get()), ESTALE);
  replacement->Rebind(harness_.Version("a"));
  replacement.reset();
  auto fresh = harness_.engine().Open(1, harness_.Version("a"));
  harness_.Read(*fresh, 8, 10 * kMiB, kMiB);
}

TEST_F(ReadReplacement, WhoOpensByTheOldVersionReadsTheSameFile) {
  harness_.Read(*file_, 7, 0, kMiB);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  const auto before_rebind = harness_.engine().Open(1, version_);
  replacement->Rebind(harness_.Version("a"));
  const auto while_running = harness_.engine().Open(1, version_);
  replacement.reset();
  const auto just_after = harness_.engine().Open(1, version_);
  const auto by_new = harness_.engine().Open(1, harness_.Version("a"));
  harness_.ResetCounts();
  for (const auto& open : {before_rebind, while_running, just_after, by_new}) {
    EXPECT_EQ(open, file_);
    harness_.Read(*open, 8, 0, kMiB);
  }
  EXPECT_EQ(harness_.Asked(), 0u);
  harness_.Read(*just_after, 8, 10 * kMiB, kMiB);
}

TEST_F(ReadReplacement, WhoOpensWhenNothingIsOpenWaitsToo) {
  file_.reset();
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  file_ = harness_.engine().Open(1, version_);
  auto read = harness_.Start(*file_, 7, 0, kMiB);
  WaitForParked(1);
  replacement->Rebind(harness_.Version("a"));
  replacement.reset();
  harness_.Check(*file_, 0, kMiB, read.get());
}

TEST_F(ReadReplacement, RenamedObjectIsNeverAskedForUnderItsOldName) {
  harness_.Put("b", kFileBytes);
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  ASSERT_TRUE(harness_.store().Delete("a"));
  auto read = harness_.Start(*file_, 7, 10 * kMiB, kMiB);  // 404
  WaitForParked(1);
  replacement->Rebind(harness_.Version("b"));
  harness_.Check(*file_, 10 * kMiB, kMiB, read.get());
  const auto by_old_name = harness_.engine().Open(1, version_);
  EXPECT_EQ(by_old_name->version().key, "b");
  harness_.Read(*by_old_name, 8, 12 * kMiB, kMiB);
}

TEST_F(SmallReadReplacement, OneReadOutlastsManyReplacements) {
  harness_.store().HoldData(true);
  auto read = harness_.Start(*file_, 7, 0, kSmallBytes);
  for (int i = 0; i < 12; ++i) {
    auto replacement = harness_.engine().BeginReplacement(1, harness_.Version("a"));
    CopyInParts("a", 1 + i % 2);
    if (i % 2 == 0) {
      harness_.store().ReleaseHeld(1);
      WaitForParked(1);
      replacement->Rebind(harness_.Version("a"));
    } else {
      replacement->Rebind(harness_.Version("a"));
      harness_.store().ReleaseHeld(1);  // a GET of the version before
    }
    while (harness_.store().HeldCalls() == 0) std::this_thread::yield();
  }
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  harness_.store().HoldData(false);
  harness_.store().ReleaseHeld(1);
  harness_.Check(*file_, 0, kSmallBytes, read.get());
}

TEST_F(ReadReplacement, ShutdownRefusesThoseWhoWait) {
  auto replacement = harness_.engine().BeginReplacement(1, version_);
  CopyInParts("a", 2);
  auto read = harness_.Start(*file_, 7, 10 * kMiB, kMiB);
  WaitForParked(1);
  harness_.engine().Shutdown();
  EXPECT_EQ(ErrnoOf(read.get()), EIO);
}

TEST_F(SmallReadReplacement, ReadersBesideALoopOfReplacementsGetEveryByte) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (uint64_t id = 0; id < 4; ++id) {
    readers.emplace_back([this, id, &stop] {
      uint64_t position = id * 100 * kKiB;
      for (int i = 0; i < 100 || !stop; ++i) {
        harness_.Read(*file_, id, position, 16 * kKiB);
        if (testing::Test::HasFatalFailure()) return;
        position = (position + (id % 2 == 0 ? 16 * kKiB : 330 * kKiB)) % (kSmallBytes - 16 * kKiB);
        if (i % 40 == 39) harness_.engine().Drop(1);
      }
    });
  }
  for (int i = 0; i < 40; ++i) {
    const ObjectVersion before = harness_.Version("a");
    auto replacement = harness_.engine().BeginReplacement(1, before);
    CopyInParts("a", 1 + i % 2);
    replacement->Rebind(harness_.Version("a"));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace ossfs2
