// CompleteMultipartUpload: what its answer proves, and what is done without one.
#include "base/values/crc64.h"
#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

class OssCompleteTest : public StoreFixture {
 protected:
  Result<WriteResult> Complete(std::optional<uint64_t> crc = kCrc) {
    return store_->CompleteUpload("k", "U", {{1, "P1", 6, std::nullopt}, {2, "P2", 5, std::nullopt}}, crc,
                                  false);
  }
  static Reply Completed(uint64_t crc) {
    Reply reply;
    reply.body = "<CompleteMultipartUploadResult><ETag>\"C-2\"</ETag></CompleteMultipartUploadResult>";
    reply.headers = {{"x-oss-hash-crc64ecma", std::to_string(crc)}};
    return reply;
  }
};

TEST_F(OssCompleteTest, ListsPartsAndComparesTheCrc) {
  ServeInTurn({Completed(kCrc), Completed(1), HeadReply(11, 1, "Multipart", "C-2")});
  const auto done = Complete();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->etag, "C-2");
  EXPECT_NE(http_->Seen().at(0).body.find("<PartNumber>2</PartNumber><ETag>\"P2\"</ETag>"),
            std::string::npos);
  EXPECT_EQ(Complete().error().kind, ErrorKind::kCorrupt);
  ServeInTurn({Completed(1), HeadReply(11, kCrc, "Multipart", "C-2")});
  EXPECT_TRUE(Complete()) << "the object is right, only the header was damaged";
}

TEST_F(OssCompleteTest, CarriesTheAcl) {
  ServeInTurn({Completed(kCrc)});
  ASSERT_TRUE(Complete());
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-object-acl"), "");
  config_.object_acl = "private";
  config_.storage_class = "IA";
  ServeInTurn({Completed(kCrc)});
  ASSERT_TRUE(Complete());
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-object-acl"), "private");
  EXPECT_EQ(http_->Seen().at(0).Header("x-oss-storage-class"), "") << "it is an error here";
}

TEST_F(OssCompleteTest, LostAnswerIsResolvedByAsking) {
  ServeInTurn({LostReply(), ErrorReply(404, "NoSuchUpload"), HeadReply(11, kCrc, "Multipart", "C-2")});
  const auto done = Complete();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->etag, "C-2");
}

// Every error of the HTTP client names the host, and with it the bucket.
TEST_F(OssCompleteTest, WordsInTheNameOfTheBucketDecideNothing) {
  config_.bucket = "resolve-refused";
  ServeInTurn({LostReply(), ErrorReply(404, "NoSuchUpload"), HeadReply(11, kCrc, "Multipart", "C-2")});
  const auto done = Complete();
  ASSERT_TRUE(done) << done.error().text;
}

TEST_F(OssCompleteTest, NoSuchUploadWithoutLostAnswerIsAnError) {
  ServeInTurn({ErrorReply(404, "NoSuchUpload")});
  const Error gone = Complete().error();
  EXPECT_EQ(gone.kind, ErrorKind::kNotFound);
  EXPECT_EQ(gone.errno_value, EIO) << "ENOENT would tell the writer that its file has no name";
  ServeInTurn({LostReply(), ErrorReply(404, "NoSuchUpload"), HeadReply(11, kCrc + 1, "Multipart", "C-2")});
  EXPECT_EQ(Complete().error().kind, ErrorKind::kNotFound) << "the object is another's";
}

TEST_F(OssCompleteTest, ErrorInA200IsAnError) {
  Reply reply = ErrorReply(200, "InvalidPart");
  ServeInTurn({reply});
  EXPECT_EQ(Complete().error().oss_code, "InvalidPart");
}

// It may come after the work was done.
TEST_F(OssCompleteTest, TroubleInA200MayBeALostAnswer) {
  ServeInTurn({ErrorReply(200, "InternalError"), ErrorReply(404, "NoSuchUpload"),
               HeadReply(11, kCrc, "Multipart", "C-2")});
  const auto done = Complete();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->etag, "C-2");
}

// Parts copied on the service have no CRC64: what was sent is read back, for another host may have made an object
// of the same size and number of parts.
class OssCompleteUnknownTest : public OssCompleteTest {
 protected:
  // The first part was copied, the others are kText's ends.
  Result<WriteResult> CompleteCopied(const std::string& object) {
    Serve([object](const SeenRequest& request, size_t number) {
      if (number == 1) return LostReply();
      if (request.method == "HEAD") return HeadReply(object.size(), 7, "Multipart", "C-3");
      if (request.method == "GET") return RangeReply(request, object, "C-3");
      return ErrorReply(404, "NoSuchUpload");
    });
    const auto crc = [](std::string_view text) { return Crc64(0, text.data(), text.size()); };
    return store_->CompleteUpload(
        "k", "U", {{1, "P1", 6, std::nullopt}, {2, "P2", 3, crc("wor")}, {3, "P3", 2, crc("ld")}}, std::nullopt, false);
  }
};

TEST_F(OssCompleteUnknownTest, TheSmallestPartThatWasSentIsReadBack) {
  const auto done = CompleteCopied(kText);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->etag, "C-3");
  const SeenRequest read = http_->Seen().back();
  EXPECT_EQ(read.Header("range"), "bytes=9-10");
  EXPECT_EQ(read.Header("if-match"), "\"C-3\"");
}

TEST_F(OssCompleteUnknownTest, AnotherHostsObjectOfTheSameSizeIsNotOurs) {
  const auto done = CompleteCopied("hello WORLD");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kNotFound);
}

TEST_F(OssCompleteUnknownTest, WithoutAnyCrcSizeAndPartsDecide) {
  ServeInTurn({LostReply(), ErrorReply(404, "NoSuchUpload"), HeadReply(11, kCrc, "Multipart", "C-2")});
  EXPECT_TRUE(Complete(std::nullopt));
  ServeInTurn({LostReply(), ErrorReply(404, "NoSuchUpload"), HeadReply(11, kCrc, "Multipart", "C-3")});
  EXPECT_FALSE(Complete(std::nullopt));
}

}  // namespace
}  // namespace ossfs2::oss
