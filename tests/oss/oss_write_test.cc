// Put, parts, append: checks and answers that were lost.
#include <cerrno>

#include "base/values/crc64.h"
#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

using OssWriteTest = StoreFixture;

TEST_F(OssWriteTest, PutSendsOptionsAndMetadata) {
  config_.storage_class = "IA";
  config_.sse = "KMS";
  config_.sse_key_id = "key";
  config_.object_acl = "private";
  config_.tagging = "a=b";
  config_.user_metadata = {{"team", "x"}};
  ServeInTurn({PutReply(kCrc)});
  WriteOptions options;
  options.metadata = {{"plain", "a b"}, {"odd", "50% \xe4\xb8\xad"}};
  options.forbid_overwrite = true;
  const auto put = PutNow(*store_, "a.json", kText, options, kCrc);
  ASSERT_TRUE(put);
  EXPECT_EQ(put->etag, "E1");
  EXPECT_EQ(put->mtime_s, 1672223261);
  const SeenRequest seen = http_->Seen().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, kText);
  EXPECT_EQ(seen.Header("content-type"), "application/json");
  EXPECT_EQ(seen.Header("x-oss-storage-class"), "IA");
  EXPECT_EQ(seen.Header("x-oss-server-side-encryption"), "KMS");
  EXPECT_EQ(seen.Header("x-oss-server-side-encryption-key-id"), "key");
  EXPECT_EQ(seen.Header("x-oss-object-acl"), "private");
  EXPECT_EQ(seen.Header("x-oss-tagging"), "a=b");
  EXPECT_EQ(seen.Header("x-oss-meta-team"), "x");
  EXPECT_EQ(seen.Header("x-oss-meta-plain"), "a b");
  EXPECT_EQ(seen.Header("x-oss-meta-odd"), "50%25%20%E4%B8%AD");
  EXPECT_EQ(seen.Header("x-oss-forbid-overwrite"), "true");
  EXPECT_EQ(seen.Header("x-oss-hash-crc64ecma"), std::to_string(kCrc));
}

TEST_F(OssWriteTest, JsonTravelsAsOssfs1WritesIt) {
  ServeInTurn({PutReply(kCrc)});
  WriteOptions options;
  options.metadata = {{"xattr", R"({"user.a":"eA=="})"}};
  ASSERT_TRUE(PutNow(*store_, "k", kText, options));
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-meta-xattr"), "%7B%22user.a%22%3A%22eA%3D%3D%22%7D");
}

TEST_F(OssWriteTest, MetadataBeyondTheLimitIsRefusedBeforeSending) {
  ServeInTurn({PutReply(kCrc)});
  WriteOptions options;
  options.metadata = {{"big", std::string(9000, 'x')}};
  EXPECT_EQ(PutNow(*store_, "k", kText, options).error().errno_value, ENOSPC);
  options.metadata = {{"small", std::string(4000, '%')}};  // three bytes each on the wire
  EXPECT_EQ(PutNow(*store_, "k", kText, options).error().errno_value, ENOSPC);
  options.metadata = {{"bad_name", "x"}};
  EXPECT_EQ(PutNow(*store_, "k", kText, options).error().errno_value, EINVAL);
  EXPECT_EQ(http_->Count(), 0u);
}

TEST_F(OssWriteTest, DamagedPutIsRepeatedOverItself) {
  ServeInTurn({PutReply(1), PutReply(kCrc)});
  WriteOptions options;
  options.forbid_overwrite = true;
  ASSERT_TRUE(PutNow(*store_, "k", kText, options, kCrc));
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-forbid-overwrite"), "true");
  EXPECT_EQ(http_->Seen().at(1).Header("x-oss-forbid-overwrite"), "")
      << "the damaged object must be replaced";
}

TEST_F(OssWriteTest, BytesThatStayDamagedAreAnErrorWithTheNextStep) {
  config_.request_timeout = std::chrono::milliseconds(30);
  ServeInTurn({PutReply(1)});
  const Error put = PutNow(*store_, "k", kText, {}, kCrc).error();
  const Error part = PartNow(*store_, "k", "UP", 7, kText, kCrc).error();
  for (const Error& error : {put, part}) {
    EXPECT_EQ(error.kind, ErrorKind::kCorrupt);
    EXPECT_NE(error.text.find("OSS stored other bytes than were sent (CRC64). Next: write the file again"),
              std::string::npos)
        << error.text;
  }
}

TEST_F(OssWriteTest, PutThatMayNotOverwriteRecognisesItsOwnObject) {
  Serve([mark = std::string()](const SeenRequest& request, size_t number) mutable {
    if (number == 1) mark = request.Header("x-oss-meta-ossfs2-put");
    if (number == 1) return LostReply();
    if (number == 2) return ErrorReply(409, "FileAlreadyExists");
    Reply head = HeadReply(kText.size(), kCrc);
    head.headers.push_back({"x-oss-meta-ossfs2-put", mark});
    return head;
  });
  WriteOptions options;
  options.forbid_overwrite = true;
  const auto put = PutNow(*store_, "k", kText, options, kCrc);
  ASSERT_TRUE(put) << put.error().text;
  EXPECT_EQ(http_->Seen().at(2).method, "HEAD");
  EXPECT_TRUE(store_->Head("k")->metadata.empty()) << "the mark is not the user's";
}

TEST_F(OssWriteTest, PutThatMayNotOverwriteFailsOnAnothersObject) {
  // The same content, even: but another made it.
  Reply other = HeadReply(kText.size(), kCrc);
  other.headers.push_back({"x-oss-meta-ossfs2-put", "another"});
  ServeInTurn({LostReply(), ErrorReply(409, "FileAlreadyExists"), other});
  WriteOptions options;
  options.forbid_overwrite = true;
  const auto put = PutNow(*store_, "k", kText, options);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().errno_value, EEXIST);
  EXPECT_EQ(put.error().kind, ErrorKind::kAlreadyExists);
}

TEST_F(OssWriteTest, PartsCompareTheirCrc) {
  ServeInTurn({PutReply(1), PutReply(kCrc)});
  const auto part = PartNow(*store_, "k", "UP", 7, kText, kCrc);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->number, 7);
  EXPECT_EQ(part->size, kText.size());
  EXPECT_EQ(part->crc64, kCrc);
  EXPECT_EQ(http_->Seen().at(0).target, "/k?partNumber=7&uploadId=UP");
  EXPECT_EQ(http_->Count(), 2u);
}

TEST_F(OssWriteTest, WithoutTheCheckAnotherCrcIsTaken) {
  config_.check_crc64 = false;
  ServeInTurn({PutReply(1)});
  EXPECT_TRUE(PutNow(*store_, "k", kText, {}, kCrc));
  EXPECT_TRUE(PartNow(*store_, "k", "UP", 7, kText, kCrc));
  EXPECT_EQ(http_->Count(), 2u) << "nothing is sent again";
}

TEST_F(OssWriteTest, UploadAnswerWithoutEtagIsNotBelieved) {
  ServeInTurn({Reply{}, PutReply(kCrc)});
  ASSERT_TRUE(PutNow(*store_, "k", kText));
  EXPECT_EQ(http_->Count(), 2u);
}

TEST_F(OssWriteTest, InitiateAndAbort) {
  Reply initiated;
  initiated.body = "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>";
  Reply cut = initiated;
  cut.body.resize(50);
  ServeInTurn({cut, initiated, ErrorReply(404, "NoSuchUpload")});
  EXPECT_EQ(*store_->InitiateUpload("k", {}), "U1");
  EXPECT_EQ(http_->Seen().at(1).target, "/k?uploads");
  EXPECT_TRUE(store_->AbortUpload("k", "U1")) << "an upload that is gone is aborted";
}

class OssAppendTest : public StoreFixture {
 protected:
  Result<WriteResult> Append(uint64_t position) { return store_->Append("log", position, BodyOf(kText), {}); }
};

TEST_F(OssAppendTest, AppendsAtPosition) {
  ServeInTurn({PutReply(kCrc), ErrorReply(409, "PositionNotEqualToLength")});
  ASSERT_TRUE(Append(0));
  EXPECT_EQ(http_->Seen().at(0).target, "/log?append&position=0");
  EXPECT_EQ(Append(3).error().oss_code, "PositionNotEqualToLength");
}

TEST_F(OssAppendTest, LostAnswerIsReadBackBeforeItIsBelieved) {
  Serve([](const SeenRequest& request, size_t number) {
    if (number == 1) return LostReply();
    if (request.method == "HEAD") return HeadReply(3 + kText.size(), 1, "Appendable");
    return RangeReply(request, "abc" + kText);
  });
  const auto appended = Append(3);
  ASSERT_TRUE(appended) << appended.error().text;
  EXPECT_EQ(http_->Count(), 3u);
  EXPECT_EQ(http_->Seen().at(2).Header("range"), "bytes=3-13");
}

TEST_F(OssAppendTest, IsNotRepeatedWhateverTheNameOfTheBucket) {
  config_.bucket = "resolve-refused";
  Serve([](const SeenRequest& request, size_t number) {
    if (number == 1) return LostReply();
    if (request.method == "HEAD") return HeadReply(3 + kText.size(), 1, "Appendable");
    if (request.method == "POST") return ErrorReply(409, "PositionNotEqualToLength");
    return RangeReply(request, "abc" + kText);
  });
  const auto appended = Append(3);
  ASSERT_TRUE(appended) << appended.error().text;
}

TEST_F(OssAppendTest, LostRequestIsSentAgainAndForeignBytesAreAnError) {
  ServeInTurn({LostReply(), HeadReply(3, 1, "Appendable"), PutReply(kCrc)});
  EXPECT_TRUE(Append(3));
  Serve([](const SeenRequest& request, size_t number) {
    if (number == 1) return LostReply();
    if (request.method == "HEAD") return HeadReply(3 + kText.size(), 1, "Appendable");
    return RangeReply(request, "abcHELLO WORLD");
  });
  EXPECT_EQ(Append(3).error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace ossfs2::oss
