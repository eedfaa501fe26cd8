// A directory's rename is many requests: what is left when some fail, and that the same rename goes on.
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class DirectoryRename : public ::testing::Test {
 protected:
  void PutFiles(const std::string& directory, size_t count) {
    for (size_t i = 0; i < count; ++i) store_->PutContent(directory + "/" + ManyNames(i), "1");
  }
  // The rule fails so many calls, all when `count` is -1, after `skip` good ones.
  void Fail(const std::string& operation, ErrorKind kind, int skip, int count, const std::string& key_part = "") {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.skip = skip;
    rule.count = count;
    rule.error = MakeError(EIO, kind, "injected");
    faults_->AddRule(rule);
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
};

TEST_F(DirectoryRename, AFailedOneLeavesTheSourceAndCanBeRepeated) {
  PutFiles("d", 50);
  TestMount mount(*faults_);
  Fail("copy", ErrorKind::kUnavailable, 20, -1);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 50u);  // the copies were taken back
  faults_->ClearRules();
  Fail("delete_many", ErrorKind::kUnavailable, 0, -1);
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 100u);
  faults_->ClearRules();
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 50u);
  EXPECT_EQ(*mount.Get("e/" + ManyNames(49)), "1");
  EXPECT_EQ(mount.List("e")->size(), 50u);
}

TEST_F(DirectoryRename, OneThatFailedInTheMiddleOfItsDeletesCanBeRepeated) {
  PutFiles("d", 2500);
  TestMount mount(*faults_);
  Fail("delete_many", ErrorKind::kThrottled, 0, -1, "d/" + ManyNames(1500));
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys().size(), 2500u + 1000u);
  EXPECT_EQ(mount.List("d")->size(), 1000u);
  // A copy that fails then takes back no file that is nowhere else by now.
  Fail("copy", ErrorKind::kThrottled, 0, -1, "e/" + ManyNames(1600));
  store_->PutContent("d/" + ManyNames(1600), "newer");
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_TRUE(store_->Content("e/" + ManyNames(0)));
  faults_->ClearRules();
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 2500u);
  EXPECT_EQ(mount.List("e")->size(), 2500u);
  EXPECT_EQ(*mount.Get("e/" + ManyNames(1600)), "newer");
}

TEST_F(DirectoryRename, OneFailedDeleteIsTriedAgain) {
  PutFiles("d", 2500);
  TestMount mount(*faults_);
  Fail("delete_many", ErrorKind::kThrottled, 1, 1);
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys().size(), 2500u);
}

TEST_F(DirectoryRename, AFailedOneOntoAnEmptyDirectoryLeavesIt) {
  store_->PutContent("d/", "", {{"mode", "448"}});
  store_->PutContent("d/f", "1");
  store_->PutContent("e/", "", {{"mode", "493"}});
  TestMount mount(*faults_);
  Fail("copy", ErrorKind::kUnavailable, 0, 1, "e/f");
  EXPECT_EQ(mount.Rename("d", "e"), EIO);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"d/", "d/f", "e/"}));
  EXPECT_EQ(store_->MetadataOf("e/")->at("mode"), "493");
  EXPECT_EQ(mount.Rename("d", "e"), 0);
  EXPECT_EQ(store_->Keys(), (std::vector<std::string>{"e/", "e/f"}));
  EXPECT_EQ(store_->MetadataOf("e/")->at("mode"), "448");
}

TEST_F(DirectoryRename, TooLargeDirectoryRenameIsEmfile) {
  PutFiles("d", 30);
  FsOptions options;
  options.rename_dir_limit = 29;
  TestMount mount(*store_, options);
  EXPECT_EQ(mount.Rename("d", "e"), EMFILE);
  EXPECT_EQ(store_->Keys().size(), 30u);
}

}  // namespace
}  // namespace ossfs2::test
