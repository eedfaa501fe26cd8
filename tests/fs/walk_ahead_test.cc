// Folders that are listed ahead of whoever walks through them.
#include <chrono>
#include <thread>

#include "base/values/str.h"
#include "fs/tree/node.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

std::string Folder(size_t number) { return StrCat("t/d", 100 + number); }

class WalksAhead : public ::testing::Test {
 protected:
  void Make(size_t folders) {
    for (size_t i = 0; i < folders; ++i)
      for (const char* name : {"/", "/a", "/b"}) store_->PutContent(Folder(i) + name, "1");
  }
  uint64_t Lists() const { return CountOf(*store_, {"list"}); }
  // Tasks run when they like: until so many folders were listed, and their markers asked for after it.
  void AwaitLists(uint64_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (CountOf(*store_, {"head"}) < count && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(Lists(), count);
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
};

TEST_F(WalksAhead, NextFoldersAreListedBesideTheWalk) {
  Make(30);
  TestMount mount(*store_);
  ASSERT_EQ(mount.List("t")->size(), 30u);
  store_->ResetCounts();
  ASSERT_TRUE(mount.List(Folder(0)));
  AwaitLists(1);  // one folder is no walk
  ASSERT_TRUE(mount.List(Folder(1)));
  AwaitLists(2 + 4);
  ASSERT_TRUE(mount.List(Folder(2)));
  AwaitLists(3 + 6);  // whoever stops now has asked for six in vain
}

TEST_F(WalksAhead, CostNothingMoreInAnyOrder) {
  Make(30);
  for (const size_t stride : {1, 7, 29}) {
    TestMount mount(*store_);
    ASSERT_TRUE(mount.List("t"));
    store_->ResetCounts();
    for (size_t i = 0; i < 30; ++i)
      EXPECT_EQ(*mount.List(Folder(i * stride % 30)), (std::vector<std::string>{"a", "b"}));
    AwaitLists(30);
    EXPECT_EQ(CountOf(*store_, {"head"}), 30u);
  }
}

TEST_F(WalksAhead, StopAtABoundWhereNobodyComes) {
  Make(100);
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("t"));
  store_->ResetCounts();
  for (const size_t folder : {99, 79, 59, 39, 19, 98, 78, 58, 38, 18}) ASSERT_TRUE(mount.List(Folder(folder)));
  EXPECT_LE(Lists(), 10 + WalkAhead::kListingsMax);
}

TEST_F(WalksAhead, SeeWhatWasMadeAndRemovedHereMeanwhile) {
  Make(30);
  TestMount mount(*store_);
  ASSERT_TRUE(mount.List("t"));
  ASSERT_TRUE(mount.List(Folder(0)));
  ASSERT_TRUE(mount.List(Folder(1)));
  EXPECT_EQ(mount.Put(Folder(2) + "/new", "1"), 0);
  EXPECT_EQ(mount.Unlink(Folder(2) + "/a"), 0);
  EXPECT_EQ(mount.Rename(Folder(3), "t/moved"), 0);
  std::vector<std::string> names = *mount.List(Folder(2));
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"b", "new"}));
  EXPECT_EQ(mount.List("t/moved")->size(), 2u);
}

TEST_F(WalksAhead, AreBelievedForTenSeconds) {
  Make(30);
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  ASSERT_TRUE(mount.List("t"));
  store_->ResetCounts();
  ASSERT_TRUE(mount.List(Folder(0)));
  ASSERT_TRUE(mount.List(Folder(1)));
  AwaitLists(2 + 4);
  store_->PutContent(Folder(2) + "/other", "1");
  store_->PutContent(Folder(3) + "/other", "1");
  clock.Advance(std::chrono::seconds(9));
  EXPECT_EQ(mount.List(Folder(2))->size(), 2u);
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(mount.List(Folder(3))->size(), 3u);
}

// What another host changes may be unseen for attr_timeout, and not at all without one.
TEST_F(WalksAhead, NotWhereListingsAreNotBelieved) {
  Make(30);
  FsOptions options;
  options.attr_timeout_s = 1;
  TestMount mount(*store_, options);
  ASSERT_TRUE(mount.List("t"));
  store_->ResetCounts();
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(mount.List(Folder(i)));
  EXPECT_LE(Lists(), 3u + 1u);  // that of "t", should it be too old by now
}

}  // namespace
}  // namespace ossfs2::test
