// Attributes: shown at once, and seen by another mount.
#include "oss/fakes/fault_store.h"
#include "tests/fs/attributes_fixture.h"

namespace ossfs2::test {
namespace {

using Attributes = AttributesFixture;

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
