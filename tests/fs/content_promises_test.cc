// Promises of docs/semantics.md about bytes and attributes, one by one, that no other test of this folder has.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class ContentPromises : public ::testing::Test {
 protected:
  uint64_t Count(const std::function<void()>& work) {
    store_->ResetCounts();
    work();
    return CountAll(*store_);
  }
  static void SaveAll(TestMount& mount) { EXPECT_TRUE(mount.fs().FlushAll(std::chrono::seconds(20)).empty()); }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

// --- writing ---

TEST_F(ContentPromises, TruncateOfWhatHasNoBytesOrTheSameSize) {
  EXPECT_EQ(mount_.Put("f", "12345"), 0);
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Symlink("f", "link"), 0);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Truncate("f", 5), 0); }), 0u);
  EXPECT_EQ(mount_.Truncate("f", 3), 0);
  EXPECT_EQ(store_->Content("f"), "123");  // by path it is stored at once
  EXPECT_EQ(mount_.Truncate("d", 0), EISDIR);
  EXPECT_EQ(mount_.Truncate("link", 0), EINVAL);
}

TEST_F(ContentPromises, BytesSizeAndTimesOfAWriteAreSeenByEveryHandle) {
  EXPECT_EQ(mount_.Put("f", "old"), 0);
  const HandleId reader = *mount_.OpenPath("f", O_RDONLY);
  const HandleId writer = *mount_.OpenPath("f", O_WRONLY);
  ASSERT_TRUE(mount_.Write(writer, 0, "longer"));
  EXPECT_EQ(*mount_.Read(reader, 0, 100), "longer");
  EXPECT_EQ(mount_.Stat("f")->size, 6u);
  EXPECT_EQ(store_->Content("f"), "old");  // stays until the close
  EXPECT_EQ(mount_.Close(writer), 0);
  EXPECT_EQ(store_->Content("f"), "longer");
  mount_.Close(reader);
}

TEST_F(ContentPromises, ATruncateOfAnEmptyFileRenewsATimeThatWasChosen) {
  EXPECT_EQ(mount_.Put("f", ""), 0);
  EXPECT_EQ(mount_.Put("g", ""), 0);
  AttrChange change;
  change.mtime_ns = 1'000'000'000'000'000'000;
  EXPECT_EQ(mount_.SetAttr("f", change), 0);
  SaveAll(mount_);
  EXPECT_EQ(mount_.Put("f", ""), 0);
  EXPECT_GT(mount_.Stat("f")->mtime_ns, *change.mtime_ns);
  SaveAll(mount_);
  EXPECT_NE(store_->MetadataOf("f")->at("mtime"), "1000000000");
  EXPECT_EQ(Count([&] {
              mount_.Close(*mount_.OpenPath("g", O_WRONLY | O_TRUNC));
              SaveAll(mount_);
            }),
            0u);
}

TEST_F(ContentPromises, ATruncateByNameToTheSameSizeRenewsATimeThatWasChosen) {
  for (const std::string content : {"", "12345"}) {
    EXPECT_EQ(mount_.Put("f", content), 0);
    AttrChange change;
    change.mtime_ns = 1'000'000'000'000'000'000;
    EXPECT_EQ(mount_.SetAttr("f", change), 0);
    SaveAll(mount_);
    EXPECT_EQ(mount_.Truncate("f", content.size()), 0);
    EXPECT_GT(mount_.Stat("f")->mtime_ns, *change.mtime_ns);
    SaveAll(mount_);
    EXPECT_NE(store_->MetadataOf("f")->at("mtime"), "1000000000");
  }
}

// --- attributes ---

TEST_F(ContentPromises, ANewAccessTimeAloneStoresNothing) {
  EXPECT_EQ(mount_.Put("f", "1"), 0);
  AttrChange change;
  change.atime_ns = 1'000'000'000'000'000'000;
  EXPECT_EQ(Count([&] {
              EXPECT_EQ(mount_.SetAttr("f", change), 0);
              EXPECT_EQ(mount_.Stat("f")->atime_ns, *change.atime_ns);
              SaveAll(mount_);
            }),
            0u);
}

TEST_F(ContentPromises, TheFirstChosenAttributeMarksTheRootOfABucket) {
  EXPECT_EQ(mount_.Put("f", "1"), 0);
  AttrChange change;
  change.mode = 0640;
  EXPECT_EQ(mount_.SetAttr("f", change), 0);
  SaveAll(mount_);
  EXPECT_TRUE(store_->Content(".ossfs2-attrs").has_value());
  TestMount fresh(*store_);
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(*fresh.List("", &attrs), std::vector<std::string>{"f"});
  EXPECT_EQ(attrs["f"].mode & 07777, 0640u);
}

TEST_F(ContentPromises, AMarkerStoredTwiceAtOnceKeepsFlagAndAttributes) {
  for (int round = 0; round < 20; ++round) {
    const std::string directory = "d" + std::to_string(round);
    EXPECT_EQ(mount_.Mkdir(directory), 0);
    EXPECT_EQ(mount_.Put(directory + "/f", "1"), 0);
    store_->SetLatency(std::chrono::milliseconds(1));
    AttrChange change;
    change.mode = 0640;
    EXPECT_EQ(ErrnoOf(mount_.fs().SetXattr(mount_.InoOf(directory), "user.a", "1", 0)), 0);
    EXPECT_EQ(mount_.SetAttr(directory + "/f", change), 0);
    SaveAll(mount_);  // the directory and its file, in parallel
    store_->SetLatency(std::chrono::milliseconds(0));
    EXPECT_TRUE(store_->MetadataOf(directory + "/")->contains("ossfs2-attrs")) << directory;
    EXPECT_TRUE(store_->MetadataOf(directory + "/")->contains("xattr")) << directory;
  }
}

TEST_F(ContentPromises, PrivateFilesCountAsChosen) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  const HandleId handle = *mount_.OpenPath("d/secret", O_WRONLY | O_CREAT, 0600);
  EXPECT_EQ(mount_.Close(handle), 0);
  SaveAll(mount_);
  TestMount fresh(*store_);
  std::map<std::string, Attr> attrs;
  ASSERT_TRUE(fresh.List("d", &attrs));
  EXPECT_EQ(attrs["secret"].mode & 07777, 0600u);
}

TEST_F(ContentPromises, APendingChangeIsDroppedWhenAnotherHostReplacedTheObject) {
  store_->PutContent("f", "1");
  ASSERT_TRUE(mount_.Stat("f"));
  AttrChange change;
  change.mode = 0640;
  EXPECT_EQ(mount_.SetAttr("f", change), 0);
  store_->PutContent("f", "theirs");
  mount_.fs().FlushAll(std::chrono::seconds(20));  // tells that it was not stored
  EXPECT_EQ(store_->Content("f"), "theirs");
  EXPECT_FALSE(store_->MetadataOf("f")->contains("mode"));
}

TEST_F(ContentPromises, ExtendedAttributesOfSymlinksAreRefused) {
  EXPECT_EQ(mount_.Symlink("target", "link"), 0);
  EXPECT_EQ(ErrnoOf(mount_.fs().SetXattr(mount_.InoOf("link"), "user.a", "1", 0)), EPERM);
}

}  // namespace
}  // namespace ossfs2::test
