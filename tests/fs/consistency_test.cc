// What other hosts do to the bucket, and when this mount sees it.
#include <atomic>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Consistency : public ::testing::Test {
 protected:
  static FsOptions Believing(double seconds) {
    FsOptions options;
    options.attr_timeout_s = seconds;
    return options;
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  FakeClock clock_;
};

TEST_F(Consistency, RemoteChangesAreSeenAfterAttrTimeout) {
  store_->PutContent("f", "old");
  TestMount mount(*store_, Believing(60), clock_);
  EXPECT_EQ(*mount.Get("f"), "old");
  const Ino ino = mount.InoOf("f");
  store_->PutContent("f", "newer");
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_EQ(mount.Stat("f")->size, 3u);
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_EQ(mount.Stat("f")->size, 5u);
  EXPECT_EQ(mount.InoOf("f"), ino);
  EXPECT_EQ(mount.notifier.inodes(), std::vector<Ino>{ino});
  auto opened = mount.fs().Open(ino, O_RDONLY);
  EXPECT_FALSE(opened->keep_cache);
  mount.Close(opened->handle);
  opened = mount.fs().Open(ino, O_RDONLY);
  EXPECT_TRUE(opened->keep_cache);
  mount.Close(opened->handle);
  EXPECT_EQ(*mount.Get("f"), "newer");
  EXPECT_TRUE(store_->Delete("f"));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.fs().GetAttr(ino, std::nullopt).error().errno_value, ESTALE);
  EXPECT_EQ(mount.Stat("f").error().errno_value, ENOENT);
}

// The answer to a second open may overtake that to the first: its program would read pages of the old version.
TEST_F(Consistency, EveryOpenDropsOldPagesUntilOneHasSurelyDone) {
  store_->PutContent("f", "old");
  TestMount mount(*store_, Believing(60), clock_);
  EXPECT_EQ(*mount.Get("f"), "old");
  const Ino ino = mount.InoOf("f");
  const auto change = [&](const std::string& text) {
    store_->PutContent("f", text);
    clock_.Advance(std::chrono::seconds(61));
    EXPECT_EQ(mount.Stat("f")->size, text.size());
  };
  const auto open = [&] {
    const auto fast = mount.fs().TryOpen(ino, O_RDONLY);
    return fast ? **fast : *mount.fs().Open(ino, O_RDONLY);
  };
  change("newer");
  const Opened first = open();
  const Opened second = open();
  EXPECT_FALSE(first.keep_cache);
  EXPECT_FALSE(second.keep_cache);
  EXPECT_EQ(*mount.Read(first.handle, 0, 5), "newer");
  const Opened third = open();
  EXPECT_TRUE(third.keep_cache);
  change("newest");
  EXPECT_FALSE(mount.Read(second.handle, 0, 5)) << "opened before, so it says nothing of the pages";
  const Opened fourth = open();
  EXPECT_FALSE(fourth.keep_cache);
  for (const Opened& opened : {first, second, third, fourth}) mount.Close(opened.handle);
  const Opened last = open();
  EXPECT_TRUE(last.keep_cache);
  mount.Close(last.handle);
  change("and another");
  EXPECT_EQ(mount.Truncate("f", 3), 0);  // opens the file, and the kernel knows nothing of it
  const Opened after = open();
  EXPECT_FALSE(after.keep_cache);
  mount.Close(after.handle);
}

TEST_F(Consistency, ListingsExpireAndSeeRemoteNames) {
  store_->PutContent("a", "1");
  store_->PutContent("b", "1");
  TestMount mount(*store_, Believing(60), clock_);
  EXPECT_EQ(mount.List("")->size(), 2u);
  EXPECT_TRUE(store_->Delete("a"));
  store_->PutContent("c", "1");
  EXPECT_TRUE(mount.Stat("c")) << "a new file of another host is found at once";
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(*mount.List(""), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(mount.notifier.names(), std::vector<std::string>{"a"});
}

TEST_F(Consistency, FileBecomesDirectoryAndBack) {
  store_->PutContent("x", "file");
  TestMount mount(*store_, Believing(60), clock_);
  const Ino file = mount.InoOf("x");
  EXPECT_TRUE(store_->Delete("x"));
  store_->PutContent("x/inner", "1");
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_TRUE(S_ISDIR(mount.Stat("x")->mode));
  EXPECT_NE(mount.InoOf("x"), file);
  EXPECT_TRUE(store_->Delete("x/inner"));
  store_->PutContent("x", "file again");
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(*mount.List(""), std::vector<std::string>{"x"});
  EXPECT_TRUE(S_ISREG(mount.Stat("x")->mode));
}

TEST_F(Consistency, CloseToOpenSeesTheNewestVersionAtOpen) {
  store_->PutContent("f", "old");
  FsOptions options = Believing(1000);
  options.close_to_open = true;
  TestMount mount(*store_, options, clock_);
  EXPECT_EQ(*mount.Get("f"), "old");
  store_->PutContent("f", "new!");
  EXPECT_EQ(*mount.Get("f"), "new!");
}

// Not only some time after its answer: the program would read the new version up to the old size.
TEST_F(Consistency, AnOpenOfANewVersionIsAnsweredAfterTheKernelForgotTheOldSize) {
  store_->PutContent("f", "old");
  FsOptions options = Believing(1000);
  options.close_to_open = true;
  TestMount mount(*store_, options, clock_);
  const Ino ino = mount.InoOf("f");
  store_->PutContent("f", "newer");
  const auto opened = mount.fs().Open(ino, O_RDONLY);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->keep_cache);
  const std::vector<Ino> forgotten = mount.notifier.attributes();
  EXPECT_NE(std::find(forgotten.begin(), forgotten.end(), ino), forgotten.end());
  mount.Close(opened->handle);
}

// The answer to a question from before the open may be from before the change that the program was told of.
TEST_F(Consistency, CloseToOpenAsksAfterTheOpen) {
  store_->PutContent("f", "old");
  const auto faults = oss::MakeFaultStore(*store_);
  FsOptions options = Believing(1000);
  options.close_to_open = true;
  TestMount mount(*faults, options, clock_);
  const Ino ino = mount.InoOf("f");
  std::future<Result<std::string>> later;
  oss::FaultRule rule;
  rule.operation = "head";
  rule.meanwhile = [&] {
    later = std::async(std::launch::async, [&] { return mount.Get("f"); });
    later.wait_for(std::chrono::milliseconds(200));  // long enough to find the question under way
  };
  faults->AddRule(rule);
  const uint64_t before = CountOf(*store_, {"head"});
  const auto opened = mount.fs().Open(ino, O_RDONLY);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*later.get(), "old");
  EXPECT_EQ(CountOf(*store_, {"head"}), before + 2);
  mount.Close(opened->handle);
}

TEST_F(Consistency, NoTimeoutMeansEveryQuestionIsAsked) {
  store_->PutContent("f", "1");
  TestMount mount(*store_, Believing(0), clock_);
  EXPECT_EQ(mount.Stat("f")->size, 1u);
  store_->PutContent("f", "12");
  EXPECT_EQ(mount.Stat("f")->size, 2u);
  EXPECT_EQ(mount.Put("g", "x"), 0);
  EXPECT_EQ(mount.List("")->size(), 2u);
  EXPECT_EQ(mount.Rename("g", "h"), 0);
  EXPECT_EQ(mount.Unlink("f"), 0);
  EXPECT_EQ(*mount.List(""), std::vector<std::string>{"h"});
}

int ErrnoOfRead(TestMount& mount, HandleId handle, uint64_t offset, size_t size) {
  const Result<std::string> read = mount.Read(handle, offset, size);
  return read ? 0 : read.error().errno_value;
}

// The kernel would take a short answer for the end of the new version, and keep what it gets as its content.
TEST_F(Consistency, OldReaderIsRefusedOnceTheNewVersionIsKnown) {
  store_->PutContent("f", std::string(8192, 'o'));
  TestMount mount(*store_, Believing(60), clock_);
  const HandleId handle = *mount.OpenPath("f", O_RDONLY);
  EXPECT_EQ(mount.Read(handle, 0, 8192)->size(), 8192u);
  store_->PutContent("f", std::string(20000, 'n'));
  EXPECT_EQ(mount.Read(handle, 8192, 4096)->size(), 0u);  // nobody knows yet
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.Stat("f")->size, 20000u);
  EXPECT_EQ(ErrnoOfRead(mount, handle, 8192, 4096), ESTALE);
  EXPECT_EQ(ErrnoOfRead(mount, handle, 0, 4096), ESTALE);  // it was in memory
  EXPECT_EQ(*mount.Get("f"), std::string(20000, 'n'));
  EXPECT_EQ(ErrnoOfRead(mount, handle, 0, 4096), ESTALE);
  mount.Close(handle);
}

TEST_F(Consistency, OldReaderIsRefusedTheTailOfAFileWrittenHere) {
  TestMount mount(*store_, Believing(60), clock_);
  EXPECT_EQ(mount.Put("f", std::string(100, 'o')), 0);
  const HandleId handle = *mount.OpenPath("f", O_RDONLY);
  EXPECT_EQ(mount.Read(handle, 0, 4096)->size(), 100u);
  store_->PutContent("f", std::string(200, 'n'));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.Stat("f")->size, 200u);
  EXPECT_EQ(ErrnoOfRead(mount, handle, 0, 4096), ESTALE);
  mount.Close(handle);
}

TEST_F(Consistency, OldReaderIsRefusedWhenARenameMovesTheNewVersion) {
  store_->PutContent("f", "old");
  TestMount mount(*store_);
  const HandleId handle = *mount.OpenPath("f", O_RDONLY);
  EXPECT_EQ(*mount.Read(handle, 0, 10), "old");
  store_->PutContent("f", "newer");
  EXPECT_EQ(mount.Rename("f", "g"), 0);
  EXPECT_EQ(ErrnoOfRead(mount, handle, 0, 10), ESTALE);
  mount.Close(handle);
}

TEST_F(Consistency, ReaderOfAnOpenFileGoesOnWithWhatIsWrittenHere) {
  store_->PutContent("f", "old");
  TestMount mount(*store_, Believing(60), clock_);
  const HandleId handle = *mount.OpenPath("f", O_RDONLY);
  EXPECT_EQ(*mount.Read(handle, 0, 10), "old");
  EXPECT_EQ(mount.Put("f", "newer"), 0);
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.Stat("f")->size, 5u);
  EXPECT_EQ(*mount.Read(handle, 0, 10), "newer");
  mount.Close(handle);
}

TEST_F(Consistency, TwoMountsAgree) {
  TestMount first(*store_, Believing(0), clock_);
  TestMount second(*store_, Believing(0), clock_);
  EXPECT_EQ(first.Mkdir("d"), 0);
  EXPECT_EQ(second.Mkdir("d"), EEXIST);
  EXPECT_EQ(first.Put("d/f", "from first"), 0);
  EXPECT_EQ(*second.Get("d/f"), "from first");
  EXPECT_EQ(first.InoOf("d/f"), second.InoOf("d/f"));
  EXPECT_EQ(second.Put("d/f", "from second"), 0);
  EXPECT_EQ(*first.Get("d/f"), "from second");
  EXPECT_EQ(second.Rename("d", "e"), 0);
  EXPECT_EQ(first.Stat("d").error().errno_value, ENOENT);
  EXPECT_EQ(*first.Get("e/f"), "from second");
}

TEST_F(Consistency, RenameMovesTheNewestRemoteVersion) {
  store_->PutContent("f", "old");
  TestMount mount(*store_);
  EXPECT_EQ(*mount.Get("f"), "old");
  store_->PutContent("f", "newer");
  EXPECT_EQ(mount.Rename("f", "g"), 0);
  EXPECT_EQ(store_->Content("g"), "newer");
  EXPECT_EQ(*mount.Get("g"), "newer");
}

TEST_F(Consistency, AFailedCloseTellsAndKeepsTheOldObject) {
  store_->PutContent("f", "old");
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount mount(*faulty);
  oss::FaultRule rule;
  rule.operation = "put";
  rule.count = -1;
  rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Put("f", "new"), EIO);
  EXPECT_EQ(store_->Content("f"), "old");
  EXPECT_EQ(*mount.Get("f"), "old");
  EXPECT_EQ(mount.Put("g", "new"), EIO);
  EXPECT_EQ(mount.Stat("g").error().errno_value, ENOENT);
}

TEST_F(Consistency, ForgottenAndSeenAgainKeepsItsNumber) {
  store_->PutContent("f", "1");
  Ino ino = 0;
  {
    TestMount mount(*store_);
    Result<Entry> entry = mount.fs().Lookup(kRootIno, "f");
    ino = entry->attr.ino;
    mount.fs().Forget(ino, 1);
    EXPECT_EQ(mount.fs().Lookup(kRootIno, "f")->attr.ino, ino);
    EXPECT_EQ(mount.Rename("f", "g"), 0);
    EXPECT_EQ(mount.Put("f", "other"), 0);
    EXPECT_EQ(mount.InoOf("g"), ino);
    EXPECT_NE(mount.InoOf("f"), ino);
  }
  TestMount fresh(*store_);
  EXPECT_EQ(fresh.InoOf("f"), ino);  // the number of a key, in every mount
}

}  // namespace
}  // namespace ossfs2::test
