// Put, parts, copy, append: checks and answers that were lost.
#include <cerrno>

#include "base/crc64.h"
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

class OssCopyTest : public StoreFixture {
 protected:
  static Reply Copied() {
    Reply reply;
    reply.body =
        "<CopyObjectResult><ETag>\"E2\"</ETag><LastModified>2022-12-28T10:27:41.000Z</LastModified></"
        "CopyObjectResult>";
    return reply;
  }
};

TEST_F(OssCopyTest, SendsSourceAndDirective) {
  ServeInTurn({Copied()});
  WriteOptions replace;
  replace.metadata = {{"mode", "1"}};
  const auto copy = store_->Copy({"a/b c", "E1", "t", true, replace});
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->etag, "E2");
  EXPECT_EQ(copy->mtime_s, 1672223261);
  const SeenRequest seen = http_->Seen().at(0);
  EXPECT_EQ(seen.Header("x-oss-copy-source"), "/bucket/a/b%20c");
  EXPECT_EQ(seen.Header("x-oss-tagging-directive"), "");
  EXPECT_EQ(seen.Header("x-oss-copy-source-if-match"), "\"E1\"");
  EXPECT_EQ(seen.Header("x-oss-metadata-directive"), "REPLACE");
  EXPECT_EQ(seen.Header("x-oss-meta-mode"), "1");
  EXPECT_EQ(seen.Header("x-oss-forbid-overwrite"), "true");
}

TEST_F(OssCopyTest, TagsReplaceTheSources) {
  config_.tagging = "a=b";
  for (const bool replaces : {false, true}) {
    ServeInTurn({Copied()});
    ASSERT_TRUE(
        store_->Copy({"s", "", "t", false, replaces ? std::optional<WriteOptions>(WriteOptions{}) : std::nullopt}));
    EXPECT_EQ(http_->Seen().at(0).Header("x-oss-tagging"), "a=b");
    EXPECT_EQ(http_->Seen().at(0).Header("x-oss-tagging-directive"), "Replace");
  }
}

TEST_F(OssCopyTest, ServingHeadersTravelAsTheyAre) {
  Reply head = HeadReply(11, kCrc);
  head.headers.push_back({"Cache-Control", "max-age=60"});
  head.headers.push_back({"Content-Disposition", "attachment; filename=\"a b\""});
  head.headers.push_back({"Content-Encoding", "gzip"});
  head.headers.push_back({"Content-Language", "\"de\""});
  head.headers.push_back({"Expires", "Wed, 28 Dec 2033 10:27:41 GMT"});
  Reply initiated;
  initiated.body = "<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>";
  ServeInTurn({head, Copied(), initiated});
  const auto info = store_->Head("s");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->serving.size(), 5u) << "nothing else, such as the length";
  WriteOptions replace;
  replace.serving = info->serving;
  ASSERT_TRUE(store_->Copy({"s", "E1", "s", false, replace}));
  ASSERT_TRUE(store_->InitiateUpload("t", replace));
  for (const size_t request : {1u, 2u}) {
    const SeenRequest seen = http_->Seen().at(request);
    EXPECT_EQ(seen.Header("cache-control"), "max-age=60");
    EXPECT_EQ(seen.Header("content-disposition"), "attachment; filename=\"a b\"");
    EXPECT_EQ(seen.Header("content-encoding"), "gzip");
    EXPECT_EQ(seen.Header("content-language"), "\"de\"");
    EXPECT_EQ(seen.Header("expires"), "Wed, 28 Dec 2033 10:27:41 GMT");
  }
}

TEST_F(OssCopyTest, OnlyTheResultDocumentCounts) {
  Reply html;
  html.body = "<html><body>login</body></html>";
  ServeInTurn({html, Copied()});
  EXPECT_TRUE(store_->Copy({"s", "", "t", false, std::nullopt}));
  EXPECT_EQ(http_->Count(), 2u);
  ServeInTurn({ErrorReply(200, "InternalError"), ErrorReply(200, "AccessDenied")});
  EXPECT_EQ(store_->Copy({"s", "", "t", false, std::nullopt}).error().errno_value, EACCES);
  EXPECT_EQ(http_->Count(), 2u);
}

TEST_F(OssCopyTest, LostAnswerIsResolvedByComparingSourceAndTarget) {
  ServeInTurn({LostReply(), ErrorReply(409, "FileAlreadyExists"), HeadReply(11, kCrc), HeadReply(11, kCrc)});
  EXPECT_TRUE(store_->Copy({"s", "", "t", true, std::nullopt}));
  ServeInTurn({LostReply(), ErrorReply(409, "FileAlreadyExists"), HeadReply(11, kCrc), HeadReply(11, kCrc + 1)});
  EXPECT_EQ(store_->Copy({"s", "", "t", true, std::nullopt}).error().errno_value, EEXIST);
  Reply old = HeadReply(11, kCrc);
  old.headers.back().value = "Wed, 28 Dec 2022 10:20:00 GMT";
  ServeInTurn({LostReply(), ErrorReply(409, "FileAlreadyExists"), old, HeadReply(11, kCrc)});
  EXPECT_EQ(store_->Copy({"s", "", "t", true, std::nullopt}).error().errno_value, EEXIST);
}

// The HTTP client itself repeats a PUT whose kept connection died unanswered.
TEST_F(OssCopyTest, ARepeatOfTheHttpClientIsALostAnswerToo) {
  Reply exists = ErrorReply(409, "FileAlreadyExists");
  exists.lost_before = 1;
  ServeInTurn({exists, HeadReply(11, kCrc), HeadReply(11, kCrc)});
  EXPECT_TRUE(store_->Copy({"s", "", "t", true, std::nullopt}));
  Reply changed = ErrorReply(412, "PreconditionFailed");
  changed.lost_before = 1;
  Reply head = HeadReply(11, kCrc, "Normal", "E2");
  head.headers.push_back({"x-oss-meta-mode", "1"});
  ServeInTurn({changed, head});
  WriteOptions replace;
  replace.metadata = {{"mode", "1"}};
  const auto onto_itself = store_->Copy({"s", "E1", "s", false, replace});
  ASSERT_TRUE(onto_itself) << onto_itself.error().text;
  EXPECT_EQ(onto_itself->etag, "E2");
  ServeInTurn({ErrorReply(409, "FileAlreadyExists"), HeadReply(11, kCrc), HeadReply(11, kCrc)});
  EXPECT_FALSE(store_->Copy({"s", "", "t", true, std::nullopt})) << "nothing was lost: the name is another's";
}

TEST_F(OssCopyTest, LostAnswerForALinkIsResolvedByItsTarget) {
  for (const bool is_ours : {true, false}) {
    Serve([is_ours](const SeenRequest& request, size_t number) {
      if (number == 1) return LostReply();
      if (request.method == "PUT") return ErrorReply(409, "FileAlreadyExists");
      if (request.method == "HEAD") return ErrorReply(404, "SymlinkTargetNotExist");
      Reply link = HeadReply(0, kCrc, "Symlink");
      const bool other = !is_ours && request.target == "/t?symlink";
      link.headers.push_back({"x-oss-symlink-target", other ? "elsewhere" : "nowhere"});
      return link;
    });
    const auto copied = store_->Copy({"s", "", "t", true, std::nullopt});
    EXPECT_EQ(copied.has_value(), is_ours);
  }
}

TEST_F(OssCopyTest, CopyPart) {
  Reply reply;
  reply.body = "<CopyPartResult><ETag>\"P\"</ETag></CopyPartResult>";
  ServeInTurn({reply});
  const auto part = store_->CopyPart("t", "U", 3, "s", "E1", 100, 50);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->size, 50u);
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-copy-source-range"), "bytes=100-149");
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
