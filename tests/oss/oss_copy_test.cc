// Copies, of whole objects and by parts: what travels, checks, and answers that were lost.
#include <cerrno>

#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

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
  ServeInTurn({ErrorReply(200, "InternalError"), ErrorReply(200, "AccessDenied"), ErrorReply(404, "NoSuchKey")});
  EXPECT_EQ(store_->Copy({"s", "", "t", false, std::nullopt}).error().errno_value, EACCES);
  EXPECT_EQ(http_->Count(), 3u) << "and a HEAD: the first may have been done";
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

}  // namespace
}  // namespace ossfs2::oss
