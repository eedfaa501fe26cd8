// What every verb shares when it is refused: throttling, clock, keys, markers, texts.
#include <set>

#include "base/report/metrics.h"
#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"

namespace ossfs2::oss {
namespace {

using OssRefusalsTest = StoreFixture;

TEST_F(OssRefusalsTest, ThrottledRequestsAreRepeated) {
  Reply busy = ErrorReply(429, "QpsLimitExceeded");
  busy.headers = {{"Retry-After", "0"}};
  ServeInTurn({busy, ErrorReply(503, "TotalQpsLimitExceeded"), HeadReply(11, kCrc)});
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_EQ(http_->Count(), 3u);
}

TEST_F(OssRefusalsTest, LearnsTheClockAndKeepsIt) {
  ServeInTurn({ErrorReply(403, "RequestTimeTooSkewed"), HeadReply(11, kCrc), HeadReply(11, kCrc),
               ErrorReply(403, "RequestTimeTooSkewed"), ErrorReply(403, "RequestTimeTooSkewed")});
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_TRUE(store_->Head("k"));
  // The fake's answers are of 2022-12-28.
  EXPECT_TRUE(http_->Seen().at(1).Header("x-oss-date").starts_with("20221228T102"));
  EXPECT_TRUE(http_->Seen().at(2).Header("x-oss-date").starts_with("20221228T102"));
  EXPECT_EQ(store_->Head("k").error().kind, ErrorKind::kClockSkew);
  EXPECT_EQ(http_->Count(), 6u);
}

TEST_F(OssRefusalsTest, RefreshesExpiredKeysOnce) {
  ServeInTurn(
      {ErrorReply(403, "SecurityTokenExpired"), HeadReply(11, kCrc), ErrorReply(403, "SecurityTokenExpired")});
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_EQ(credentials_.refreshes(), 1);
  EXPECT_NE(http_->Seen().at(1).Header("authorization").find("Credential=ak2/"), std::string::npos);
  const auto expired = store_->Head("k");
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().kind, ErrorKind::kExpiredCredential);
  EXPECT_EQ(http_->Count(), 3u) << "nothing new came, so nothing is sent again";
  const std::string& text = expired.error().text;
  EXPECT_NE(text.find("the same again (ask the source)."), std::string::npos) << text;
  EXPECT_EQ(text.find("Next:"), text.rfind("Next:")) << text;
}

TEST_F(OssRefusalsTest, WaitsForASourceOfKeysThatFailsForAMoment) {
  const Reply expired = ErrorReply(403, "SecurityTokenExpired");
  ServeInTurn({expired, expired, expired, HeadReply(11, kCrc)});
  credentials_.FailNext(2);
  EXPECT_TRUE(store_->Head("k"));
  EXPECT_EQ(http_->Count(), 4u);
  EXPECT_EQ(credentials_.refreshes(), 1);
}

TEST_F(OssRefusalsTest, ErrorDocumentThatBreaksOffDecidesNothing) {
  Reply cut = ErrorReply(404, "NoSuchUpload");
  cut.body.resize(cut.body.size() / 2);
  Reply parts;
  parts.body = "<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>";
  ServeInTurn({cut, parts});
  EXPECT_TRUE(store_->ListParts("k", "U"));
}

TEST_F(OssRefusalsTest, AnswersWithoutMarkerNameTheProxy) {
  Reply html;
  html.body = "<html>login</html>";
  html.marked = false;
  ServeInTurn({html});
  const Status probe = store_->Probe("p/", std::chrono::seconds(10));
  ASSERT_FALSE(probe);
  EXPECT_NE(probe.error().text.find("proxy"), std::string::npos);
  EXPECT_EQ(http_->Count(), 4u) << "a probe tries four times";
}

TEST_F(OssRefusalsTest, EverySetupErrorHasItsOwnSentence) {
  const std::vector<std::pair<Reply, std::string>> cases = {
      {ErrorReply(403, "InvalidAccessKeyId"), "oss_access_key_id"},
      {ErrorReply(403, "SignatureDoesNotMatch"), "oss_access_key_secret"},
      {ErrorReply(403, "SecurityTokenExpired"), "have expired"},
      {ErrorReply(403, "AccessDenied",
                  "The bucket you are attempting to access must be addressed using the specified endpoint.",
                  "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint>"),
       "oss_endpoint to oss-cn-beijing.aliyuncs.com"},
      {ErrorReply(404, "NoSuchBucket"), "check oss_bucket"},
      {ErrorReply(403, "AccessDenied", "The bucket you access does not belong to you."), "another account"},
      {ErrorReply(403, "AccessDenied", "You have no right to access this object because of bucket acl."),
       "oss:ListObjects"},
      {ErrorReply(403, "RequestTimeTooSkewed"), "clock"},
  };
  std::set<std::string> texts;
  for (const auto& [reply, part] : cases) {
    ServeInTurn({reply});
    const Status probe = store_->Probe("", std::chrono::seconds(10));
    ASSERT_FALSE(probe);
    EXPECT_NE(probe.error().text.find(part), std::string::npos) << probe.error().text;
    EXPECT_NE(probe.error().text.find("Next:"), std::string::npos) << probe.error().text;
    EXPECT_EQ(probe.error().text.find("S3cretValue"), std::string::npos) << "the secret shows";
    EXPECT_FALSE(probe.error().oss_code.empty());
    EXPECT_EQ(probe.error().request_id, "5CAC0FEADE0170");
    texts.insert(probe.error().text.substr(probe.error().text.find("Next:")));
  }
  EXPECT_EQ(texts.size(), cases.size());
}

TEST_F(OssRefusalsTest, AMissingRightToEndUploadsIsNamed) {
  ServeInTurn({ErrorReply(403, "AccessDenied"), ErrorReply(403, "AccessDenied"), ErrorReply(403, "AccessDenied")});
  const auto names = [](const Error& error, const char* right) { return error.text.find(right) != std::string::npos; };
  EXPECT_TRUE(names(store_->AbortUpload("k", "U").error(), "oss:AbortMultipartUpload"));
  EXPECT_TRUE(names(store_->ListParts("k", "U").error(), "oss:ListParts"));
  EXPECT_TRUE(names(store_->ListUploads("k").error(), "oss:ListMultipartUploads"));
}

TEST_F(OssRefusalsTest, PlainHttpToAnHttpsPortIsNamed) {
  Reply reply;
  reply.status = 400;
  reply.marked = false;
  reply.body = "<html>The plain HTTP request was sent to HTTPS port</html>";
  ServeInTurn({reply});
  EXPECT_NE(store_->Probe("", std::chrono::seconds(10)).error().text.find("https://"), std::string::npos);
}

TEST_F(OssRefusalsTest, ErrorsAreCountedByCode) {
  ServeInTurn({ErrorReply(404, "NoSuchKey")});
  Counter& counter = Registry::Default().counter("errors_total", "", "code=\"NoSuchKey\"");
  const uint64_t before = counter.Value();
  EXPECT_FALSE(store_->Head("k"));
  EXPECT_EQ(counter.Value(), before + 1);
}

}  // namespace
}  // namespace ossfs2::oss
