// Listings of directories that change meanwhile, here or in the bucket, or whose pages fail.
#include <chrono>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Listing : public ::testing::Test {
 protected:
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
};

TEST_F(Listing, CookiesSurviveChanges) {
  for (size_t i = 0; i < 300; ++i) store_->PutContent(ManyNames(i), "1");
  TestMount mount(*store_);
  const HandleId handle = *mount.fs().OpenDirectory(kRootIno);
  std::vector<std::pair<std::string, uint64_t>> first;
  ASSERT_TRUE(mount.fs().ReadDirectory(handle, 0, false, [&](const DirEntry& entry) {
    first.emplace_back(entry.name, entry.cookie);
    return first.size() < 100;
  }));
  EXPECT_EQ(mount.Unlink(ManyNames(5)), 0);
  EXPECT_EQ(mount.Unlink(ManyNames(150)), 0);
  EXPECT_EQ(mount.Put("zz-new", "1"), 0);
  const auto rest = [&](uint64_t cookie) {
    std::vector<std::string> names;
    EXPECT_TRUE(mount.fs().ReadDirectory(handle, cookie, false, [&](const DirEntry& entry) {
      names.push_back(entry.name);
      return true;
    }));
    return names;
  };
  // The last one was refused; it comes first when reading goes on.
  const auto names = rest(first[98].second);
  EXPECT_EQ(names.front(), first[99].first);
  EXPECT_EQ(names.back(), "zz-new");
  EXPECT_EQ(std::count(names.begin(), names.end(), ManyNames(150)), 0);
  EXPECT_EQ(rest(first[50].second).front(), first[51].first);  // seekdir back
  mount.fs().ReleaseDirectory(handle);
}

TEST_F(Listing, RelistingSkipsWhatIsGoneAndKeepsLocalNames) {
  for (size_t i = 0; i < 250; ++i) store_->PutContent(ManyNames(i), "1");
  FsOptions options;
  options.attr_timeout_s = 60;
  options.list_page_size = 50;
  FakeClock clock;
  TestMount mount(*store_, options, clock);
  EXPECT_EQ(mount.List("")->size(), 250u);
  const HandleId open = *mount.OpenPath("aaa", O_WRONLY | O_CREAT);
  for (size_t i = 0; i < 250; i += 2) EXPECT_TRUE(store_->Delete(ManyNames(i)));
  clock.Advance(std::chrono::seconds(61));
  auto names = *mount.List("");
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names.size(), 126u);
  EXPECT_EQ(names.front(), "aaa");
  EXPECT_EQ(names[1], ManyNames(1));
  EXPECT_EQ(mount.Close(open), 0);
}

TEST_F(Listing, AFailedListIsAnErrorNeverAShortDirectory) {
  for (size_t i = 0; i < 150; ++i) store_->PutContent(ManyNames(i), "1");
  auto faulty = oss::MakeFaultStore(*store_);
  FsOptions options;
  options.list_page_size = 100;
  TestMount mount(*faulty, options);
  oss::FaultRule rule;
  rule.operation = "list";
  rule.skip = 1;
  rule.count = -1;
  rule.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  faulty->AddRule(rule);
  const auto failed = mount.List("");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().errno_value, EIO);
  faulty->ClearRules();
  EXPECT_EQ(mount.List("")->size(), 150u);
}

}  // namespace
}  // namespace ossfs2::test
