// Names removed here while requests about their directory are under way.
#include "fs/tree/removed_names.h"

#include <functional>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

constexpr size_t kMax = RemovedNames::kNamesMax;

TEST(RemovedNames, AreKeptForRequestsFromBeforeTheirRemoval) {
  RemovedNames removed;
  removed.BeginRequest(1);
  removed.Add("a", 2);
  removed.BeginRequest(3);
  removed.Add("b", 4);
  EXPECT_TRUE(removed.Has("a", 1));
  EXPECT_FALSE(removed.Has("a", 3));
  EXPECT_TRUE(removed.EndRequest(1));
  EXPECT_EQ(removed.size(), 1u);
  EXPECT_TRUE(removed.Has("b", 3));
  EXPECT_FALSE(removed.EndRequest(3));
  EXPECT_EQ(removed.size(), 0u);
}

TEST(RemovedNames, OneThatIsRemovedAgainIsAsLateAsTheLastTime) {
  RemovedNames removed;
  removed.BeginRequest(1);
  removed.Add("a", 2);
  removed.BeginRequest(3);
  removed.Add("a", 4);
  EXPECT_TRUE(removed.EndRequest(1));
  EXPECT_TRUE(removed.Has("a", 3));
}

// With hundreds of threads one request or another is always under way.
TEST(RemovedNames, DoNotGrowWhileRequestsOverlap) {
  RemovedNames removed;
  uint64_t stamp = 0;
  removed.BeginRequest(++stamp);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t before = stamp;
    removed.BeginRequest(++stamp);
    EXPECT_TRUE(removed.EndRequest(before));
    EXPECT_LE(removed.size(), 1u);
    removed.Add(std::to_string(i), ++stamp);
    removed.BeginRequest(++stamp);
    EXPECT_TRUE(removed.EndRequest(stamp - 2));
  }
}

TEST(RemovedNames, TellsWhichAnswersAreTooOldForWhatItForgot) {
  RemovedNames removed;
  removed.BeginRequest(1);
  removed.BeginRequest(3);
  removed.Add("first", 2);
  for (size_t i = 1; i < kMax; ++i) removed.Add(std::to_string(i), 3 + i);
  EXPECT_EQ(removed.size(), kMax);
  EXPECT_TRUE(removed.IsComplete(1));
  removed.Add("one more", 4 + kMax);
  EXPECT_EQ(removed.size(), kMax);
  EXPECT_FALSE(removed.Has("first", 1));
  EXPECT_FALSE(removed.IsComplete(1));
  EXPECT_TRUE(removed.IsComplete(3));
}

class ManyRemoved : public ::testing::Test {
 protected:
  // Runs once, after the request was answered in the bucket and before the answer is here.
  void BeforeAnswer(const std::string& operation, const std::string& key_part, std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.afterwards = std::move(work);
    faults_->AddRule(rule);
  }
  void MakeAll() {
    for (size_t i = 0; i <= kMax; ++i) ASSERT_EQ(mount_.Put("d/" + ManyNames(i), ""), 0);
  }
  void RemoveAll() {
    for (size_t i = 0; i <= kMax; ++i) ASSERT_EQ(mount_.Unlink("d/" + ManyNames(i)), 0);
  }
  static FsOptions AskAtOpen() {
    FsOptions options;
    options.close_to_open = true;
    options.oss_negative_cache_timeout_s = 0;
    return options;
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, AskAtOpen()};
};

TEST_F(ManyRemoved, AListingFromBeforeBringsNoneBack) {
  store_->PutContent("d/z", "1");
  ASSERT_NO_FATAL_FAILURE(MakeAll());
  BeforeAnswer("list", "d/", [this] { RemoveAll(); });
  const Result<std::vector<std::string>> names = mount_.List("d");
  ASSERT_TRUE(names) << names.error().ToString();
  EXPECT_EQ(*names, std::vector<std::string>{"z"});
}

TEST_F(ManyRemoved, ALookupFromBeforeBringsNoneBack) {
  store_->PutContent("d/z", "1");
  ASSERT_NO_FATAL_FAILURE(MakeAll());
  BeforeAnswer("head", "d/" + ManyNames(0), [this] { RemoveAll(); });
  EXPECT_FALSE(mount_.OpenPath("d/" + ManyNames(0), O_RDONLY));
  EXPECT_EQ(mount_.Stat("d/" + ManyNames(0)).error().errno_value, ENOENT);
}

}  // namespace
}  // namespace ossfs2::test
