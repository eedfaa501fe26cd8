// Answers that come late: something changed, here or on another host, after the question was asked.
#include <functional>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class LateAnswers : public ::testing::Test {
 protected:
  static FsOptions SmallPages() {
    FsOptions options;
    options.list_page_size = 2;
    return options;
  }
  static AttrChange Mode(uint32_t mode) {
    AttrChange change;
    change.mode = mode;
    return change;
  }
  // Runs between the request in the bucket and its answer here, once.
  void BeforeAnswer(const std::string& operation, const std::string& key_part, std::function<void()> work, int skip = 0) {
    oss::FaultRule rule;
    rule.operation = operation;
    rule.key_part = key_part;
    rule.skip = skip;
    rule.afterwards = std::move(work);
    faults_->AddRule(rule);
  }
  void Sync(const std::string& path) {
    const HandleId handle = *mount_.OpenPath(path, O_RDONLY);
    EXPECT_TRUE(mount_.fs().Fsync(handle)) << path;
    mount_.Close(handle);
  }
  std::string MetadataOf(const std::string& key, const std::string& name) {
    const auto metadata = store_->MetadataOf(key);
    return metadata && metadata->contains(name) ? metadata->at(name) : "";
  }
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, SmallPages(), clock_};
};

// The first save marks the directory, so the listing asks for what all its files keep.
TEST_F(LateAnswers, AListingBeforeAttributesAreStoredLosesNoneOfTheOthers) {
  for (const char* key : {"d/a", "d/b", "d/c"}) store_->PutContent(key, "1", {{"author", "me"}, {"uid", "1005"}});
  ASSERT_TRUE(mount_.List("d"));
  for (const char* path : {"d/a", "d/b", "d/c"}) EXPECT_EQ(mount_.SetAttr(path, Mode(0640)), 0);
  Sync("d/a");
  std::map<std::string, Attr> attrs;
  EXPECT_EQ(mount_.List("d", &attrs)->size(), 3u);
  EXPECT_EQ(attrs["b"].uid, 1005u);
  EXPECT_EQ(attrs["b"].mode & 07777, 0640u);
  Sync("d/b");
  EXPECT_EQ(mount_.Rename("d/c", "d/moved"), 0);
  for (const char* key : {"d/a", "d/b", "d/moved"}) {
    EXPECT_EQ(MetadataOf(key, "author"), "me") << key;
    EXPECT_EQ(MetadataOf(key, "uid"), "1005") << key;
    EXPECT_EQ(MetadataOf(key, "mode"), "33184") << key;
  }
}

}  // namespace
}  // namespace ossfs2::test
