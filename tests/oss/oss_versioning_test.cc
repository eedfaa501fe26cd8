// Buckets with versioning ignore x-oss-forbid-overwrite: writes that may not overwrite ask first.
#include <cerrno>

#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

class OssVersioningTest : public StoreFixture {
 protected:
  // Every answer names a version; `there`: the key exists.
  void ServeVersions(bool there) {
    Serve([there](const SeenRequest& request, size_t number) {
      Reply reply = number == 1 || there ? HeadReply(11, kCrc) : ErrorReply(404, "NoSuchKey");
      if (request.method == "POST")
        reply.body = "<CompleteMultipartUploadResult><ETag>\"C-1\"</ETag></CompleteMultipartUploadResult>";
      if (request.method == "PUT") {
        reply = PutReply(kCrc);
        if (!request.Header("x-oss-copy-source").empty())
          reply.body = "<CopyObjectResult><ETag>\"E2\"</ETag></CopyObjectResult>";
      }
      reply.status = request.method == "HEAD" ? reply.status : 200;
      reply.headers.push_back({"x-oss-version-id", "CAEQ"});
      if (request.method == "POST")
        std::erase_if(reply.headers, [](const auto& h) { return h.name == "Content-Length"; });
      return reply;
    });
    ASSERT_EQ(store_->Head("seen")->version_id, "CAEQ");
  }
  // The errno of a write of each kind that may not overwrite.
  std::vector<int> ExclusiveWrites() {
    WriteOptions options;
    options.forbid_overwrite = true;
    CopyRequest copy;
    copy.source_key = "s";
    copy.target_key = "k";
    copy.forbid_overwrite = true;
    const auto of = [](const auto& result) { return result ? 0 : result.error().errno_value; };
    return {of(PutNow(*store_, "k", kText, options)), of(store_->PutSymlink("k", "t", options)), of(store_->Copy(copy)),
            of(store_->CompleteUpload("k", "U", {{1, "P", 11, kCrc}}, kCrc, true))};
  }
};

TEST_F(OssVersioningTest, WhatIsThereIsNotReplaced) {
  ServeVersions(true);
  EXPECT_EQ(ExclusiveWrites(), std::vector<int>(4, EEXIST));
  for (const SeenRequest& seen : http_->Seen()) EXPECT_EQ(seen.method, "HEAD");
}

TEST_F(OssVersioningTest, WhatIsFreeIsWrittenAfterAHead) {
  ServeVersions(false);
  EXPECT_EQ(ExclusiveWrites(), std::vector<int>(4, 0));
  EXPECT_EQ(http_->Count(), 1u + 8u);
}

TEST_F(OssVersioningTest, OtherWritesAndOtherBucketsAskNothing) {
  ServeVersions(true);
  EXPECT_TRUE(PutNow(*store_, "k", kText));
  EXPECT_EQ(http_->Count(), 2u);
  ServeInTurn({PutReply(kCrc)});
  WriteOptions options;
  options.forbid_overwrite = true;
  EXPECT_TRUE(PutNow(*store_, "k", kText, options));
  EXPECT_EQ(http_->Count(), 1u);
}

TEST_F(OssVersioningTest, AFailedQuestionIsNoPermission) {
  Serve([](const SeenRequest&, size_t number) {
    if (number > 1) return ErrorReply(403, "AccessDenied");
    Reply reply = HeadReply(11, kCrc);
    reply.headers.push_back({"x-oss-version-id", "CAEQ"});
    return reply;
  });
  ASSERT_TRUE(store_->Head("seen"));
  EXPECT_EQ(ExclusiveWrites(), std::vector<int>(4, EACCES));
  EXPECT_EQ(http_->Count(), 5u);
}

TEST_F(OssVersioningTest, CancelEndsTheQuestion) {
  Serve([](const SeenRequest&, size_t number) {
    Reply reply = HeadReply(11, kCrc);
    reply.headers.push_back({"x-oss-version-id", "CAEQ"});
    reply.hangs = number > 1;
    return reply;
  });
  ASSERT_TRUE(store_->Head("seen"));
  WriteOptions options;
  options.forbid_overwrite = true;
  std::promise<Result<WriteResult>> ended;
  const auto call = store_->PutAsync("k", BodyOf(kText), options,
                                     [&](Result<WriteResult> result) { ended.set_value(std::move(result)); });
  http_->WaitForCount(2);
  call->Cancel();
  EXPECT_EQ(ended.get_future().get().error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(http_->Count(), 2u);
}

}  // namespace
}  // namespace ossfs2::oss
