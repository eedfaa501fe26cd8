// Directories that are made with the mark of files that keep attributes, before they have any (mark_guess.h).
#include "fs/tree/mark_guess.h"

#include "tests/fs/mount_fixture.h"
#include "tests/support/shared_clock.h"

namespace ossfs2::test {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(MarkGuessTest, FollowsDirectoriesThatNeededTheMark) {
  MarkGuess guess;
  EXPECT_FALSE(guess.Expects(kStart));
  for (int directory = 0; directory < 10; ++directory) {
    guess.NoteNeeded(kStart, true);
    guess.NoteNeeded(kStart, false);
    EXPECT_TRUE(guess.Expects(kStart)) << directory;
  }
}

TEST(MarkGuessTest, EndsAfterAFewThatDidNot) {
  MarkGuess guess;
  for (int directory = 0; directory < 10; ++directory) guess.NoteNeeded(kStart, true);
  for (int directory = 0; directory < MarkGuess::kStepsMax; ++directory) EXPECT_TRUE(guess.Expects(kStart));
  EXPECT_FALSE(guess.Expects(kStart));
}

TEST(MarkGuessTest, EndsAfterAWhile) {
  MarkGuess guess;
  guess.NoteNeeded(kStart, true);
  guess.NoteNeeded(kStart + std::chrono::seconds(8), false);
  EXPECT_TRUE(guess.Expects(kStart + std::chrono::seconds(16)));
  guess.NoteNeeded(kStart, true);
  EXPECT_FALSE(guess.Expects(kStart + MarkGuess::kBelieved + std::chrono::seconds(1)));
  EXPECT_FALSE(guess.Expects(kStart));
}

class MarkedAhead : public ::testing::Test {
 protected:
  uint64_t Puts() { return CountOf(*store_, {"put"}); }
  // As tar does: its files get a time before they are closed.
  void Unpack(const std::string& directory, int files) {
    ASSERT_EQ(mount_.Mkdir(directory, 0700), 0);
    for (int file = 0; file < files; ++file) {
      const std::string path = directory + "/" + std::to_string(file);
      const Result<HandleId> handle = mount_.OpenPath(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
      ASSERT_TRUE(handle);
      ASSERT_TRUE(mount_.Write(*handle, 0, "text"));
      AttrChange change;
      change.mtime_ns = 1'000'000'000;
      ASSERT_EQ(mount_.SetAttr(path, change), 0);
      ASSERT_EQ(mount_.Close(*handle), 0);
    }
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  SharedClock clock_;
  TestMount mount_{*store_, {}, clock_};
};

TEST_F(MarkedAhead, UnpackingPutsTheMarkWithTheDirectory) {
  for (int directory = 0; directory < 10; ++directory) Unpack("d" + std::to_string(directory), 3);
  // Each directory and file once; the first directory twice.
  EXPECT_LE(Puts(), 10u * 4 + 1);
  TestMount fresh(*store_);
  for (int directory = 0; directory < 10; ++directory) {
    const Result<Attr> attr = fresh.Stat("d" + std::to_string(directory) + "/1");
    ASSERT_TRUE(attr);
    EXPECT_EQ(attr->mtime_ns, 1'000'000'000);
    std::map<std::string, Attr> listed;
    ASSERT_TRUE(fresh.List("d" + std::to_string(directory), &listed));
    EXPECT_EQ(listed["2"].mtime_ns, 1'000'000'000);
  }
}

TEST_F(MarkedAhead, PlainDirectoriesAreNotMarked) {
  Unpack("a", 1);
  clock_.Advance(MarkGuess::kBelieved + std::chrono::seconds(1));
  ASSERT_EQ(mount_.Mkdir("b"), 0);
  EXPECT_FALSE(store_->Head("b/")->metadata.contains("ossfs2-attrs"));
  ASSERT_EQ(mount_.Put("b/plain", "1"), 0);
  EXPECT_FALSE(store_->Head("b/")->metadata.contains("ossfs2-attrs"));
}

}  // namespace
}  // namespace ossfs2::test
