// Storing attributes: when, by how many requests, and what of an object stays as it was.
#include <thread>

#include "oss/fakes/fault_store.h"
#include "tests/fs/attributes_fixture.h"
#include "tests/oss/test_data.h"

namespace ossfs2::test {
namespace {

using StoredAttributes = AttributesFixture;

TEST_F(StoredAttributes, ChangesCostOneCopyAfterTheBurst) {
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

TEST_F(StoredAttributes, ChangesThatChangeNothingCostNoCopy) {
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

// As tar does: a file of several parts whose upload was opened before its time was chosen. One copy is refused over 5
// GiB.
TEST_F(StoredAttributes, OfAnUploadThatOneCopyCouldNotGiveAreStoredAfterwards) {
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

TEST_F(StoredAttributes, DirtyFilesTakeTheirAttributesAlong) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "x"));
  EXPECT_EQ(mount_.SetAttr("f", Mtime(kOldNs)), 0);
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_EQ(store_->MetadataOf("f")->at("mtime"), "1600000000.123456789");
  store_->ResetCounts();
  SaveAll(mount_);
  EXPECT_EQ(CountAll(*store_), 0u);
}

// An append takes no metadata along: what is chosen for the file, and its new time, follow by a copy.
TEST_F(StoredAttributes, OfAnObjectThatIsAppendedToAreStoredAfterwards) {
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

TEST_F(StoredAttributes, OfALinkThatChangeWhileOlderOnesAreStoredAreStoredToo) {
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

TEST_F(StoredAttributes, AttributesOfAVersionThatIsGoneAreDropped) {
  EXPECT_EQ(mount_.Put("f", "mine"), 0);
  EXPECT_EQ(mount_.SetAttr("f", Mode(0600)), 0);
  store_->PutContent("f", "theirs");
  mount_.fs().FlushAll(std::chrono::seconds(20));
  EXPECT_EQ(store_->Content("f"), "theirs");
  EXPECT_FALSE(store_->MetadataOf("f")->contains("mode"));
}

// How a web server gives the object out is not the mount's to change.
TEST_F(StoredAttributes, ServingHeadersSurviveChangesOfAttributesButNotOfContent) {
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

TEST_F(StoredAttributes, ForeignMetadataSurvives) {
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
TEST_F(StoredAttributes, MetadataOfAListedFileSurvivesItsWriters) {
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

}  // namespace
}  // namespace ossfs2::test
