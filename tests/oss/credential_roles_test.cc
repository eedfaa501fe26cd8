// Credentials of roles: what the metadata service and STS are asked, and what is made of their answers.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "oss/credentials/credential_json.h"
#include "tests/oss/credentials_fixture.h"

namespace ossfs2::oss {
namespace {

TEST_F(CredentialsTest, MetadataWithTokenAndWithout) {
  std::atomic<bool> has_token{true};
  FakeHttp http([&](const SeenRequest& request, size_t) {
    Reply reply;
    reply.headers = {{"Date", HttpDate(clock_.NowWallNs() / 1'000'000'000)}};
    EXPECT_EQ(request.host, "100.100.100.200");
    if (request.method == "PUT") {
      reply.status = has_token ? 200 : 404;
      reply.body = "IMDS";
      EXPECT_EQ(request.Header("x-aliyun-ecs-metadata-token-ttl-seconds"), "21600");
    } else {
      EXPECT_EQ(request.Header("x-aliyun-ecs-metadata-token"), has_token ? "IMDS" : "");
      const bool is_list = request.target.ends_with("/security-credentials/");
      reply.body = is_list ? "reader\n" : SetJson("STS.m", "2099-01-01T00:00:00Z");
    }
    return reply;
  });
  setenv("ALIBABA_CLOUD_ECS_METADATA", "reader", 1);
  EXPECT_EQ((*Make(http)->Current())->access_key_id, "STS.m");
  has_token = false;
  options_.ram_role = "reader";
  auto provider = Make(http);
  EXPECT_EQ((*provider->Current())->access_key_id, "STS.m");
  EXPECT_NE(provider->Describe().find("RAM role reader, expires 2099-01-01"), std::string::npos);
  options_.hardened_metadata = true;
  EXPECT_FALSE(Make(http)->Current());
}

TEST_F(CredentialsTest, RoleAsUrlAndCredentialsUri) {
  FakeHttp http([&](const SeenRequest& request, size_t) {
    EXPECT_EQ(request.host, "role.test");
    EXPECT_EQ(request.target, "/path?x=1");
    Reply reply;
    reply.body = SetJson("STS.u", "2099-01-01T00:00:00Z");
    return reply;
  });
  options_.ram_role = "http://role.test:8080/path?x=1";
  EXPECT_EQ((*Make(http)->Current())->access_key_id, "STS.u");
  options_.ram_role = "";
  setenv("ALIBABA_CLOUD_CREDENTIALS_URI", "http://role.test/path?x=1", 1);
  EXPECT_EQ((*Make(http)->Current())->access_key_id, "STS.u");
}

TEST_F(CredentialsTest, OidcSendsTheTokenFileUnsigned) {
  options_.oidc_role_arn = "acs:ram::1:role/r";
  options_.oidc_provider_arn = "acs:ram::1:oidc-provider/p";
  options_.oidc_token_file = Write("token", "JWT\n");
  options_.sts_endpoint = "http://127.0.0.1:9999";
  FakeHttp http([&](const SeenRequest& request, size_t number) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_TRUE(request.target.starts_with("/?Action=AssumeRoleWithOIDC&Format=JSON&Timestamp="))
        << request.target;
    EXPECT_EQ(request.body,
              "DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A1%3Aoidc-provider%2Fp&OIDCToken=JWT&"
              "RoleArn=acs%3Aram%3A%3A1%3Arole%2Fr&RoleSessionName=ossfs2");
    Reply reply;
    reply.body = StsJson("STS.o");
    if (number > 1) {
      reply.status = 400;
      reply.body = R"({"Code":"AuthenticationFail.OIDCToken.Expired","Message":"late"})";
    }
    return reply;
  });
  EXPECT_EQ((*Make(http)->Current())->access_key_id, "STS.o");
  const auto expired = Make(http)->Current();
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().oss_code, "AuthenticationFail.OIDCToken.Expired");
}

TEST_F(CredentialsTest, AssumeRoleSignsQueryAndBody) {
  options_.access_key_id = "id";
  options_.access_key_secret = "S3cretValue";
  options_.assume_role_arn = "acs:ram::1:role/r";
  options_.assume_role_external_id = "ext";
  FakeHttp http([&](const SeenRequest& request, size_t) {
    EXPECT_EQ(request.host, "sts.aliyuncs.com");
    // Signature checked from what was sent: every parameter of query and body, sorted.
    std::map<std::string, std::string> all;
    std::string given;
    for (std::string text : {request.target.substr(2), request.body}) {
      text += '&';
      for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('&', at);
        const size_t equals = text.find('=', at);
        const std::string name = text.substr(at, equals - at);
        const std::string value = text.substr(equals + 1, end - equals - 1);
        at = end + 1;
        if (name == "Signature") {
          given = PercentDecode(value);
        } else {
          all[name] = value;
        }
      }
    }
    std::string sorted;
    for (const auto& [name, value] : all) sorted += (sorted.empty() ? "" : "&") + name + "=" + value;
    EXPECT_EQ(given, Base64Encode(HmacSha1("S3cretValue&", "POST&%2F&" + PercentEncode(sorted))));
    EXPECT_EQ(all.at("ExternalId"), "ext");
    EXPECT_EQ(all.at("AccessKeyId"), "id");
    Reply reply;
    reply.body = StsJson("STS.a");
    return reply;
  });
  EXPECT_EQ((*Make(http)->Current())->access_key_id, "STS.a");
}

// A host whose clock is days ahead takes no answer for one that has expired.
TEST_F(CredentialsTest, MetadataAndUrlsGoByTheClockOfTheirAnswer) {
  const auto their_now_s = [this] { return clock_.NowWallNs() / 1'000'000'000 - 86'400; };
  FakeHttp http([&](const SeenRequest& request, size_t) {
    Reply reply;
    reply.headers = {{"Date", HttpDate(their_now_s())}};
    reply.body = request.method == "PUT" ? "IMDS" : SetJson("STS.m", IsoDate(their_now_s() + 3600).substr(0, 19) + "Z");
    return reply;
  });
  for (const char* role : {"reader", "http://role.test/path"}) {
    options_.ram_role = role;
    const auto provider = Make(http);
    const auto keys = provider->Current();
    ASSERT_TRUE(keys) << keys.error().text;
    const size_t asked = http.Count();
    clock_.Advance(std::chrono::minutes(30));
    EXPECT_TRUE(provider->Ready());
    EXPECT_EQ(http.Count(), asked);
  }
}

TEST_F(CredentialsTest, AnStsThatIsTooBusyDoesNotRefuse) {
  options_.access_key_id = "id";
  options_.access_key_secret = "S3cretValue";
  options_.assume_role_arn = "acs:ram::1:role/r";
  std::atomic<int> status{400};
  FakeHttp http([&](const SeenRequest&, size_t) {
    Reply reply;
    reply.status = status;
    reply.body = status == 400 ? R"({"Code":"Throttling.User","Message":"Denied due to user flow control."})"
                               : R"({"Code":"TooManyRequests","Message":"slowly"})";
    return reply;
  });
  for (const int busy : {400, 429}) {
    status = busy;
    const auto keys = Make(http)->Current();
    ASSERT_FALSE(keys);
    EXPECT_EQ(keys.error().kind, ErrorKind::kUnavailable) << busy;
  }
}

TEST_F(CredentialsTest, RolesGoByTheClockOfTheService) {
  options_.access_key_id = "id";
  options_.access_key_secret = "S3cretValue";
  options_.assume_role_arn = "acs:ram::1:role/r";
  const auto service_now_s = [this] { return clock_.NowWallNs() / 1'000'000'000 - 7200; };
  FakeHttp http([&](const SeenRequest& request, size_t) {
    const size_t at = request.target.find("Timestamp=") + 10;
    const auto asked_s = ParseIsoDate(PercentDecode(request.target.substr(at, request.target.find('&', at) - at)));
    Reply reply;
    reply.headers = {{"Date", HttpDate(service_now_s())}};
    reply.status = asked_s && std::abs(*asked_s - service_now_s()) < 900 ? 200 : 400;
    reply.body = reply.status == 200
                     ? "{\"Credentials\":" + SetJson("STS.a", IsoDate(service_now_s() + 3600).substr(0, 19) + "Z") + "}"
                     : R"({"Code":"InvalidTimeStamp.Expired","Message":"the time is not valid"})";
    return reply;
  });
  const auto provider = Make(http);
  const auto keys = provider->Current();
  ASSERT_TRUE(keys) << keys.error().text;
  EXPECT_EQ(http.Count(), 2u);
  clock_.Advance(std::chrono::minutes(30));
  EXPECT_TRUE(provider->Ready());
  EXPECT_TRUE(provider->ForceRefresh({"another", "", ""}));
  clock_.Advance(std::chrono::minutes(31));
  EXPECT_FALSE(provider->Ready()) << "they have expired";
  EXPECT_TRUE(provider->Current());
  EXPECT_EQ(http.Count(), 3u) << "the clock is known by now";
}

}  // namespace
}  // namespace ossfs2::oss
