// Promises of docs/semantics.md, one by one, that no other test of this folder has.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Promises : public ::testing::Test {
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

// --- writing ---

TEST_F(Promises, TruncateOfWhatHasNoBytesOrTheSameSize) {
  EXPECT_EQ(mount_.Put("f", "12345"), 0);
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  EXPECT_EQ(mount_.Symlink("f", "link"), 0);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Truncate("f", 5), 0); }), 0u);
  EXPECT_EQ(mount_.Truncate("f", 3), 0);
  EXPECT_EQ(store_->Content("f"), "123");  // by path it is stored at once
  EXPECT_EQ(mount_.Truncate("d", 0), EISDIR);
  EXPECT_EQ(mount_.Truncate("link", 0), EINVAL);
}

TEST_F(Promises, BytesSizeAndTimesOfAWriteAreSeenByEveryHandle) {
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

TEST_F(Promises, ATruncateOfAnEmptyFileRenewsATimeThatWasChosen) {
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

TEST_F(Promises, ATruncateByNameToTheSameSizeRenewsATimeThatWasChosen) {
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

TEST_F(Promises, ANewAccessTimeAloneStoresNothing) {
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

TEST_F(Promises, TheFirstChosenAttributeMarksTheRootOfABucket) {
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

TEST_F(Promises, AMarkerStoredTwiceAtOnceKeepsFlagAndAttributes) {
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

TEST_F(Promises, PrivateFilesCountAsChosen) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  const HandleId handle = *mount_.OpenPath("d/secret", O_WRONLY | O_CREAT, 0600);
  EXPECT_EQ(mount_.Close(handle), 0);
  SaveAll(mount_);
  TestMount fresh(*store_);
  std::map<std::string, Attr> attrs;
  ASSERT_TRUE(fresh.List("d", &attrs));
  EXPECT_EQ(attrs["secret"].mode & 07777, 0600u);
}

TEST_F(Promises, APendingChangeIsDroppedWhenAnotherHostReplacedTheObject) {
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

TEST_F(Promises, ExtendedAttributesOfSymlinksAreRefused) {
  EXPECT_EQ(mount_.Symlink("target", "link"), 0);
  EXPECT_EQ(ErrnoOf(mount_.fs().SetXattr(mount_.InoOf("link"), "user.a", "1", 0)), EPERM);
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

// --- the table of requests ---

TEST_F(Promises, RequestsOfLookups) {
  for (const char* key : {"marked/", "marked/f", "plain/f", "f"}) store_->PutContent(key, "1");
  EXPECT_EQ(Count([&] { EXPECT_FALSE(mount_.Stat("missing")); }), 2u);
  EXPECT_EQ(CountOf(*store_, {"head"}), 1u);
  EXPECT_EQ(CountOf(*store_, {"list"}), 1u);
  EXPECT_EQ(Count([&] { EXPECT_TRUE(mount_.Stat("plain")); }), 2u);
  EXPECT_EQ(Count([&] { EXPECT_TRUE(mount_.Stat("marked")); }), 3u);
  FakeClock clock;
  TestMount aging(*store_, {}, clock);
  ASSERT_TRUE(aging.Stat("f"));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_EQ(Count([&] { EXPECT_TRUE(aging.Stat("f")); }), 1u);
  EXPECT_EQ(CountOf(*store_, {"head"}), 1u);
}

TEST_F(Promises, RequestsOfChanges) {
  for (const char* key : {"d/", "d/a", "d/b", "d/e/", "bare/only"}) store_->PutContent(key, "1");
  ASSERT_TRUE(mount_.List("d"));
  ASSERT_TRUE(mount_.List("bare"));
  // A create right after a listing needs no question: the PUT is all.
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Put("d/new", "1"), 0); }), 1u + 1u);  // OpenPath looks the name up
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Mkdir("made"), 0); }), 3u);
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Put("made/f", "1"), 0); }), 1u + 1u);
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Rename("d/a", "d/z"), 0); }), 4u);
  EXPECT_EQ(CountOf(*store_, {"copy", "delete"}), 2u);
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.Unlink("d/b"), 0); }), 1u);
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Unlink("bare/only"), 0); }), 3u);  // and the marker
  EXPECT_EQ(store_->Content("bare/"), "");
  EXPECT_LE(Count([&] { EXPECT_EQ(mount_.Rmdir("d/e"), 0); }), 3u);
}

TEST_F(Promises, RequestsOfOpens) {
  store_->PutContent("f", "1");
  ASSERT_TRUE(mount_.List(""));
  EXPECT_EQ(Count([&] { mount_.Close(*mount_.OpenPath("f", O_RDONLY)); }), 0u);
  FsOptions options;
  options.close_to_open = true;
  TestMount careful(*store_, options);
  ASSERT_TRUE(careful.List(""));
  EXPECT_EQ(Count([&] { careful.Close(*careful.OpenPath("f", O_RDONLY)); }), 1u);
}

TEST_F(Promises, RequestsOfABurstOfAttributes) {
  for (const char* key : {"d/", "d/a", "d/b"}) store_->PutContent(key, "1");
  ASSERT_TRUE(mount_.List("d"));
  const auto change = [&](const char* path) {
    AttrChange mode, time;
    mode.mode = 0600;
    time.mtime_ns = 1'000'000'000;
    EXPECT_EQ(mount_.SetAttr(path, mode), 0);
    EXPECT_EQ(mount_.SetAttr(path, time), 0);
    const HandleId handle = *mount_.OpenPath(path, O_RDONLY);
    EXPECT_TRUE(mount_.fs().Fsync(handle));
    mount_.Close(handle);
  };
  Count([&] { change("d/a"); });
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_LE(CountOf(*store_, {"head", "put"}), 3u);  // the file's metadata; the marker, once
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);
  Count([&] { change("d/b"); });
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_EQ(CountOf(*store_, {"put"}), 0u);
}

TEST_F(Promises, RequestsOfAListing) {
  store_->PutContent("d/", "");
  for (size_t i = 0; i < 2500; ++i) store_->PutContent("d/" + ManyNames(i), "1");
  mount_.InoOf("d");
  EXPECT_EQ(Count([&] { EXPECT_EQ(mount_.List("d")->size(), 2500u); }), 3u);  // its marker is known by now
  TestMount other(*store_);
  const Ino root = other.InoOf("");
  EXPECT_EQ(root, kRootIno);
  ASSERT_TRUE(other.List(""));
  EXPECT_EQ(Count([&] { EXPECT_EQ(other.List("d")->size(), 2500u); }), 4u);  // and a HEAD of the marker
}

}  // namespace
}  // namespace ossfs2::test
