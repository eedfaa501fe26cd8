// Tags of an object: the service keeps them in copies of whole objects only.
#include <cerrno>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"
#include "tests/oss/test_data.h"

namespace ossfs2::test {
namespace {

class Tags : public ::testing::Test {
 protected:
  Tags() {
    Put("f", "data");
    EXPECT_TRUE(oss::PutNow(*store_, "plain", "data", {}));
  }
  void Put(const std::string& key, const std::string& content) {
    WriteOptions options;
    options.tags = kTags;
    EXPECT_TRUE(oss::PutNow(*store_, key, content, options));
  }
  std::string Of(const std::string& key) { return *store_->GetTags(key); }
  // How many were asked for, with what this test asks itself.
  uint64_t Asked() { return store_->Requests()["get_tags"]; }
  void FailToGive(ErrorKind kind, int errno_value) {
    oss::FaultRule rule;
    rule.operation = "get_tags";
    rule.count = -1;
    rule.error = MakeError(errno_value, kind, "no tags");
    faults_->AddRule(rule);
  }

  const std::string kTags = "team=a%20b&keep=";
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

TEST_F(Tags, SurviveNewContentForOneRequest) {
  EXPECT_EQ(mount_.Put("f", "other"), 0);
  EXPECT_EQ(Asked(), 1u);
  EXPECT_EQ(store_->Content("f"), "other");
  EXPECT_EQ(Of("f"), kTags);
}

TEST_F(Tags, OfNobodyAreNotAskedFor) {
  EXPECT_EQ(mount_.Put("plain", "other"), 0);
  EXPECT_EQ(mount_.Put("new", "data"), 0);
  EXPECT_EQ(mount_.Rename("f", "g"), 0);
  ASSERT_TRUE(mount_.Close(*mount_.OpenPath("g", O_RDONLY)) == 0);
  EXPECT_EQ(Asked(), 0u) << "a copy keeps them";
  EXPECT_EQ(Of("g"), kTags);
  EXPECT_EQ(Of("new"), "");
}

TEST_F(Tags, SurvivePatchesByParts) {
  Put("large", std::string(5u << 20, 'a'));
  const HandleId handle = *mount_.OpenPath("large", O_RDWR);
  ASSERT_TRUE(mount_.Write(handle, 3u << 20, "patch"));
  EXPECT_EQ(mount_.Close(handle), 0);
  EXPECT_GE(store_->Requests()["copy_part"], 1u);
  EXPECT_EQ(Of("large"), kTags);
}

TEST_F(Tags, ThatChangedBetweenTwoWritersAreThoseOfTheSecond) {
  EXPECT_EQ(mount_.Put("f", "other"), 0);
  WriteOptions options;
  options.tags = "team=b&keep=c";
  EXPECT_TRUE(oss::PutNow(*store_, "f", "other", options));
  EXPECT_EQ(mount_.Put("f", "third"), 0);
  EXPECT_EQ(Of("f"), "team=b&keep=c");
}

TEST_F(Tags, ThatMayNotBeReadDoNotRefuseTheWriter) {
  FailToGive(ErrorKind::kAccessDenied, EACCES);
  EXPECT_EQ(mount_.Put("f", "other"), 0);
  EXPECT_EQ(store_->Content("f"), "other");
  EXPECT_EQ(Of("f"), "");
}

TEST_F(Tags, ThatCannotBeHadNowRefuseIt) {
  FailToGive(ErrorKind::kUnavailable, EIO);
  EXPECT_EQ(mount_.Put("f", "other"), EIO);
  EXPECT_EQ(store_->Content("f"), "data");
  EXPECT_EQ(Of("f"), kTags);
}

}  // namespace
}  // namespace ossfs2::test
