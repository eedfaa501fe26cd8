// close_to_open: what another client stored before an open is what the open gives, also while this mount changes the
// file.
#include <cerrno>
#include <chrono>
#include <future>
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class CloseToOpen : public ::testing::Test {
 protected:
  static FsOptions Options() {
    FsOptions options;
    options.close_to_open = true;
    return options;
  }
  Result<std::string> OpenAndRead(Ino ino) {
    Result<Opened> opened = mount_.fs().Open(ino, O_RDONLY);
    if (!opened) return opened.error();
    Result<std::string> bytes = mount_.Read(opened->handle, 0, 10);
    mount_.Close(opened->handle);
    return bytes;
  }
  // An open in a thread of its own, which has asked the bucket.
  std::future<Result<std::string>> OpenUntilItHasAsked(Ino ino) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const uint64_t heads = store_->Requests()["head"];
    auto open = std::async(std::launch::async, [this, ino] { return OpenAndRead(ino); });
    while (store_->Requests()["head"] == heads && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return open;
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, Options()};
};

// The copy may have taken a version of another client away that nobody here knows of. The kernel looks the name up again
// after ESTALE.
TEST_F(CloseToOpen, GivesNoFileThatARenameReplacesMeanwhile) {
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  store_->PutContent("f", "newer");
  std::future<Result<std::string>> open;
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.afterwards = [&] { open = OpenUntilItHasAsked(ino); };
  faults_->AddRule(rule);
  ASSERT_EQ(mount_.Rename("other", "f"), 0);
  const Result<std::string> bytes = open.get();
  ASSERT_FALSE(bytes) << *bytes;
  EXPECT_EQ(bytes.error().errno_value, ESTALE);
  EXPECT_EQ(*mount_.Get("f"), "other");
  mount_.Close(reader);
}

// A notice to drop them might come between the kernel's question for the new size and its answer.
TEST_F(CloseToOpen, LeavesThePagesOfANewVersionToTheAnswer) {
  store_->PutContent("f", "old");
  const HandleId before = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  store_->PutContent("f", "newer");
  const Result<Opened> opened = mount_.fs().Open(ino, O_RDONLY);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->keep_cache);
  EXPECT_EQ(mount_.notifier.attributes().back(), ino);
  EXPECT_TRUE(mount_.notifier.inodes().empty());
  mount_.fs().Release(opened->handle);  // nobody read by it, so the answer may not have come
  EXPECT_EQ(mount_.notifier.inodes(), std::vector<Ino>{ino});
  mount_.Close(before);
}

// Another client stores between the rename's question and its copy, which takes that version away: nobody here has it,
// and what is kept of the file is older. The kernel looks the name up again after ESTALE.
TEST_F(CloseToOpen, GivesNoVersionOlderThanTheOneThatARenameTookAway) {
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  std::future<Result<std::string>> open;
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.meanwhile = [&] {
    store_->PutContent("f", "newer");
    open = OpenUntilItHasAsked(ino);
  };
  faults_->AddRule(rule);
  ASSERT_EQ(mount_.Rename("other", "f"), 0);
  const Result<std::string> bytes = open.get();
  ASSERT_FALSE(bytes) << *bytes;
  EXPECT_EQ(bytes.error().errno_value, ESTALE);
  EXPECT_EQ(*mount_.Get("f"), "other");
  EXPECT_EQ(*mount_.Read(reader, 0, 10), "f");
  mount_.Close(reader);
}

// The kernel had found it before the rename, and opens it after.
TEST_F(CloseToOpen, GivesNoFileThatARenameHasJustReplaced) {
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  ASSERT_EQ(mount_.Rename("other", "f"), 0);
  const Result<std::string> bytes = OpenAndRead(ino);
  ASSERT_FALSE(bytes) << *bytes;
  EXPECT_EQ(bytes.error().errno_value, ESTALE);
  EXPECT_EQ(*mount_.Read(reader, 0, 10), "f");
  mount_.Close(reader);
}

// The kernel tries once more: what it finds then got the name after the open began.
TEST_F(CloseToOpen, GivesWhatTheSecondTryFindsAlsoWhenThatIsReplaced) {
  for (const char* key : {"f", "second", "third"}) store_->PutContent(key, key);
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const Ino first = mount_.InoOf("f");
  const HandleId next = *mount_.OpenPath("second", O_RDONLY);
  const Ino second = mount_.InoOf("second");
  ASSERT_EQ(mount_.Rename("second", "f"), 0);
  ASSERT_FALSE(OpenAndRead(first));
  ASSERT_EQ(mount_.Rename("third", "f"), 0);
  const Result<std::string> bytes = OpenAndRead(second);
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "second");
  EXPECT_FALSE(OpenAndRead(second)) << "only one open was refused";
  for (const HandleId handle : {reader, next}) mount_.Close(handle);
}

// Who opens an open file by its number (/proc/self/fd) finds no name.
TEST_F(CloseToOpen, GivesAReplacedFileThatIsOpenAMomentLater) {
  FakeClock clock;
  TestMount mount{*store_, Options(), clock};
  for (const char* key : {"f", "other"}) store_->PutContent(key, key);
  const HandleId reader = *mount.OpenPath("f", O_RDONLY);
  const Ino ino = mount.InoOf("f");
  ASSERT_EQ(mount.Rename("other", "f"), 0);
  clock.Advance(std::chrono::seconds(1));
  const Result<Opened> opened = mount.fs().Open(ino, O_RDONLY);
  ASSERT_TRUE(opened) << opened.error().ToString();
  EXPECT_EQ(*mount.Read(opened->handle, 0, 10), "f");
  for (const HandleId handle : {opened->handle, reader}) mount.Close(handle);
}

TEST_F(CloseToOpen, GivesTheNewVersionInTheMiddleOfAChangeOfAttributes) {
  store_->PutContent("f", "old");
  const HandleId handle = *mount_.OpenPath("f", O_RDONLY);
  const Ino ino = mount_.InoOf("f");
  ASSERT_TRUE(mount_.fs().SetAttr(ino, {.mode = 0600}, std::nullopt));
  std::future<Result<std::string>> open;
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.meanwhile = [&] {
    store_->PutContent("f", "newer");
    open = OpenUntilItHasAsked(ino);
  };
  faults_->AddRule(rule);
  EXPECT_FALSE(mount_.fs().Fsync(handle));
  const Result<std::string> bytes = open.get();
  ASSERT_TRUE(bytes) << bytes.error().ToString();
  EXPECT_EQ(*bytes, "newer");
  mount_.Close(handle);
}

}  // namespace
}  // namespace ossfs2::test
