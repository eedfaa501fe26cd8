// What a close that failed means: the program was told, so nothing is tried behind its back.
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include "base/report/metrics.h"
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Close : public ::testing::Test {
 protected:
  void FailPuts(int count, ErrorKind kind = ErrorKind::kOther) {
    oss::FaultRule rule;
    rule.operation = "put";
    rule.count = count;
    rule.error = MakeError(EIO, kind, "injected");
    rule.error.retryable = kind == ErrorKind::kUnavailable;
    faults_->AddRule(rule);
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

// Does something once, in the first notice: the handle is gone by then, and its data not yet.
class OnNotice final : public KernelNotifier {
 public:
  explicit OnNotice(std::function<void()> then) : then_(std::move(then)) {}
  void InvalidateAttributes(Ino) override {
    if (then_) std::exchange(then_, nullptr)();
  }
  void InvalidateInode(Ino) override {}
  void WithdrawInode(Ino) override {}
  void InvalidateEntry(Ino, const std::string&) override {}

 private:
  std::function<void()> then_;
};

TEST_F(Close, AfterAFailureTheReleaseDoesNotTryAgain) {
  FailPuts(1);
  EXPECT_EQ(mount_.Put("f", "text"), EIO);
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(mount_.notifier.names(), std::vector<std::string>{"f"});
  EXPECT_EQ(mount_.Stat("f").error().errno_value, ENOENT);
  EXPECT_EQ(mount_.Put("f", "again"), 0);
  EXPECT_EQ(store_->Content("f"), "again");
}

// What a program leaves that is killed: its close, or its write, has been answered before the end.
class CloseOfAKilledProgram : public Close {
 protected:
  // Fails the next PUT after `meanwhile`.
  void FailPutAfter(std::function<void()> meanwhile) {
    FailPuts(1);
    oss::FaultRule rule;
    rule.operation = "put";
    rule.meanwhile = std::move(meanwhile);
    before_->AddRule(rule);
  }
  std::unique_ptr<oss::FaultStore> before_ = oss::MakeFaultStore(*faults_);
  TestMount mount_{*before_};
};

TEST_F(CloseOfAKilledProgram, AReleaseThatComesBeforeTheFlushHasFailedDoesNotTryAgain) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "text"));
  std::future<void> released;
  FailPutAfter([&] {
    released = std::async(std::launch::async, [&] { mount_.fs().Release(handle); });
    released.wait_for(std::chrono::milliseconds(300));  // it waits for the name, and longer than this
  });
  EXPECT_FALSE(mount_.fs().NothingToFlush(handle));
  EXPECT_FALSE(mount_.fs().Flush(handle));
  released.get();
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(mount_.Put("f", "again"), 0);
}

TEST_F(CloseOfAKilledProgram, AWriteThatEndsAfterTheReleaseIsNotWaitedForByOtherCloses) {
  const HandleId killed = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  const HandleId other = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(other, 0, "text"));
  std::future<void> late;
  FailPutAfter([&] {
    late = std::async(std::launch::async, [&] { EXPECT_TRUE(mount_.Write(killed, 4, "late")); });
    late.wait_for(std::chrono::milliseconds(300));  // it waits for its turn
    mount_.fs().Release(killed);
  });
  EXPECT_FALSE(mount_.fs().Flush(other));
  late.get();
  ASSERT_TRUE(mount_.Write(other, 0, "TEXT"));
  EXPECT_TRUE(mount_.fs().Flush(other));
  EXPECT_EQ(store_->Content("f"), "TEXTlate");
  mount_.fs().Release(other);
}

// A small file is one PUT, kept for the next try: no upload failed for good, and the program got an error all the same.
TEST_F(Close, AFailureIsCounted) {
  const auto failures = [] { return Registry::Default().counter("publish_errors_total", "").Value(); };
  const uint64_t before = failures();
  FailPuts(1);
  EXPECT_EQ(mount_.Put("f", "text"), EIO);
  EXPECT_EQ(failures(), before + 1);
  EXPECT_EQ(mount_.Put("f", "again"), 0);
  EXPECT_EQ(failures(), before + 1);
}

TEST_F(Close, WhatFailsForTheFoldersMarkerNamesTheFile) {
  ASSERT_EQ(mount_.Mkdir("d"), 0);
  const HandleId handle = *mount_.OpenPath("d/model", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "text"));
  AttrChange change;
  change.mode = 0600;
  ASSERT_EQ(mount_.SetAttr("d/model", change), 0);
  FailPuts(1, ErrorKind::kUnavailable);
  const Status closed = mount_.fs().Flush(handle);
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().text.find("d/model"), std::string::npos) << closed.error().text;
  mount_.Close(handle);
}

TEST_F(Close, TheNextWriterWaitsUntilTheUnfinishedVersionIsGone) {
  const HandleId handle = *mount_.OpenPath("f", O_RDWR | O_CREAT);
  const std::string piece(1u << 20, 'x');
  for (uint64_t at = 0; at < 5 * piece.size(); at += piece.size()) ASSERT_TRUE(mount_.Write(handle, at, piece));
  ASSERT_TRUE(mount_.Write(handle, 2 * piece.size(), "patch"));  // of a part that was sent
  ASSERT_TRUE(store_->Content("f"));
  oss::FaultRule fails;
  fails.operation = "initiate";
  fails.error = MakeError(EIO, ErrorKind::kOther, "injected");
  faults_->AddRule(fails);
  EXPECT_FALSE(mount_.fs().Flush(handle));
  EXPECT_FALSE(mount_.fs().NothingToFlush(handle));
  std::future<int> retry;
  oss::FaultRule undo;
  undo.operation = "delete";
  undo.meanwhile = [&] {
    retry = std::async(std::launch::async, [&] { return mount_.Put("f", "again"); });
    retry.wait_for(std::chrono::milliseconds(300));  // it waits for the name, and longer than this
  };
  faults_->AddRule(undo);
  mount_.fs().Release(handle);
  while (!store_->Requests().contains("delete")) std::this_thread::yield();
  EXPECT_EQ(retry.get(), 0);
  EXPECT_EQ(store_->Content("f"), "again");
}

// The program that was told of a failure tries again at once, and the first try's handle is only just released.
TEST_F(Close, AFileThatIsOpenedWhileItsDataIsGivenUpKeepsWhatIsWrittenThen) {
  EXPECT_EQ(mount_.Put("f", "the old text"), 0);
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(handle, 0, "THE"));
  FailPuts(1);
  ASSERT_FALSE(mount_.fs().Flush(handle));
  HandleId again{};
  OnNotice notice([&] {
    again = *mount_.OpenPath("f", O_WRONLY | O_TRUNC);
    EXPECT_TRUE(mount_.Write(again, 0, "new"));
  });
  mount_.fs().SetNotifier(&notice);
  mount_.fs().Release(handle);
  mount_.fs().SetNotifier(&mount_.notifier);
  EXPECT_EQ(mount_.Close(again), 0);
  EXPECT_EQ(store_->Content("f"), "new");
}

// The same before that release: the kernel sends it some time after the close has returned.
TEST_F(Close, AFileThatIsEmptiedBeforeTheReleaseOfWhatFailedForGoodBeginsAnew) {
  EXPECT_EQ(mount_.Put("f", "the old text"), 0);
  oss::FaultRule lost;
  lost.operation = "part";
  lost.error = MakeError(EIO, ErrorKind::kNotFound, "no such upload");
  faults_->AddRule(lost);
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_TRUNC);
  const std::string piece(1u << 20, 'x');
  Status written;
  for (uint64_t at = 0; at < 40 * piece.size() && written; at += piece.size())
    written = mount_.Write(handle, at, piece);
  ASSERT_FALSE(mount_.fs().Flush(handle));
  const Result<HandleId> again = mount_.OpenPath("f", O_WRONLY | O_TRUNC);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_TRUE(mount_.Write(*again, 0, "new"));
  mount_.fs().Release(handle);
  EXPECT_EQ(mount_.Close(*again), 0);
  EXPECT_EQ(store_->Content("f"), "new");
}

TEST_F(Close, AfterAFailureTheKernelForgetsTheSizeThatWasGivenUp) {
  EXPECT_EQ(mount_.Put("f", "the old text"), 0);
  const Ino ino = mount_.InoOf("f");
  EXPECT_TRUE(mount_.notifier.inodes().empty());
  FailPuts(1);
  EXPECT_EQ(mount_.Put("f", "new"), EIO);
  EXPECT_EQ(mount_.notifier.inodes(), std::vector<Ino>{ino});
  EXPECT_EQ(*mount_.Get("f"), "the old text");
}

TEST_F(Close, AnotherCloseOrMoreBytesTryAgain) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "text"));
  FailPuts(1);
  EXPECT_EQ(mount_.fs().Flush(handle).error().errno_value, EIO);  // the close of a copy of the descriptor
  EXPECT_TRUE(mount_.fs().Flush(handle));
  EXPECT_EQ(store_->Content("f"), "text");
  FailPuts(1);
  ASSERT_TRUE(mount_.Write(handle, 4, " and"));
  EXPECT_FALSE(mount_.fs().Flush(handle));
  ASSERT_TRUE(mount_.Write(handle, 8, " more"));
  mount_.fs().Release(handle);  // what came after the failure is stored
  EXPECT_EQ(store_->Content("f"), "text and more");
}

TEST_F(Close, DataOfAFileThatWasRemovedInTheBucketIsNotStoredAndTheProgramIsTold) {
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  EXPECT_EQ(mount.Put("f", "text"), 0);
  const HandleId handle = *mount.OpenPath("f", O_WRONLY);
  const Ino ino = mount.InoOf("f");
  ASSERT_TRUE(store_->Delete("f"));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.fs().GetAttr(ino, handle).error().errno_value, ESTALE);
  EXPECT_TRUE(mount.fs().Fsync(handle));  // nothing was written since
  AttrChange empty;
  empty.size = 0;
  ASSERT_TRUE(mount.fs().SetAttr(ino, empty, handle));
  ASSERT_TRUE(mount.Write(handle, 0, "more"));
  EXPECT_EQ(ErrnoOf(mount.fs().Fsync(handle)), ESTALE);
  EXPECT_EQ(mount.fs().FlushAll(std::chrono::seconds(20)).size(), 1u);  // and so is an unmount
  EXPECT_EQ(mount.Close(handle), ESTALE);
  EXPECT_TRUE(store_->Keys().empty());
}

// flock(1) and lock files of Python: os.open(path, os.O_CREAT | os.O_EXCL) asks for reading only.
TEST_F(Close, AFileMadeByAReaderIsStored) {
  const Result<HandleId> handle = mount_.OpenPath("lock", O_RDONLY | O_CREAT | O_EXCL);
  ASSERT_TRUE(handle);
  EXPECT_EQ(store_->Content("lock"), "");
  mount_.fs().Release(*handle);  // the kernel sends no FLUSH before
  EXPECT_EQ(mount_.Stat("lock")->size, 0u);
  EXPECT_EQ(mount_.OpenPath("lock", O_RDONLY | O_CREAT | O_EXCL).error().errno_value, EEXIST);
}

TEST_F(Close, AFileMadeByAReaderIsNeverPutOverAnother) {
  ASSERT_TRUE(mount_.List(""));
  store_->PutContent("lock", "theirs");  // since the listing, by another host
  const auto made = mount_.fs().Create(kRootIno, "lock", 0644, O_RDONLY, Caller{});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->first.attr.size, 6u);
  EXPECT_EQ(mount_.Close(made->second.handle), 0);
  EXPECT_EQ(store_->Content("lock"), "theirs");
  store_->PutContent("other", "theirs");
  const auto exclusive = mount_.fs().Create(kRootIno, "other", 0644, O_RDONLY | O_EXCL, Caller{});
  ASSERT_FALSE(exclusive);
  EXPECT_EQ(exclusive.error().errno_value, EEXIST);
  EXPECT_EQ(*mount_.Get("other"), "theirs");
}

TEST_F(Close, AReaderCannotMakeWhatCannotBeStored) {
  FailPuts(1);
  EXPECT_EQ(mount_.OpenPath("lock", O_RDONLY | O_CREAT | O_TRUNC).error().errno_value, EIO);
  EXPECT_EQ(mount_.Stat("lock").error().errno_value, ENOENT);
  EXPECT_TRUE(store_->Keys().empty());
}

// sync(1) opens the file for reading.
TEST_F(Close, FsyncOfAReaderStoresWhatOthersWrote) {
  const HandleId writer = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(writer, 0, "text"));
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  FailPuts(1);
  EXPECT_EQ(mount_.fs().Fsync(reader).error().errno_value, EIO);
  EXPECT_TRUE(mount_.fs().Fsync(reader));
  EXPECT_EQ(store_->Content("f"), "text");
  EXPECT_EQ(mount_.Close(reader), 0);
  EXPECT_EQ(mount_.Close(writer), 0);
}

TEST_F(Close, AHandleThatHasNothingToStoreDelaysNoOther) {
  const HandleId synced = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(synced, 0, "one"));
  ASSERT_TRUE(mount_.fs().Fsync(synced));  // and stays open
  const HandleId second = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(second, 3, " two"));
  EXPECT_EQ(mount_.Close(second), 0);
  EXPECT_EQ(store_->Content("f"), "one two");
  ASSERT_TRUE(mount_.Write(synced, 7, " three"));
  const HandleId third = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(third, 13, " four"));
  EXPECT_EQ(mount_.Close(third), 0);
  EXPECT_EQ(store_->Content("f"), "one two");  // the first handle's close will store it
  const HandleId fourth = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.fs().Fsync(fourth));  // stores all
  EXPECT_TRUE(mount_.fs().NothingToFlush(synced));  // its close; a mapping keeps it from being released
  ASSERT_TRUE(mount_.Write(fourth, 18, " five"));
  EXPECT_EQ(mount_.Close(fourth), 0);
  EXPECT_EQ(store_->Content("f"), "one two three four five");
  EXPECT_EQ(mount_.Close(synced), 0);
}

TEST_F(Close, OfAReaderThatTruncatedTheFileStoresThat) {
  EXPECT_EQ(mount_.Put("f", "text"), 0);
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY | O_TRUNC);
  EXPECT_FALSE(mount_.fs().NothingToFlush(handle));  // nor is it for a thread that must not wait
  FailPuts(1);
  EXPECT_EQ(ErrnoOf(mount_.fs().Flush(handle)), EIO);
  EXPECT_TRUE(mount_.fs().Flush(handle));
  EXPECT_EQ(store_->Content("f"), "");
  EXPECT_TRUE(mount_.fs().NothingToFlush(handle));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_TRUE(mount_.fs().NothingToFlush(handle));
}

}  // namespace
}  // namespace ossfs2::test
