// Attributes: shown at once, kept in metadata, seen by another mount.
#include <sys/xattr.h>

#include <thread>

#include "oss/fakes/fault_store.h"
#include "oss/protocol/object_headers.h"
#include "tests/fs/mount_fixture.h"
#include "tests/oss/test_data.h"

namespace ossfs2::test {
namespace {

constexpr int64_t kOldNs = 1'600'000'000'123'456'789;

AttrChange Mode(uint32_t mode) {
  AttrChange change;
  change.mode = mode;
  return change;
}
AttrChange Mtime(int64_t ns) {
  AttrChange change;
  change.mtime_ns = ns;
  return change;
}

class Attributes : public ::testing::Test {
 protected:
  void SaveAll(TestMount& mount) { EXPECT_TRUE(mount.fs().FlushAll(std::chrono::seconds(20)).empty()); }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(Attributes, DefaultsAndCreation) {
  store_->PutContent("foreign", "1");
  FsOptions options;
  options.uid = 7;
  options.gid = 8;
  options.file_mode = 0640;
  options.dir_mode = 0750;
  TestMount mount(*store_, options);
  const Attr attr = *mount.Stat("foreign");
  EXPECT_EQ(attr.mode, S_IFREG | 0640u);
  EXPECT_EQ(attr.uid, 7u);
  EXPECT_EQ(attr.gid, 8u);
  EXPECT_EQ(attr.nlink, 1u);
  EXPECT_EQ(mount.Stat("")->mode, S_IFDIR | 0750u);
  Caller caller{1000, 100, 022};
  auto made = mount.fs().Create(kRootIno, "own", 0666, O_WRONLY, caller);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->first.attr.mode, S_IFREG | 0644u);
  EXPECT_EQ(made->first.attr.uid, 1000u);
  EXPECT_EQ(mount.Close(made->second.handle), 0);
  EXPECT_EQ(store_->MetadataOf("own")->at("uid"), "1000");
}

// As tar does: a file of several parts whose upload was opened before its time was chosen. One copy is refused over 5
// GiB.
TEST_F(Attributes, OfAnUploadThatOneCopyCouldNotGiveAreStoredAfterwards) {
  const auto faults = oss::MakeFaultStore(*store_);
  TestMount mount(*faults);
  const HandleId handle = *mount.OpenPath("f", O_WRONLY | O_CREAT);
  const std::string piece(1u << 20, 'x');
  for (uint64_t at = 0; at < 3 * piece.size(); at += piece.size()) ASSERT_TRUE(mount.Write(handle, at, piece));
  EXPECT_EQ(mount.SetAttr("f", Mtime(kOldNs)), 0);
  oss::FaultRule rule;
  rule.operation = "copy";
  rule.error = MakeError(EINVAL, ErrorKind::kInvalid, "too large");
  faults->AddRule(rule);
  EXPECT_EQ(mount.Close(handle), 0);
  EXPECT_EQ(faults->FaultsInjected(), 1u);
  EXPECT_FALSE(store_->MetadataOf("f")->contains("mtime"));
  SaveAll(mount);
  EXPECT_EQ(store_->MetadataOf("f")->at("mtime"), "1600000000.123456789");
}

TEST_F(Attributes, ChangesCostOneCopyAfterTheBurst) {
  EXPECT_EQ(mount_.Put("f", "data"), 0);
  store_->ResetCounts();
  AttrChange owner;
  owner.uid = 5;
  owner.gid = 6;
  EXPECT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  EXPECT_EQ(mount_.SetAttr("f", owner), 0);
  EXPECT_EQ(mount_.SetAttr("f", Mtime(kOldNs)), 0);
  EXPECT_EQ(CountAll(*store_), 0u);
  EXPECT_EQ(mount_.Stat("f")->mode, S_IFREG | 0600u);
  EXPECT_EQ(mount_.Stat("f")->mtime_ns, kOldNs);
  SaveAll(mount_);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
  EXPECT_EQ(CountOf(*store_, {"put"}), 1u);  // the flag of the directory
  EXPECT_EQ(store_->BytesReceived(), 0u);
  EXPECT_EQ(store_->Content("f"), "data");
  EXPECT_EQ(store_->MetadataOf("f")->at("mtime"), "1600000000.123456789");
  EXPECT_EQ(mount_.Stat("f")->mtime_ns, kOldNs);
}

// How a web server gives the object out is not the mount's to change.
TEST_F(Attributes, ServingHeadersSurviveChangesOfAttributesButNotOfContent) {
  WriteOptions options;
  options.serving = {{"cache-control", "max-age=60"}, {"content-encoding", "gzip"}};
  ASSERT_TRUE(oss::PutNow(*store_, "f", "data", options));
  EXPECT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  SaveAll(mount_);
  EXPECT_TRUE(store_->MetadataOf("f")->contains("mode"));
  EXPECT_EQ(store_->Head("f")->serving, options.serving);
  EXPECT_EQ(mount_.SetAttr("f", Mode(0640)), 0);
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  EXPECT_EQ(store_->Head("g")->serving, options.serving);
  EXPECT_EQ(mount_.Put("g", "other"), 0);
  EXPECT_EQ(mount_.SetAttr("g", Mode(0600)), 0);
  SaveAll(mount_);
  EXPECT_TRUE(store_->Head("g")->serving.empty()) << "of bytes that are gone";
}

// rsync -a twice must transfer nothing, from the same mount and from a new one.
TEST_F(Attributes, ANewMountShowsKeptAttributesInItsFirstListing) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  for (const char* name : {"d/a", "d/b", "root-file"}) {
    const HandleId handle = *mount_.OpenPath(name, O_WRONLY | O_CREAT, 0600);
    ASSERT_TRUE(mount_.Write(handle, 0, "x"));
    EXPECT_EQ(mount_.SetAttr(name, Mode(0640)), 0);
    EXPECT_EQ(mount_.Close(handle), 0);
    EXPECT_EQ(mount_.SetAttr(name, Mtime(kOldNs)), 0);
  }
  EXPECT_EQ(mount_.Rename("d/b", "d/c"), 0);
  AttrChange directory = Mode(0700);
  directory.mtime_ns = kOldNs;
  EXPECT_EQ(mount_.SetAttr("d", directory), 0);
  SaveAll(mount_);
  TestMount fresh(*store_);
  std::map<std::string, Attr> root;
  EXPECT_EQ(*fresh.List("", &root), (std::vector<std::string>{"d", "root-file"}));
  EXPECT_EQ(root["root-file"].mtime_ns, kOldNs);
  EXPECT_EQ(root["d"].mode, S_IFDIR | 0700u);
  EXPECT_EQ(root["d"].mtime_ns, kOldNs);
  std::map<std::string, Attr> inside;
  EXPECT_EQ(fresh.List("d", &inside)->size(), 2u);
  for (const char* name : {"a", "c"}) {
    EXPECT_EQ(inside[name].mode, S_IFREG | 0640u) << name;
    EXPECT_EQ(inside[name].mtime_ns, kOldNs) << name;
  }
  // Without readdirplus: the single stat is right too.
  TestMount plain(*store_);
  EXPECT_EQ(plain.List("d")->size(), 2u);
  EXPECT_EQ(plain.Stat("d/a")->mtime_ns, kOldNs);
}

TEST_F(Attributes, DirtyFilesTakeTheirAttributesAlong) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "x"));
  EXPECT_EQ(mount_.SetAttr("f", Mtime(kOldNs)), 0);
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->MetadataOf("f")->at("mtime"), "1600000000.123456789");
  store_->ResetCounts();
  SaveAll(mount_);
  EXPECT_EQ(CountAll(*store_), 0u);
}

TEST_F(Attributes, MtimeOfAWrittenFileIsItsLocalTimeAndStays) {
  FakeClock clock;
  FsOptions options;
  TestMount mount(*store_, options, clock);
  const int64_t before = clock.NowWallNs();
  EXPECT_EQ(mount.Put("f", "x"), 0);
  EXPECT_EQ(mount.Stat("f")->mtime_ns, before);
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(mount.Stat("f")->mtime_ns, before);  // asked again, same version
  ASSERT_TRUE(mount.List(""));
  EXPECT_EQ(mount.Stat("f")->mtime_ns, before);
}

// An append takes no metadata along: what is chosen for the file, and its new time, follow by a copy.
TEST_F(Attributes, OfAnObjectThatIsAppendedToAreStoredAfterwards) {
  FakeClock clock;
  TestMount mount(*store_, {}, clock, {}, true);
  EXPECT_EQ(mount.Put("f", "x"), 0);
  EXPECT_EQ(mount.SetAttr("f", Mtime(kOldNs)), 0);
  SaveAll(mount);
  EXPECT_EQ(store_->MetadataOf("f")->at("mtime"), "1600000000.123456789");
  clock.Advance(std::chrono::hours(1));
  const HandleId handle = *mount.OpenPath("f", O_WRONLY | O_APPEND);
  ASSERT_TRUE(mount.Write(handle, 1, "y"));
  EXPECT_EQ(mount.SetAttr("f", Mode(0640)), 0);
  EXPECT_TRUE(mount.fs().SetXattr(mount.InoOf("f"), "user.a", "1", 0));
  EXPECT_EQ(mount.Close(handle), 0);
  SaveAll(mount);
  EXPECT_EQ(*store_->Content("f"), "xy");
  TestMount cold(*store_);
  EXPECT_EQ(cold.Stat("f")->mode, S_IFREG | 0640u);
  EXPECT_EQ(cold.Stat("f")->mtime_ns, clock.NowWallNs());
  EXPECT_EQ(*cold.fs().GetXattr(cold.InoOf("f"), "user.a"), "1");
}

// The delayed save has not come yet when the service is asked again.
TEST_F(Attributes, AChosenMtimeOfADirectoryIsShownBeforeItIsStored) {
  FsOptions options;
  options.attr_timeout_s = 0;
  TestMount mount(*store_, options);
  ASSERT_EQ(mount.Mkdir("d"), 0);
  EXPECT_EQ(mount.SetAttr("d", Mtime(kOldNs)), 0);
  EXPECT_EQ(mount.Stat("d")->mtime_ns, kOldNs);
  SaveAll(mount);
  EXPECT_EQ(mount.Stat("d")->mtime_ns, kOldNs);
}

TEST_F(Attributes, ShownMtimeOfAVersionDoesNotJump) {
  store_->PutContent("f", "x", {{"mtime", "1500000000"}});
  std::map<std::string, Attr> attrs;
  ASSERT_TRUE(mount_.List("", &attrs));
  const int64_t shown = attrs["f"].mtime_ns;
  EXPECT_EQ(mount_.fs().GetXattr(mount_.InoOf("f"), "user.none").error().errno_value, ENODATA);
  EXPECT_EQ(mount_.Stat("f")->mtime_ns, shown);
  TestMount cold(*store_);
  EXPECT_EQ(cold.Stat("f")->mtime_ns, 1'500'000'000'000'000'000);
}

TEST_F(Attributes, ForeignMetadataSurvives) {
  store_->PutContent("f", "x", {{"author", "me"}});
  ASSERT_TRUE(mount_.List(""));
  EXPECT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  SaveAll(mount_);
  EXPECT_EQ(store_->MetadataOf("f")->at("author"), "me");
  EXPECT_EQ(mount_.Put("f", "new"), 0);
  EXPECT_EQ(store_->MetadataOf("f")->at("author"), "me");
  EXPECT_EQ(mount_.Stat("f")->mode, S_IFREG | 0600u);
}

// The listing does not tell metadata; whoever writes the file must not lose it.
TEST_F(Attributes, MetadataOfAListedFileSurvivesItsWriters) {
  const Metadata theirs{{"author", "me"}, {"mode", "33152"}, {"uid", "1005"}};
  for (const char* name : {"append", "rewrite", "cut", "large"})
    store_->PutContent(name, std::string(name == std::string("large") ? 300'000 : 3, 'x'), theirs);
  ASSERT_TRUE(mount_.List(""));
  const HandleId appended = *mount_.OpenPath("append", O_WRONLY | O_APPEND);
  ASSERT_TRUE(mount_.Write(appended, 3, "more"));
  EXPECT_EQ(mount_.Close(appended), 0);
  EXPECT_EQ(mount_.Put("rewrite", "new"), 0);
  EXPECT_EQ(mount_.Truncate("cut", 1), 0);
  const HandleId patched = *mount_.OpenPath("large", O_RDWR);
  ASSERT_TRUE(mount_.Write(patched, 300'000, std::string(2u << 20, 'y')));
  EXPECT_EQ(mount_.Close(patched), 0);
  for (const char* name : {"append", "rewrite", "cut", "large"}) {
    const auto kept = store_->MetadataOf(name);
    ASSERT_TRUE(kept) << name;
    for (const auto& [key, value] : theirs) EXPECT_EQ(kept->count(key) != 0 ? kept->at(key) : "", value) << name;
    EXPECT_EQ(mount_.Stat(name)->mode, S_IFREG | 0600u) << name;
  }
}

TEST_F(Attributes, ChangesThatChangeNothingCostNoCopy) {
  EXPECT_EQ(mount_.Put("f", "data"), 0);
  AttrChange all = Mode(0640);
  all.uid = 5;
  all.gid = 6;
  all.mtime_ns = kOldNs;
  EXPECT_EQ(mount_.SetAttr("f", all), 0);
  SaveAll(mount_);
  store_->ResetCounts();
  EXPECT_EQ(mount_.SetAttr("f", all), 0);
  EXPECT_EQ(mount_.SetAttr("f", Mode(0640)), 0);
  SaveAll(mount_);
  EXPECT_EQ(CountAll(*store_), 0u);
  // A mount that does not know what is stored asks, and copies nothing either.
  TestMount fresh(*store_);
  ASSERT_TRUE(fresh.List(""));
  store_->ResetCounts();
  EXPECT_EQ(fresh.SetAttr("f", all), 0);
  SaveAll(fresh);
  EXPECT_EQ(CountOf(*store_, {"copy", "put"}), 0u);
  EXPECT_EQ(fresh.SetAttr("f", Mode(0600)), 0);
  SaveAll(fresh);
  EXPECT_EQ(CountOf(*store_, {"copy"}), 1u);
}

TEST_F(Attributes, OneRefusedHeadDoesNotHideTheDirectory) {
  EXPECT_EQ(mount_.Mkdir("d"), 0);
  for (const char* name : {"d/a", "d/b", "d/c"}) {
    EXPECT_EQ(mount_.Put(name, "x"), 0);
    EXPECT_EQ(mount_.SetAttr(name, Mode(0600)), 0);
  }
  SaveAll(mount_);
  auto faulty = oss::MakeFaultStore(*store_);
  TestMount fresh(*faulty);
  ASSERT_TRUE(fresh.Find("d"));
  oss::FaultRule rule;
  rule.operation = "head";
  rule.count = 1;
  rule.error = MakeError(EACCES, ErrorKind::kAccessDenied, "injected");
  faulty->AddRule(rule);
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(fresh.List("d", &attrs)->size(), 3u);
  EXPECT_EQ(faulty->FaultsInjected(), 1u);
  for (const char* name : {"d/a", "d/b", "d/c"}) EXPECT_EQ(fresh.Stat(name)->mode, S_IFREG | 0600u);
}

TEST_F(Attributes, AttributesOfAVersionThatIsGoneAreDropped) {
  EXPECT_EQ(mount_.Put("f", "mine"), 0);
  EXPECT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  store_->PutContent("f", "theirs");
  mount_.fs().FlushAll(std::chrono::seconds(20));
  EXPECT_EQ(store_->Content("f"), "theirs");
  EXPECT_FALSE(store_->MetadataOf("f")->contains("mode"));
}

TEST_F(Attributes, OfALinkThatChangeWhileOlderOnesAreStoredAreStoredToo) {
  auto faults = oss::MakeFaultStore(*store_);
  TestMount mount(*faults);
  EXPECT_EQ(mount.Symlink("target", "link"), 0);
  AttrChange first;
  first.uid = 1;
  AttrChange second;
  second.uid = 2;
  oss::FaultRule rule;
  std::thread other;  // FlushAll has begun, so it waits for the first save, and makes the second one
  rule.operation = "symlink";
  rule.meanwhile = [&] {
    other = std::thread([&] { EXPECT_EQ(mount.SetAttr("link", second), 0); });
    while (mount.Stat("link")->uid != 2) std::this_thread::yield();
  };
  faults->AddRule(rule);
  EXPECT_EQ(mount.SetAttr("link", first), 0);
  SaveAll(mount);
  other.join();
  EXPECT_EQ(mount.Stat("link")->uid, 2u);
  EXPECT_EQ(store_->MetadataOf("link")->at("uid"), "2");
}

TEST_F(Attributes, Xattrs) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  const std::string value("a\0b", 3);
  EXPECT_TRUE(fs.SetXattr(ino, "user.one", value, 0));
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.one", "x", XATTR_CREATE)), EEXIST);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.two", "x", XATTR_REPLACE)), ENODATA);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "trusted.x", "x", 0)), EOPNOTSUPP);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.ossfs2.etag", "x", 0)), EPERM);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.\xff", "x", 0)), EINVAL);
  EXPECT_EQ(ErrnoOf(fs.SetXattr(ino, "user.big", std::string(9000, 'x'), 0)), ENOSPC);
  EXPECT_EQ(ErrnoOf(fs.RemoveXattr(ino, "user.none")), ENODATA);
  EXPECT_EQ(*fs.ListXattr(ino), std::vector<std::string>{"user.one"});
  SaveAll(mount_);
  TestMount fresh(*store_);
  EXPECT_EQ(*fresh.fs().GetXattr(fresh.InoOf("f"), "user.one"), value);
  EXPECT_TRUE(fs.RemoveXattr(ino, "user.one"));
  SaveAll(mount_);
  EXPECT_FALSE(store_->MetadataOf("f")->contains("xattr"));
}

// Whatever setxattr took can be stored.
TEST_F(Attributes, ManyXattrsStayWithinWhatTheServiceTakes) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  const Ino ino = mount_.InoOf("f");
  int taken = 0;
  Status set;
  while ((set = mount_.fs().SetXattr(ino, "user.a" + std::to_string(100 + taken), "x", 0))) ++taken;
  EXPECT_EQ(ErrnoOf(set), ENOSPC);
  EXPECT_TRUE(set.error().text.starts_with("/f: ")) << set.error().text;  // the log has only this of the file
  EXPECT_GT(taken, 100);
  SaveAll(mount_);
  WriteOptions options;
  options.metadata = *store_->MetadataOf("f");
  oss::NameValues headers;
  EXPECT_TRUE(oss::AddWriteHeaders({}, "f", options, headers));
  size_t bytes = 0;
  for (const auto& [name, value] : headers)
    if (name.starts_with("x-oss-meta-")) bytes += name.size() + value.size();
  EXPECT_LE(bytes, kMetadataBytesMax);
  EXPECT_GT(bytes, kMetadataBytesMax - 200);
}

TEST_F(Attributes, FactsAsXattrs) {
  EXPECT_EQ(mount_.Put("f", "x"), 0);
  FileSystem& fs = mount_.fs();
  const Ino ino = mount_.InoOf("f");
  EXPECT_EQ(*fs.GetXattr(ino, "user.ossfs2.key"), "f");
  EXPECT_EQ(fs.GetXattr(ino, "user.ossfs2.etag")->size(), 32u);
  EXPECT_EQ(*fs.GetXattr(ino, "user.ossfs2.storage-class"), "Standard");
  EXPECT_FALSE(fs.GetXattr(ino, "user.ossfs2.crc64")->empty());
  EXPECT_EQ(fs.GetXattr(ino, "user.ossfs2.what").error().errno_value, ENODATA);
}

TEST_F(Attributes, NothingIsKeptWhenSwitchedOff) {
  FsOptions options;
  options.keep_attributes = false;
  TestMount mount(*store_, options);
  EXPECT_EQ(mount.Put("f", "x"), 0);
  EXPECT_EQ(mount.SetAttr("f", Mode(0600)), 0);
  EXPECT_EQ(mount.Stat("f")->mode, S_IFREG | 0600u);
  SaveAll(mount);
  EXPECT_TRUE(store_->MetadataOf("f")->empty());
}

}  // namespace
}  // namespace ossfs2::test
