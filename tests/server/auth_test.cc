// Signatures, tokens and clocks.
#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "tests/oss/presign.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class AuthTest : public ServerTest {
 protected:
  Answer GetUrl(const NameValues& query, const NameValues& headers = {}) {
    std::string text = "GET /bkt/a%20b";
    char separator = '?';
    for (const auto& [name, value] : query) {
      text += StrCat(separator, oss::PercentEncode(name), "=", oss::PercentEncode(value));
      separator = '&';
    }
    text += " HTTP/1.1\r\n";
    for (const auto& [name, value] : headers) text += StrCat(name, ": ", value, "\r\n");
    RawConnection connection(port());
    connection.Send(text + "\r\n");
    return connection.Read();
  }
  oss::SignableRequest Get() const { return {"GET", "bkt", "a b", {}, {}}; }
};

TEST_F(AuthTest, BothVersionsAndTheirFailures) {
  Start();
  for (const auto version : {oss::SignatureVersion::kV1, oss::SignatureVersion::kV4}) {
    signing_ = version;
    keys_ = {"test-id", "test-secret", ""};
    EXPECT_EQ(Do("PUT", "a b", {}, "x", {{"x-oss-meta-a", "b"}, {"Content-Type", "text/plain"}}).status, 200);
    EXPECT_EQ(Do("GET", "a b").body, "x");
    EXPECT_EQ(Do("GET", "", {{"list-type", "2"}, {"prefix", "a +&"}}).status, 200);
    keys_.access_key_secret = "wrong";
    const Answer wrong = Do("GET", "a b");
    EXPECT_EQ(wrong.status, 403);
    EXPECT_EQ(wrong.Code(), "SignatureDoesNotMatch");
    EXPECT_NE(wrong.Element("StringToSign"), "");
    EXPECT_NE(wrong.Element("StringToSignBytes"), "");
    keys_.access_key_id = "nobody";
    EXPECT_EQ(Do("GET", "a b").Code(), "InvalidAccessKeyId");
    const Answer head = Do("HEAD", "a b");
    EXPECT_EQ(head.status, 403);
    EXPECT_THAT(oss::Base64Decode(head.Header("x-oss-err")).value_or(""),
                testing::HasSubstr("InvalidAccessKeyId"));
  }
}

TEST_F(AuthTest, ClockWindow) {
  Start();
  for (const auto version : {oss::SignatureVersion::kV1, oss::SignatureVersion::kV4}) {
    signing_ = version;
    clock_shift_s_ = 14 * 60;
    EXPECT_EQ(Do("GET", "a").Code(), "NoSuchKey");
    for (const int shift : {17 * 60, -17 * 60}) {
      clock_shift_s_ = shift;
      EXPECT_EQ(Do("GET", "a").Code(), "RequestTimeTooSkewed");
    }
  }
}

TEST_F(AuthTest, AnonymousIsRefusedUnlessPublic) {
  Start();
  keys_ = {};
  EXPECT_EQ(Do("GET", "a").Code(), "AccessDenied");
  Stop();
  options_.public_access = true;
  Start();
  EXPECT_EQ(Do("PUT", "a", {}, "x").status, 200);
}

TEST_F(AuthTest, TokensMustMatchAndMayExpire) {
  options_.security_token = "token";
  Start();
  EXPECT_EQ(Do("GET", "a").Code(), "InvalidSecurityToken");
  keys_.security_token = "token";
  EXPECT_EQ(Do("GET", "a").Code(), "NoSuchKey");
  signing_ = oss::SignatureVersion::kV4;
  EXPECT_EQ(Do("GET", "a").Code(), "NoSuchKey");
  EXPECT_EQ(Admin("POST", "/-/config?expire_key=test-id").status, 200);
  EXPECT_EQ(Do("GET", "a").Code(), "SecurityTokenExpired");
  EXPECT_EQ(Admin("POST", "/-/config?key=second:secret%20two:tok").status, 200);
  keys_ = {"second", "secret two", "tok"};
  EXPECT_EQ(Do("GET", "a").Code(), "NoSuchKey");
  EXPECT_EQ(Admin("POST", "/-/config?remove_key=second").status, 200);
  EXPECT_EQ(Do("GET", "a").Code(), "InvalidAccessKeyId");
}

TEST_F(AuthTest, PresignedUrls) {
  Start();
  ASSERT_EQ(Do("PUT", "a b", {}, "presigned").status, 200);
  const int64_t now = std::time(nullptr);
  EXPECT_EQ(GetUrl(oss::PresignV1(Get(), keys_, now + 60)).body, "presigned");
  EXPECT_EQ(GetUrl(oss::PresignV4(Get(), keys_, "cn-hangzhou", now, 60)).body, "presigned");
  EXPECT_EQ(GetUrl(oss::PresignV1(Get(), keys_, now - 1)).Code(), "AccessDenied");
  EXPECT_EQ(GetUrl(oss::PresignV4(Get(), keys_, "cn-hangzhou", now - 100, 60)).Code(), "AccessDenied");
  EXPECT_EQ(GetUrl(oss::PresignV4(Get(), keys_, "cn-hangzhou", now, 700'000)).Code(), "AccessDenied");
  auto missing = oss::PresignV1(Get(), keys_, now + 60);
  std::erase_if(missing, [](const auto& pair) { return pair.first == "Expires"; });
  EXPECT_EQ(GetUrl(missing).Code(), "AccessDenied");
  EXPECT_EQ(GetUrl(oss::PresignV1(Get(), keys_, now + 60), {{"Authorization", "OSS test-id:x"}}).Code(),
            "InvalidArgument");
  const oss::KeySet wrong{"test-id", "wrong", ""};
  EXPECT_EQ(GetUrl(oss::PresignV4(Get(), wrong, "cn-hangzhou", now, 60)).Code(), "SignatureDoesNotMatch");
}

TEST_F(AuthTest, V4RulesOfRegionAndPayload) {
  options_.region = "cn-beijing";
  Start();
  signing_ = oss::SignatureVersion::kV4;  // the tests sign for cn-hangzhou
  const Answer region = Do("GET", "a");
  EXPECT_EQ(region.status, 400);
  EXPECT_EQ(region.Code(), "InvalidArgument");
  EXPECT_EQ(region.Element("Message"), "Invalid signing region in Authorization header.");
  EXPECT_EQ(region.Element("EC"), "0002-00000228");
  const Answer url = GetUrl(oss::PresignV4(Get(), keys_, "cn-hangzhou", std::time(nullptr), 60));
  EXPECT_EQ(url.Element("EC"), "0002-00000226");
  std::string request = Build("GET", "a", {}, "", {});
  const std::string literal = "UNSIGNED-PAYLOAD";
  request.replace(request.find(literal), literal.size(), "e3b0c442");
  RawConnection connection(port());
  connection.Send(request);
  EXPECT_EQ(connection.Read().Code(), "InvalidArgument");
}

TEST_F(AuthTest, EveryAnswerCarriesTheMarks) {
  Start();
  for (const Answer& answer :
       {Do("PUT", "a", {}, "x"), Do("GET", "a"), Do("GET", "absent"), Do("DELETE", "a")}) {
    EXPECT_EQ(answer.Header("x-oss-request-id").size(), 24u);
    EXPECT_EQ(answer.Header("Server"), "AliyunOSS");
    EXPECT_EQ(answer.Header("Date").size(), 29u);
  }
}

}  // namespace
}  // namespace ossfs2::server
