// Copies in parts: each step may fail, and nothing is left of it.
#include "fs/shared/store_calls.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "oss/fakes/fault_store.h"
#include "oss/fakes/memory_store.h"
#include "tests/oss/test_data.h"

namespace ossfs2::test {
namespace {

class CopyInParts : public ::testing::Test {
 protected:
  CopyInParts() {
    for (size_t i = 0; i < text_.size(); ++i) text_[i] = static_cast<char>(i * 2654435761u >> 13);
    store_->PutContent("f", text_, {{"author", "me"}});
    const Result<ObjectInfo> info = store_->Head("f");
    job_.source_key = "f";
    job_.source_etag = info->etag;
    job_.size = info->size;
    job_.crc64 = info->crc64;
    job_.target_key = "g";
    job_.whole_bytes_max = 100'000;
    job_.part_bytes_min = 200'000;
    job_.part_concurrency = 2;
  }
  ~CopyInParts() override { executor_.Shutdown(); }

  oss::FaultRule& Rule(const std::string& operation) {
    rule_ = {};
    rule_.operation = operation;
    rule_.key_part = "g";
    rule_.error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
    return rule_;
  }
  Result<WriteResult> Copy() { return CopyVerified(*faults_, executor_, job_, &unproven_); }
  void ExpectNothingMade() {
    EXPECT_FALSE(unproven_);
    EXPECT_FALSE(store_->Content("g"));
    EXPECT_EQ(store_->OpenUploads(), 0u);
  }

  std::string text_ = std::string(1'000'000, '\0');
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  Executor executor_{"copies", 4};
  CopyJob job_;
  oss::FaultRule rule_;
  std::optional<std::string> unproven_;
};

TEST_F(CopyInParts, HasTheBytesAndTheMetadata) {
  const auto copied = Copy();
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_EQ(store_->Content("g"), text_);
  EXPECT_EQ((*store_->MetadataOf("g"))["author"], "me");
  EXPECT_EQ(store_->Requests()["copy_part"], 5u);
  EXPECT_FALSE(unproven_);
}

TEST_F(CopyInParts, KeepsWhatIsNotReplaced) {
  WriteOptions own;
  own.metadata = {{"author", "me"}};
  own.content_type = "text/x-own";
  own.serving = {{"cache-control", "max-age=60"}};
  own.encryption = {"KMS", "key-1"};
  own.tags = "a=1";
  ASSERT_TRUE(oss::PutNow(*store_, "f", text_, own));
  job_.source_etag = store_->Head("f")->etag;
  ASSERT_TRUE(Copy());
  const auto copy = store_->Head("g");
  EXPECT_EQ(copy->metadata, own.metadata);
  EXPECT_EQ(copy->content_type, own.content_type);
  EXPECT_EQ(copy->serving, own.serving);

  job_.replace.emplace();
  job_.replace->metadata = {{"mode", "600"}};
  job_.replace->content_type = "text/x-new";
  ASSERT_TRUE(Copy());
  const auto changed = store_->Head("g");
  EXPECT_EQ(changed->metadata, job_.replace->metadata);
  EXPECT_EQ(changed->content_type, "text/x-new");
  EXPECT_TRUE(changed->serving.empty());
  EXPECT_EQ(changed->encryption, own.encryption);
  EXPECT_EQ(*store_->GetTags("g"), own.tags);
}

// An appendable object in a bucket with versioning.
TEST_F(CopyInParts, MakesWhatCannotBeCopiedWhole) {
  job_.whole_bytes_max = kCopyBytesMax;
  Rule("copy").count = -1;
  rule_.error = MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "injected");
  rule_.error.oss_code = "OperationNotSupported";
  faults_->AddRule(rule_);
  const auto copied = Copy();
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_EQ(store_->Content("g"), text_);
  EXPECT_EQ((*store_->MetadataOf("g"))["author"], "me");
}

// The parts would make it an object to which nobody can append.
TEST_F(CopyInParts, LeavesAnObjectThatCannotBeCopiedOntoItself) {
  job_.whole_bytes_max = kCopyBytesMax;
  job_.target_key = "f";
  Rule("copy").key_part = "f";
  rule_.error = MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "injected");
  rule_.error.oss_code = "OperationNotSupported";
  faults_->AddRule(rule_);
  const auto copied = Copy();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().errno_value, EOPNOTSUPP);
  EXPECT_EQ(store_->Requests()["initiate"], 0u);
}

TEST_F(CopyInParts, EachRequestMayFail) {
  for (const char* operation : {"initiate", "copy_part", "complete"}) {
    for (int skip = 0; skip < (std::string(operation) == "copy_part" ? 5 : 1); ++skip) {
      SCOPED_TRACE(testing::Message() << operation << " after " << skip);
      Rule(operation).skip = skip;
      faults_->AddRule(rule_);
      const uint64_t before = faults_->FaultsInjected();
      const auto copied = Copy();
      EXPECT_EQ(faults_->FaultsInjected(), before + 1);
      ASSERT_FALSE(copied);
      EXPECT_EQ(copied.error().text, "injected");
      ExpectNothingMade();
    }
  }
  EXPECT_TRUE(Copy());
}

TEST_F(CopyInParts, ASourceThatChangesIsNotMixed) {
  Rule("copy_part").skip = 2;
  rule_.meanwhile = [this] { store_->PutContent("f", "another"); };
  faults_->AddRule(rule_);
  const auto copied = Copy();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().kind, ErrorKind::kVersionChanged);
  ExpectNothingMade();
}

TEST_F(CopyInParts, ACompletedUploadWithAnotherCrcIsKnown) {
  Rule("complete").wrong_crc64 = true;
  faults_->AddRule(rule_);
  const auto copied = Copy();
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().kind, ErrorKind::kCorrupt);
  ASSERT_TRUE(unproven_);
  EXPECT_EQ(*unproven_, store_->Head("g")->etag);
  EXPECT_TRUE(*DeleteVersion(*faults_, "g", *unproven_));
  EXPECT_FALSE(store_->Content("g"));
}

TEST_F(CopyInParts, IsUnprovenWhileTheHeadOfTheCopyIsMissing) {
  Rule("complete").bend = [](WriteResult& answer) { answer.crc64.reset(); };
  faults_->AddRule(rule_);
  Rule("head");
  faults_->AddRule(rule_);
  EXPECT_FALSE(Copy());
  EXPECT_EQ(unproven_, store_->Head("g")->etag);
  EXPECT_TRUE(Copy());
  EXPECT_FALSE(unproven_);
}

TEST_F(CopyInParts, OnlyTheVersionThatIsMeantIsDeleted) {
  store_->PutContent("g", "theirs");
  EXPECT_FALSE(*DeleteVersion(*faults_, "g", "another"));
  EXPECT_FALSE(*DeleteVersion(*faults_, "none", "another"));
  EXPECT_EQ(store_->Content("g"), "theirs");
  EXPECT_TRUE(*DeleteVersion(*faults_, "g", store_->Head("g")->etag));
  EXPECT_FALSE(store_->Content("g"));
}

}  // namespace
}  // namespace ossfs2::test
