// Promises of docs/semantics.md about names, one by one, that no other test of this folder has.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Promises : public ::testing::Test {
 protected:
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

// --- names ---

TEST_F(Promises, NamesHave255Bytes) {
  EXPECT_EQ(mount_.Put(std::string(255, 'n'), "1"), 0);
  EXPECT_EQ(mount_.Put(std::string(256, 'n'), "1"), ENAMETOOLONG);
  EXPECT_EQ(mount_.Mkdir(std::string(256, 'n')), ENAMETOOLONG);
  EXPECT_EQ(mount_.Rename(std::string(255, 'n'), std::string(256, 'm')), ENAMETOOLONG);
}

// The service refuses such keys; a program is told before it writes.
TEST_F(Promises, NamesThatTheServiceRefusesAreRefusedAtOnce) {
  EXPECT_EQ(mount_.Put("f", "1"), 0);
  store_->ResetCounts();
  EXPECT_EQ(mount_.Stat("bytes-\xff\xfe").error().errno_value, ENOENT);
  EXPECT_EQ(mount_.Put("bytes-\xff\xfe", "1"), EILSEQ);
  EXPECT_EQ(mount_.Mkdir("caf\xe9"), EILSEQ);
  EXPECT_EQ(mount_.Symlink("f", "caf\xe9"), EILSEQ);
  EXPECT_EQ(mount_.Rename("f", "caf\xe9"), EILSEQ);
  EXPECT_EQ(CountAll(*store_), 0u);
  EXPECT_EQ(mount_.Put("\\start", "1"), EINVAL);
  EXPECT_EQ(mount_.Put("back\\slash", "1"), 0);
  EXPECT_EQ(mount_.Put("caf\u00e9", "1"), 0);
}

// They stand beside files that a program patches just now, here or on another host: nobody should copy or remove them.
TEST_F(Promises, OldVersionsOfUnfinishedFilesAreHidden) {
  const std::string backup = ".ossfs2-backup-p-5-0-1=f";
  store_->PutContent("d/" + backup, "older");
  store_->PutContent("d/f", "newer");
  EXPECT_EQ(*mount_.List("d"), std::vector<std::string>{"f"});
  EXPECT_EQ(mount_.Stat("d/" + backup).error().errno_value, ENOENT);
  EXPECT_EQ(mount_.Unlink("d/" + backup), ENOENT);
  EXPECT_EQ(mount_.Put("d/" + backup, "1"), EPERM);
  EXPECT_EQ(mount_.Rename("d/f", "d/" + backup), EPERM);
  EXPECT_EQ(mount_.Unlink("d/f"), 0);
  EXPECT_EQ(mount_.Rmdir("d"), ENOTEMPTY);
  EXPECT_EQ(*store_->Content("d/" + backup), "older");
}

TEST_F(Promises, TheFlagOfTheRootIsReserved) {
  store_->PutContent(".ossfs2-attrs", "");
  store_->PutContent("f", "1");
  EXPECT_EQ(*mount_.List(""), std::vector<std::string>{"f"});
  EXPECT_EQ(mount_.Stat(".ossfs2-attrs").error().errno_value, ENOENT);
  EXPECT_EQ(mount_.Put(".ossfs2-attrs", "1"), EPERM);
  EXPECT_EQ(mount_.Mkdir(".ossfs2-attrs"), EPERM);
  EXPECT_EQ(mount_.Rename("f", ".ossfs2-attrs"), EPERM);
  FsOptions options;
  options.prefix = "p";
  TestMount below(*store_, options);
  EXPECT_EQ(below.Put(".ossfs2-attrs", "1"), 0);  // only the root of a whole bucket
}

// --- directories ---

TEST_F(Promises, OfTwoHostsOneMakesTheDirectory) {
  TestMount other(*store_);
  EXPECT_FALSE(mount_.Stat("d"));  // known as absent for a moment
  EXPECT_EQ(other.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Mkdir("d"), EEXIST);
}

TEST_F(Promises, LinkCounts) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Put("d/f", "1"), 0);
  EXPECT_EQ(mount_.Stat("d")->nlink, 1u);
  const Ino ino = mount_.InoOf("d/f");
  const HandleId handle = *mount_.OpenPath("d/f", O_RDONLY);
  EXPECT_EQ(mount_.Unlink("d/f"), 0);
  EXPECT_EQ(mount_.fs().GetAttr(ino, handle)->attr.nlink, 0u);
  mount_.Close(handle);
}

TEST_F(Promises, SizeOfAForeignSymlink) {
  ASSERT_TRUE(store_->PutSymlink("d/link", "target", {}));
  EXPECT_EQ(mount_.Stat("d/link")->size, 6u);
  EXPECT_EQ(*mount_.fs().ReadLink(mount_.InoOf("d/link")), "../target");
  EXPECT_EQ(mount_.Stat("d/link")->size, 9u);
}

// git status takes a link whose size has changed for a modified one.
TEST_F(Promises, SizeOfASymlinkMadeHereIsThatOfItsTextAlsoAfterAListing) {
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  EXPECT_EQ(mount.Mkdir("d"), 0);
  EXPECT_EQ(mount.Put("d/f", "content"), 0);
  EXPECT_EQ(mount.Symlink("f", "d/link"), 0);
  clock.Advance(std::chrono::minutes(2));
  EXPECT_EQ(mount.List("d")->size(), 2u);
  EXPECT_EQ(mount.Stat("d/link")->size, 1u);
  TestMount fresh(*store_);
  EXPECT_EQ(fresh.List("d")->size(), 2u);
  EXPECT_EQ(fresh.Stat("d/link")->size, 1u);
  store_->ResetCounts();
  EXPECT_EQ(*fresh.fs().ReadLink(fresh.InoOf("d/link")), "f");
  EXPECT_EQ(CountOf(*store_, {"head", "get_symlink"}), 0u) << "it came with the look-up";
}

// --- symlinks ---

TEST_F(Promises, SymlinkTextsThatCannotBe) {
  EXPECT_EQ(mount_.Symlink(std::string(4096, 't'), "link"), ENAMETOOLONG);
  ASSERT_TRUE(store_->PutSymlink("p/out", "elsewhere", {}));
  FsOptions options;
  options.prefix = "p";
  TestMount below(*store_, options);
  EXPECT_EQ(below.fs().ReadLink(below.InoOf("out")).error().errno_value, ENOENT);  // leads out of the prefix
}

// --- what is believed ---

TEST_F(Promises, TheKernelGetsTheRestOfTheTime) {
  store_->PutContent("f", "1");
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  EXPECT_NEAR(mount.Find("f")->attr_valid_s, 60, 0.1);
  clock.Advance(std::chrono::seconds(20));
  EXPECT_NEAR(mount.Find("f")->attr_valid_s, 40, 0.1);
  EXPECT_NEAR(mount.Find("f")->entry_valid_s, 40, 0.1);
  FsOptions options;
  options.kernel_attr_timeout_s = 5;
  options.kernel_entry_timeout_s = 7;
  TestMount own(*store_, options);
  EXPECT_EQ(own.Find("f")->attr_valid_s, 5);
  EXPECT_EQ(own.Find("f")->entry_valid_s, 7);
}

TEST_F(Promises, TheKernelKeepsAnAbsentNameOnlyWhenTold) {
  EXPECT_EQ(mount_.fs().Lookup(kRootIno, "none").error().errno_value, ENOENT);
  FsOptions options;
  options.negative_timeout_s = 9;
  TestMount mount(*store_, options);
  const Result<Entry> absent = mount.fs().Lookup(kRootIno, "none");
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->attr.ino, 0u);
  EXPECT_EQ(absent->entry_valid_s, 9);
}

TEST_F(Promises, NewRemoteNamesAreFoundAtOnce) {
  ASSERT_TRUE(mount_.List(""));
  EXPECT_FALSE(mount_.Stat("new"));
  store_->PutContent("new", "1");
  EXPECT_TRUE(mount_.Stat("new"));
}

TEST_F(Promises, WhatVanishedIsStaleByNumberAndAbsentByName) {
  store_->PutContent("f", "1");
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  const Ino ino = mount.InoOf("f");
  ASSERT_TRUE(store_->Delete("f"));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.fs().GetAttr(ino, std::nullopt).error().errno_value, ESTALE);
  EXPECT_EQ(mount.Stat("f").error().errno_value, ENOENT);
}

}  // namespace
}  // namespace ossfs2::test
