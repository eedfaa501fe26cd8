// Programs that go through folders by looking their files up (git status, rsync, make), and what that costs.
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"
#include "tests/support/shared_clock.h"

namespace ossfs2::test {
namespace {

constexpr int kFolders = 10;
constexpr int kFiles = 10;

class LookUpWalk : public ::testing::Test {
 protected:
  static std::string Folder(int folder) { return "p/d" + std::to_string(folder); }
  static std::string File(int folder, int file) { return Folder(folder) + "/f" + std::to_string(file); }
  uint64_t Requests(const std::function<void()>& work) {
    store_->ResetCounts();
    work();
    return CountAll(*store_);
  }
  void PutFolders(int files) {
    for (int folder = 0; folder < kFolders; ++folder)
      for (int file = 0; file < files; ++file) store_->PutContent(File(folder, file), "1");
  }
  static void LookThrough(TestMount& mount, int folder) {
    for (int file = 0; file < kFiles; ++file) EXPECT_TRUE(mount.Stat(File(folder, file))) << File(folder, file);
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  SharedClock clock_;
};

TEST_F(LookUpWalk, ASmallFolderIsOneListAfterTwoLikeIt) {
  PutFolders(kFiles);
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("p"));
  for (int folder = 0; folder < 2; ++folder) LookThrough(mount, folder);
  EXPECT_EQ(Requests([&] {
              for (int folder = 2; folder < kFolders; ++folder) LookThrough(mount, folder);
            }),
            kFolders - 2u);
}

TEST_F(LookUpWalk, TheSameAfterAttrTimeout) {
  PutFolders(kFiles);
  TestMount mount(*store_, {}, clock_);
  ASSERT_TRUE(mount.List("p"));
  for (int folder = 0; folder < kFolders; ++folder) LookThrough(mount, folder);
  clock_.Advance(std::chrono::seconds(61));
  ASSERT_TRUE(mount.List("p"));
  EXPECT_EQ(Requests([&] {
              for (int folder = 0; folder < kFolders; ++folder) LookThrough(mount, folder);
            }),
            uint64_t{kFolders});
}

TEST_F(LookUpWalk, LargeFoldersAreNotListedForOneFile) {
  PutFolders(3 * kFiles);
  FsOptions options;
  options.list_page_size = kFiles;
  TestMount mount(*store_, options);
  ASSERT_TRUE(mount.List("p"));
  for (int folder = 0; folder < 4; ++folder) LookThrough(mount, folder);
  EXPECT_LE(Requests([&] { EXPECT_TRUE(mount.Stat(File(5, 7))); }), 2u);
  EXPECT_EQ(CountOf(*store_, {"head"}), 1u);
}

TEST_F(LookUpWalk, WhatOthersMakeMeanwhileIsFound) {
  PutFolders(kFiles);
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("p"));
  for (int folder = 0; folder < 4; ++folder) LookThrough(mount, folder);
  store_->PutContent(File(3, 77), "1");
  store_->PutContent(File(4, 77), "1");
  EXPECT_TRUE(mount.Stat(File(3, 77)));
  EXPECT_TRUE(mount.Stat(File(4, 77)));
  EXPECT_FALSE(mount.Stat(File(4, 78)));
  store_->PutContent(File(4, 78), "1");
  EXPECT_TRUE(mount.Stat(File(4, 78)));
}

TEST_F(LookUpWalk, AFolderThatCannotBeListedIsAskedByName) {
  PutFolders(kFiles);
  const std::unique_ptr<oss::FaultStore> faults = oss::MakeFaultStore(*store_);
  TestMount mount(*faults);
  ASSERT_TRUE(mount.List("p"));
  for (int folder = 0; folder < 2; ++folder) LookThrough(mount, folder);
  oss::FaultRule rule;
  rule.operation = "list";
  rule.key_part = Folder(2) + "/";
  rule.error = MakeError(EACCES, ErrorKind::kAccessDenied, "no right");
  faults->AddRule(rule);
  LookThrough(mount, 2);
}

// The folder has a file with attributes of its own, so those of its folders are asked for as well: once each.
TEST_F(LookUpWalk, ListedFoldersOfAMarkedFolderCostOneHead) {
  for (int folder = 0; folder < kFolders; ++folder) store_->PutContent(Folder(folder) + "/", "", {{"mode", "16832"}});
  store_->PutContent("p/", "", {{"ossfs2-attrs", "1"}});
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("p"));
  EXPECT_EQ(Requests([&] {
              for (int folder = 0; folder < kFolders; ++folder)
                EXPECT_EQ(mount.Stat(Folder(folder))->mode & 07777, 0700u) << folder;
            }),
            uint64_t{kFolders});
  EXPECT_EQ(CountOf(*store_, {"list"}), 0u);
}

TEST_F(LookUpWalk, AFolderWithoutMarkerIsAskedForOneOnce) {
  store_->PutContent("p/", "", {{"ossfs2-attrs", "1"}});
  store_->PutContent("p/d0/f", "1");
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("p"));
  EXPECT_EQ(Requests([&] {
              EXPECT_TRUE(mount.Stat("p/d0"));
              EXPECT_TRUE(mount.Stat("p/d0"));
            }),
            1u);
}

}  // namespace
}  // namespace ossfs2::test
