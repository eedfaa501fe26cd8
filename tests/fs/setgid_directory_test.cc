// A directory that a team shares (chmod g+s): what is made in it belongs to the directory's group, as on Linux.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

constexpr uint32_t kTeam = 4242;
constexpr Caller kMember{1000, 1000, 022};

class SetgidDirectory : public ::testing::Test {
 protected:
  SetgidDirectory() {
    EXPECT_EQ(mount_.Mkdir("team"), 0);
    AttrChange change;
    change.mode = 02775;
    change.gid = kTeam;
    EXPECT_EQ(mount_.SetAttr("team", change), 0);
  }
  FileSystem& fs() { return mount_.fs(); }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(SetgidDirectory, FilesTakeItsGroup) {
  const auto made = fs().Create(mount_.InoOf("team"), "f", 0666, O_WRONLY, kMember);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->first.attr.gid, kTeam);
  EXPECT_EQ(made->first.attr.uid, kMember.uid);
  EXPECT_EQ(made->first.attr.mode, S_IFREG | 0644u);
  EXPECT_EQ(mount_.Close(made->second.handle), 0);
  EXPECT_EQ(store_->MetadataOf("team/f")->at("gid"), std::to_string(kTeam));
}

TEST_F(SetgidDirectory, DirectoriesTakeItsGroupAndTheBit) {
  const auto made = fs().MakeDirectory(mount_.InoOf("team"), "d", 0777, kMember);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attr.gid, kTeam);
  EXPECT_EQ(made->attr.mode, S_IFDIR | 02755u);
  EXPECT_EQ(store_->MetadataOf("team/d/")->at("gid"), std::to_string(kTeam));
  const auto below = fs().Create(made->attr.ino, "f", 0666, O_WRONLY, kMember);
  ASSERT_TRUE(below);
  EXPECT_EQ(below->first.attr.gid, kTeam);
  EXPECT_EQ(mount_.Close(below->second.handle), 0);
}

TEST_F(SetgidDirectory, LinksTakeItsGroup) {
  const auto made = fs().Symlink(mount_.InoOf("team"), "l", "f", kMember);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attr.gid, kTeam);
  EXPECT_EQ(store_->MetadataOf("team/l")->at("gid"), std::to_string(kTeam));
}

TEST_F(SetgidDirectory, OfTheOptions) {
  FsOptions options;
  options.gid = kTeam;
  options.dir_mode = 02775;
  TestMount mount(*store_, options);
  const auto made = mount.fs().MakeDirectory(kRootIno, "d", 0777, Caller{1000, 1000, 02});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attr.gid, kTeam);
  EXPECT_EQ(made->attr.mode, S_IFDIR | 02775u);
  EXPECT_FALSE(store_->MetadataOf("d/")->contains("gid"));
}

TEST_F(SetgidDirectory, OthersLeaveTheGroupOfTheCaller) {
  const auto made = fs().MakeDirectory(kRootIno, "plain", 0777, kMember);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attr.gid, kMember.gid);
  EXPECT_EQ(made->attr.mode, S_IFDIR | 0755u);
}

}  // namespace
}  // namespace ossfs2::test
