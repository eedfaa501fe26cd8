// What other hosts do to the bucket, and when this mount sees it; listings under change; limits.
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "base/metrics.h"
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

TEST_F(Consistency, CookiesSurviveChanges) {
  for (size_t i = 0; i < 300; ++i) store_->PutContent(ManyNames(i), "1");
  TestMount mount(*store_);
  const HandleId handle = *mount.fs().OpenDirectory(kRootIno);
  std::vector<std::pair<std::string, uint64_t>> first;
  ASSERT_TRUE(mount.fs().ReadDirectory(handle, 0, false, [&](const DirEntry& entry) {
    first.emplace_back(entry.name, entry.cookie);
    return first.size() < 100;
  }));
  EXPECT_EQ(mount.Unlink(ManyNames(5)), 0);
  EXPECT_EQ(mount.Unlink(ManyNames(150)), 0);
  EXPECT_EQ(mount.Put("zz-new", "1"), 0);
  const auto rest = [&](uint64_t cookie) {
    std::vector<std::string> names;
    EXPECT_TRUE(mount.fs().ReadDirectory(handle, cookie, false, [&](const DirEntry& entry) {
      names.push_back(entry.name);
      return true;
    }));
    return names;
  };
  // The last one was refused; it comes first when reading goes on.
  const auto names = rest(first[98].second);
  EXPECT_EQ(names.front(), first[99].first);
  EXPECT_EQ(names.back(), "zz-new");
  EXPECT_EQ(std::count(names.begin(), names.end(), ManyNames(150)), 0);
  EXPECT_EQ(rest(first[50].second).front(), first[51].first);  // seekdir back
  mount.fs().ReleaseDirectory(handle);
}

TEST_F(Consistency, RelistingSkipsWhatIsGoneAndKeepsLocalNames) {
  for (size_t i = 0; i < 250; ++i) store_->PutContent(ManyNames(i), "1");
  FsOptions options = Believing(60);
  options.list_page_size = 50;
  TestMount mount(*store_, options, clock_);
  EXPECT_EQ(mount.List("")->size(), 250u);
  const HandleId open = *mount.OpenPath("aaa", O_WRONLY | O_CREAT);
  for (size_t i = 0; i < 250; i += 2) EXPECT_TRUE(store_->Delete(ManyNames(i)));
  clock_.Advance(std::chrono::seconds(61));
  auto names = *mount.List("");
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names.size(), 126u);
  EXPECT_EQ(names.front(), "aaa");
  EXPECT_EQ(names[1], ManyNames(1));
  EXPECT_EQ(mount.Close(open), 0);
}

TEST_F(Consistency, AFailedListIsAnErrorNeverAShortDirectory) {
  for (size_t i = 0; i < 150; ++i) store_->PutContent(ManyNames(i), "1");
  auto faulty = oss::MakeFaultStore(*store_);
  FsOptions options;
  options.list_page_size = 100;
  TestMount mount(*faulty, options);
  oss::FaultRule rule;
  rule.operation = "list";
  rule.skip = 1;
  rule.count = -1;
  rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  faulty->AddRule(rule);
  const auto failed = mount.List("");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().errno_value, EIO);
  faulty->ClearRules();
  EXPECT_EQ(mount.List("")->size(), 150u);
}

TEST_F(Consistency, FailedRenameOfADirectoryLeavesTheSourceAndCanBeRepeated) {
  for (size_t i = 0; i < 50; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount mount(*faulty);
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.skip = 20;
  rule.count = -1;
  rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 50u);  // the copies were taken back
  rule.operation = "delete_many";
  rule.skip = 0;
  faulty->ClearRules();
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 100u);
  faulty->ClearRules();
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 50u);
  EXPECT_EQ(*mount.Get("e/" + ManyNames(49)), "1");
  EXPECT_EQ(mount.List("e")->size(), 50u);
}

TEST_F(Consistency, ARenameOfADirectoryThatFailedInTheMiddleOfItsDeletesCanBeRepeated) {
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount mount(*faulty);
  oss::FaultRule rule;
  rule.operation = "delete_many";
  rule.key_part = "d/" + ManyNames(1500);
  rule.count = -1;
  rule.error = MakeError(EIO, ErrorKind::kThrottled, "injected");
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 2500u + 1000u);
  EXPECT_EQ(mount.List("d")->size(), 1000u);
  // A copy that fails then takes back no file that is nowhere else by now.
  oss::FaultRule copy = rule;
  copy.operation = "copy";
  copy.key_part = "e/" + ManyNames(1600);
  faulty->AddRule(copy);
  store_->PutContent("d/" + ManyNames(1600), "newer");
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_TRUE(store_->Content("e/" + ManyNames(0)));
  faulty->ClearRules();
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 2500u);
  EXPECT_EQ(mount.List("e")->size(), 2500u);
  EXPECT_EQ(*mount.Get("e/" + ManyNames(1600)), "newer");
}

TEST_F(Consistency, OneFailedDeleteOfARenameIsTriedAgain) {
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount mount(*faulty);
  oss::FaultRule rule;
  rule.operation = "delete_many";
  rule.skip = 1;
  rule.error = MakeError(EIO, ErrorKind::kThrottled, "injected");
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 2500u);
}

TEST_F(Consistency, AFailedRenameOntoAnEmptyDirectoryLeavesIt) {
  store_->PutContent("d/", "", {{"mode", "448"}});
  store_->PutContent("d/f", "1");
  store_->PutContent("e/", "", {{"mode", "493"}});
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount mount(*faulty);
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.key_part = "e/f";
  rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  faulty->AddRule(rule);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"d/", "d/f", "e/"}));
  EXPECT_EQ(store_->MetadataOf("e/")->at("mode"), "493");
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"e/", "e/f"}));
  EXPECT_EQ(store_->MetadataOf("e/")->at("mode"), "448");
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

TEST_F(Consistency, TooLargeDirectoryRenameIsEmfile) {
  for (size_t i = 0; i < 30; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  FsOptions options;
  options.rename_dir_limit = 29;
  TestMount mount(*store_, options);
  EXPECT_EQ(mount.Rename("d", "e"), EMFILE);
  EXPECT_EQ(store_->Keys().size(), 30u);
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

TEST_F(Consistency, MetadataStaysInItsBudget) {
  for (size_t i = 0; i < 80; ++i)
    for (size_t j = 0; j < 100; ++j) store_->PutContent("d" + std::to_string(i) + "/" + ManyNames(j), "1");
  FsOptions options;
  options.metadata_bytes_max = 700'000;
  TestMount mount(*store_, options);
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(mount.List("d" + std::to_string(i))->size(), 100u);
  EXPECT_LT(gauge.Value(), 1'000'000);
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(*mount.Get("d" + std::to_string(i) + "/" + ManyNames(99)), "1");
}

// A directory whose entry the kernel drops is "(deleted)" for those who work in it.
TEST_F(Consistency, TheKernelIsAskedToForgetFilesBeforeTheirDirectory) {
  FsOptions options;
  options.metadata_bytes_max = 300'000;
  TestMount mount(*store_, options);
  std::set<std::string> directories;
  for (size_t i = 0; i < 20; ++i) {
    const std::string directory = "d" + std::to_string(i);
    directories.insert(directory);
    for (size_t j = 0; j < 100; ++j) {
      store_->PutContent(directory + "/" + ManyNames(j), "1");
      ASSERT_TRUE(mount.Stat(directory + "/" + ManyNames(j)));  // the kernel remembers it
    }
  }
  const std::vector<std::string> names = mount.notifier.names();
  EXPECT_GT(names.size(), 100u);
  for (const std::string& name : names) EXPECT_FALSE(directories.contains(name)) << name;
}

TEST_F(Consistency, NamesThatCameAndWentLeaveNoMetadata) {
  TestMount mount(*store_);
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  EXPECT_EQ(mount.Put("stays", "1"), 0);
  const int64_t before = gauge.Value();
  for (size_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(mount.Put(ManyNames(i), "1"), 0);
    const Ino ino = mount.InoOf(ManyNames(i));
    ASSERT_EQ(mount.Unlink(ManyNames(i)), 0);
    mount.fs().Forget(ino, UINT64_MAX);
  }
  EXPECT_LT(gauge.Value(), before + 1000);  // 1000 slots of a directory would be 8000
  EXPECT_EQ(*mount.Get("stays"), "1");
  EXPECT_EQ(mount.List("")->size(), 1u);
}

// Reads a directory through one handle from a cookie to its end.
std::vector<std::pair<std::string, uint64_t>> ReadOn(TestMount& mount, HandleId handle, uint64_t cookie,
                                                     int64_t* peak_bytes) {
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  std::vector<std::pair<std::string, uint64_t>> entries;
  for (size_t taken = 1; taken > 0;) {
    taken = 0;
    EXPECT_TRUE(mount.fs().ReadDirectory(handle, cookie, false, [&](const DirEntry& entry) {
      if (taken == 100) return false;
      ++taken;
      cookie = entry.cookie;
      if (entry.name != "." && entry.name != "..") entries.emplace_back(entry.name, cookie);
      return true;
    }));
    *peak_bytes = std::max(*peak_bytes, gauge.Value());
  }
  return entries;
}

TEST_F(Consistency, AnOpenDirectoryOfAnySizeStaysInTheBudget) {
  constexpr size_t kFiles = 8000;
  for (size_t i = 0; i < kFiles; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  FsOptions options;
  options.metadata_bytes_max = 700'000;  // a third of what the names need
  options.list_page_size = 100;
  TestMount mount(*store_, options);
  Result<HandleId> handle = mount.fs().OpenDirectory(mount.InoOf("d"));
  ASSERT_TRUE(handle);
  int64_t peak_bytes = 0;
  const auto first = ReadOn(mount, *handle, 0, &peak_bytes);
  const auto again = ReadOn(mount, *handle, 0, &peak_bytes);  // rewinddir
  ASSERT_EQ(first.size(), kFiles);
  ASSERT_EQ(again.size(), kFiles);
  for (size_t i = 0; i < kFiles; ++i) {
    EXPECT_EQ(first[i].first, ManyNames(i));
    EXPECT_EQ(again[i].first, ManyNames(i));
  }
  // seekdir to where names are out of memory: none that follows is missing.
  std::set<std::string> rest;
  for (const auto& [name, cookie] : ReadOn(mount, *handle, again[1000].second, &peak_bytes)) rest.insert(name);
  for (size_t i = 1001; i < kFiles; ++i) EXPECT_TRUE(rest.contains(ManyNames(i))) << i;
  // Above the budget: pages fetched ahead, and a pointer for each name that was handed out.
  EXPECT_LT(peak_bytes, 700'000 + 600 * 300 + static_cast<int64_t>(3 * kFiles * sizeof(void*)));
  mount.fs().ReleaseDirectory(*handle);
  EXPECT_EQ(mount.List("d")->size(), kFiles);
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
