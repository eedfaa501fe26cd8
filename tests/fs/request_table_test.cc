// The table of requests in docs/semantics.md, row by row. requests_test.cc has the cases behind it.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class RequestTable : public ::testing::Test {
 protected:
  uint64_t Count(const std::function<void()>& work) {
    store_->ResetCounts();
    work();
    return CountAll(*store_);
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(RequestTable, RequestsOfLookups) {
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

TEST_F(RequestTable, RequestsOfChanges) {
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

TEST_F(RequestTable, RequestsOfOpens) {
  store_->PutContent("f", "1");
  ASSERT_TRUE(mount_.List(""));
  EXPECT_EQ(Count([&] { mount_.Close(*mount_.OpenPath("f", O_RDONLY)); }), 0u);
  FsOptions options;
  options.close_to_open = true;
  TestMount careful(*store_, options);
  ASSERT_TRUE(careful.List(""));
  EXPECT_EQ(Count([&] { careful.Close(*careful.OpenPath("f", O_RDONLY)); }), 1u);
}

TEST_F(RequestTable, RequestsOfABurstOfAttributes) {
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

TEST_F(RequestTable, RequestsOfAListing) {
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
