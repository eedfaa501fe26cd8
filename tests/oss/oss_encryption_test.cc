// Server-side encryption: what is told of an object, and what writes ask for.
#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

constexpr const char* kAlgorithm = "x-oss-server-side-encryption";
constexpr const char* kKeyId = "x-oss-server-side-encryption-key-id";

class OssEncryptionTest : public StoreFixture {
 protected:
  // Sends a write of each kind with the encryption of the version before.
  void WriteAll(const Encryption& before) {
    WriteOptions options;
    options.encryption = before;
    ServeInTurn({PutReply(kCrc)});
    ASSERT_TRUE(PutNow(*store_, "k", kText, options));
    asked_ = http_->Seen();
    Reply initiated;
    initiated.body = "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>";
    ServeInTurn({initiated});
    ASSERT_TRUE(store_->InitiateUpload("k", options));
    asked_.push_back(http_->Seen().back());
    CopyRequest copy;
    copy.source_key = "s";
    copy.target_key = "k";
    Reply copied;
    copied.body = "<CopyObjectResult><ETag>\"E2\"</ETag></CopyObjectResult>";
    ServeInTurn({copied});
    copy.encryption = before;
    ASSERT_TRUE(store_->Copy(copy));
    copy.encryption = {};
    copy.replace = options;
    ASSERT_TRUE(store_->Copy(copy));
    for (const SeenRequest& seen : http_->Seen()) asked_.push_back(seen);
    ASSERT_EQ(asked_.size(), 4u);
  }
  std::vector<SeenRequest> asked_;
};

TEST_F(OssEncryptionTest, HeadTellsIt) {
  Reply head = HeadReply(11, kCrc);
  head.headers.push_back({kAlgorithm, "KMS"});
  head.headers.push_back({kKeyId, "key-1"});
  ServeInTurn({head, HeadReply(11, kCrc)});
  EXPECT_EQ(store_->Head("k")->encryption, (Encryption{"KMS", "key-1"}));
  EXPECT_EQ(store_->Head("k")->encryption, Encryption{});
}

TEST_F(OssEncryptionTest, WritesAskForThatOfTheVersionBefore) {
  WriteAll({"KMS", "key-1"});
  for (const SeenRequest& seen : asked_) {
    EXPECT_EQ(seen.Header(kAlgorithm), "KMS") << seen.method << " " << seen.target;
    EXPECT_EQ(seen.Header(kKeyId), "key-1");
  }
  EXPECT_FALSE(store_->HasOwnEncryption());
}

TEST_F(OssEncryptionTest, AConfiguredOneCountsMore) {
  config_.sse = "AES256";
  WriteAll({"KMS", "key-1"});
  for (const SeenRequest& seen : asked_) {
    EXPECT_EQ(seen.Header(kAlgorithm), "AES256") << seen.method << " " << seen.target;
    EXPECT_EQ(seen.Header(kKeyId), "");
  }
  EXPECT_TRUE(store_->HasOwnEncryption());
}

}  // namespace
}  // namespace ossfs2::oss
