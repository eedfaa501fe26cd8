// What a copy by parts, or by reading and writing, takes from its source.
#include "oss/copy_options.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "oss/fakes/fault_store.h"
#include "oss/fakes/memory_store.h"
#include "tests/oss/test_data.h"

namespace ossfs2::oss {
namespace {

class CopyOptions : public ::testing::Test {
 protected:
  CopyOptions() {
    own_.metadata = {{"author", "me"}, {"mode", "600"}};
    own_.content_type = "text/x-own";
    own_.serving = {{"cache-control", "max-age=60"}, {"content-encoding", "gzip"}};
    own_.encryption = {"KMS", "key-1"};
    own_.tags = "a=1&b=2";
    EXPECT_TRUE(PutNow(*store_, "f.txt", "data", own_));
  }
  Result<WriteOptions> Options() { return CopyOptionsOf(*faults_, *store_->Head("f.txt")); }
  void FailToGiveTags(ErrorKind kind, int errno_value) {
    FaultRule rule;
    rule.operation = "get_tags";
    rule.count = -1;
    rule.error = MakeError(errno_value, kind, "no tags");
    faults_->AddRule(rule);
  }

  WriteOptions own_;
  std::unique_ptr<MemoryStore> store_ = MakeMemoryStore();
  std::unique_ptr<FaultStore> faults_ = MakeFaultStore(*store_);
};

TEST_F(CopyOptions, MakeTheCopyWhatTheSourceIs) {
  const auto options = Options();
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->forbid_overwrite);
  ASSERT_TRUE(PutNow(*store_, "copy.bin", "data", *options));
  const auto copy = store_->Head("copy.bin");
  EXPECT_EQ(copy->metadata, own_.metadata);
  EXPECT_EQ(copy->content_type, own_.content_type);
  EXPECT_EQ(copy->serving, own_.serving);
  EXPECT_EQ(copy->encryption, own_.encryption);
  EXPECT_EQ(*store_->GetTags("copy.bin"), own_.tags);
}

TEST_F(CopyOptions, AskForTagsOnlyWhereThereAreSome) {
  store_->PutContent("plain", "data");
  ASSERT_TRUE(CopyOptionsOf(*store_, *store_->Head("plain")));
  EXPECT_EQ(store_->Requests()["get_tags"], 0u);
}

TEST_F(CopyOptions, DoWithoutTagsThatMayNotBeRead) {
  FailToGiveTags(ErrorKind::kAccessDenied, EACCES);
  const auto options = Options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->tags, "");
  EXPECT_EQ(options->metadata, own_.metadata);
}

TEST_F(CopyOptions, FailWhenTheTagsCannotBeHadNow) {
  FailToGiveTags(ErrorKind::kUnavailable, EIO);
  const auto options = Options();
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().text, "no tags");
}

}  // namespace
}  // namespace ossfs2::oss
