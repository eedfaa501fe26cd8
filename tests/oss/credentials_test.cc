// Every source of credentials: what it reads or asks, in which order they come, and what is said when one fails.
#include "oss/credentials/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/str.h"
#include "oss/credentials/credential_json.h"
#include "tests/oss/fake_http.h"
#include "tests/support/temp_folder.h"

namespace ossfs2::oss {
namespace {

constexpr const char* kVariables[] = {"OSS_ACCESS_KEY_ID",
                                      "OSS_ACCESS_KEY_SECRET",
                                      "OSS_SESSION_TOKEN",
                                      "ALIBABA_CLOUD_ACCESS_KEY_ID",
                                      "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                                      "ALIBABA_CLOUD_SECURITY_TOKEN",
                                      "ALIBABA_CLOUD_ROLE_ARN",
                                      "ALIBABA_CLOUD_ROLE_SESSION_NAME",
                                      "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                                      "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
                                      "ALIBABA_CLOUD_ECS_METADATA",
                                      "ALIBABA_CLOUD_CREDENTIALS_URI",
                                      "ALIBABA_CLOUD_PROFILE",
                                      "ALIBABA_CLOUD_CONFIG_FILE",
                                      "ALIBABA_CLOUD_CREDENTIALS_FILE"};

std::string SetJson(const std::string& id, const std::string& expiration) {
  return R"({"Code":"Success","AccessKeyId":")" + id +
         R"(","AccessKeySecret":"S3cretValue","SecurityToken":"T0ken","Expiration":")" + expiration + R"("})";
}
std::string StsJson(const std::string& id) {
  return R"({"RequestId":"R","Credentials":)" + SetJson(id, "2099-01-01T00:00:00Z") + "}";
}

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    for (const char* variable : kVariables) unsetenv(variable);
    home_ = getenv("HOME") == nullptr ? "" : getenv("HOME");
    setenv("HOME", folder_.c_str(), 1);
  }
  ~CredentialsTest() override {
    for (const char* variable : kVariables) unsetenv(variable);
    setenv("HOME", home_.c_str(), 1);
  }
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    return temp_.Write(name, text, mode);
  }
  std::unique_ptr<CredentialProvider> Make(FakeHttp& http) {
    auto provider = MakeCredentialProvider(http, options_, clock_);
    EXPECT_TRUE(provider) << provider.error().text;
    return provider ? std::move(*provider) : nullptr;
  }
  // The set of a provider that needs no HTTP.
  Result<KeySet> Keys() {
    auto provider = MakeCredentialProvider(none_, options_, clock_);
    if (!provider) return provider.error();
    const auto keys = (*provider)->Current();
    if (!keys) return keys.error();
    return **keys;
  }

  const test::TempFolder temp_;
  const std::string folder_ = temp_.path();
  std::string home_;
  CredentialOptions options_;
  FakeClock clock_;
  FakeHttp none_{[](const SeenRequest&, size_t) { return LostReply(); }};
};

TEST_F(CredentialsTest, OptionsComeFirst) {
  setenv("OSS_ACCESS_KEY_ID", "env", 1);
  setenv("OSS_ACCESS_KEY_SECRET", "env", 1);
  options_.access_key_id = " id\n";
  options_.access_key_secret = "S3cretValue";
  options_.security_token = "T0ken";
  const auto keys = Keys();
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->access_key_id, "id");
  EXPECT_EQ(keys->security_token, "T0ken");
  auto provider = Make(none_);
  EXPECT_EQ(provider->Describe(), "option oss_access_key_id");
  EXPECT_FALSE(provider->ForceRefresh({"id", "S3cretValue", "T0ken"}));
  options_.access_key_secret = "";
  EXPECT_FALSE(Keys()) << "an id without secret is a mistake, not a reason to look elsewhere";
  options_.anonymous = true;
  EXPECT_TRUE(Keys()->anonymous());
}

TEST_F(CredentialsTest, EnvironmentInItsOrder) {
  setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "cloud", 1);
  setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s", 1);
  EXPECT_EQ(Keys()->access_key_id, "cloud");
  setenv("OSS_ACCESS_KEY_ID", "oss", 1);
  setenv("OSS_ACCESS_KEY_SECRET", "s", 1);
  setenv("OSS_SESSION_TOKEN", "t", 1);
  EXPECT_EQ(Keys()->access_key_id, "oss");
  EXPECT_EQ(Keys()->security_token, "t");
}

TEST_F(CredentialsTest, NothingGivenTellsWhatToGive) {
  const auto keys = Keys();
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().text.find("oss_access_key_id"), std::string::npos);
}

TEST_F(CredentialsTest, FilesMustBePrivate) {
  options_.bucket = "b1";
  options_.credential_file = Write("passwd", "# comment\nother:x:y\nLTAIgen:secret\nb1:LTAIb1:secret1\n");
  EXPECT_EQ(Keys()->access_key_id, "LTAIb1");
  options_.bucket = "b2";
  EXPECT_EQ(Keys()->access_key_id, "LTAIgen");
  options_.credential_file = Write("sts", "STS.x:secret:T0ken\n");
  EXPECT_EQ(Keys()->security_token, "T0ken");
  options_.credential_file = Write("open", "id:secret\n", 0644);
  EXPECT_NE(Keys().error().text.find("chmod 600"), std::string::npos);
  options_.credential_file = Write("bad", "S3cretValue\n");
  EXPECT_EQ(Keys().error().text.find("S3cretValue"), std::string::npos);
  options_.credential_file = folder_ + "/none";
  EXPECT_FALSE(Keys());
}

TEST_F(CredentialsTest, DirectoryIsReadAgainWithoutRemount) {
  Write("AccessKeyId", "id1\n");
  Write("AccessKeySecret", "secret\n");
  options_.credential_dir = folder_;
  auto provider = Make(none_);
  EXPECT_EQ((*provider->Current())->access_key_id, "id1");
  Write("AccessKeyId", "id2\n");
  Write("SecurityToken", "t\n");
  EXPECT_TRUE(provider->ForceRefresh({"id1", "secret", ""})) << "a 403 finds the rotated keys";
  EXPECT_EQ((*provider->Current())->access_key_id, "id2");
  EXPECT_EQ((*provider->Current())->security_token, "t");
  EXPECT_FALSE(provider->ForceRefresh({"id2", "secret", "t"})) << "the same keys came again";
  EXPECT_TRUE(provider->ForceRefresh({"id1", "secret", ""})) << "another set is there already";
  EXPECT_TRUE(provider->ForceRefresh({"id2", "secret", "old"})) << "of the same id too";
}

TEST_F(CredentialsTest, ProcessRunsWithoutShell) {
  const std::string script = Write("give", "#!/bin/sh\nprintf '%s' \"$1\"\n", 0700);
  options_.credential_process = script + R"x( '{"AccessKeyId":"p","AccessKeySecret":"$(id)"}')x";
  EXPECT_EQ(Keys()->access_key_id, "p");
  EXPECT_EQ(Keys()->access_key_secret, "$(id)");
  options_.credential_process =
      script + R"x( '{"mode":"StsToken","access_key_id":"c","access_key_secret":"s","sts_token":"t"}')x";
  EXPECT_EQ(Keys()->security_token, "t");
  options_.credential_process = "give x";
  EXPECT_NE(Keys().error().text.find("absolute"), std::string::npos);
  options_.credential_process = script + " 'open";
  EXPECT_NE(Keys().error().text.find("quote"), std::string::npos);
  options_.credential_process = script + " S3cretValue";
  EXPECT_EQ(Keys().error().text.find("S3cretValue"), std::string::npos);
  options_.credential_process = Write("fail", "#!/bin/sh\nexit 3\n", 0700);
  EXPECT_NE(Keys().error().text.find("exit status 3"), std::string::npos);
  options_.credential_process = Write("much", "#!/bin/sh\nexec head -c 3000000 /dev/zero\n", 0700);
  EXPECT_NE(Keys().error().text.find("1 MiB"), std::string::npos);
  options_.credential_process = folder_ + "/none";
  EXPECT_FALSE(Keys());
}

// A login agent that the command started and left holds its output open.
TEST_F(CredentialsTest, ProcessMayLeaveAChild) {
  const std::string fifo = folder_ + "/fifo";  // the child ends when this test has opened it
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  options_.credential_process =
      Write("agent",
            StrCat("#!/bin/sh\n(read line < ", fifo, ") &\n",
                   R"(echo '{"AccessKeyId":"p","AccessKeySecret":"s"}')", "\n"),
            0700);
  const auto keys = Keys();
  std::ofstream(fifo) << "end\n";
  ASSERT_TRUE(keys) << keys.error().text;
  EXPECT_EQ(keys->access_key_id, "p");
}

TEST_F(CredentialsTest, ProcessThatFailsSaysTheNextStep) {
  const std::string expired =
      R"(echo '{"AccessKeyId":"p","AccessKeySecret":"S3cretValue","Expiration":"2020-01-01T00:00:00Z"}')";
  for (const std::string& body :
       {std::string("exit 1"), std::string("echo garbage S3cretValue"), std::string("echo '{}'"),
        std::string("kill -9 $$"), std::string("exec head -c 3000000 /dev/zero"), expired}) {
    options_.credential_process = Write("command", StrCat("#!/bin/sh\n", body, "\n"), 0700);
    const auto keys = Keys();
    ASSERT_FALSE(keys) << body;
    EXPECT_NE(keys.error().text.find("Next: "), std::string::npos) << keys.error().text;
    EXPECT_EQ(keys.error().text.find("S3cretValue"), std::string::npos);
  }
}

TEST_F(CredentialsTest, MetadataWithTokenAndWithout) {
  std::atomic<bool> has_token{true};
  FakeHttp http([&](const SeenRequest& request, size_t) {
    Reply reply;
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

// A config that moved from a key to a role may still hold the key.
TEST_F(CredentialsTest, SourcesAreUsedInOrder) {
  options_.profile = "default";
  const auto uses = [this] { return Make(none_)->Describe(); };
  options_.credential_dir = folder_;
  EXPECT_NE(uses().find("credential_dir"), std::string::npos) << uses();
  options_.credential_file = folder_ + "/passwd";
  EXPECT_NE(uses().find("credential_file"), std::string::npos) << uses();
  options_.access_key_id = "id";
  options_.access_key_secret = "S3cretValue";
  EXPECT_EQ(uses(), "option oss_access_key_id");
  options_.credential_process = "/bin/keys";
  EXPECT_NE(uses().find("credential_process"), std::string::npos) << uses();
  options_.ram_role = "reader";
  EXPECT_NE(uses().find("RAM role reader"), std::string::npos) << uses();
  options_.anonymous = true;
  EXPECT_EQ(uses(), "anonymous");
  const std::vector<std::string> order = {
      "anonymous",      "ram_role", "credential_process", "oss_access_key_id", "credential_file",
      "credential_dir", "profile"};
  EXPECT_EQ(GivenSources(options_), order);
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

TEST_F(CredentialsTest, OptionsThatLackSomethingAreNamed) {
  options_.credential_dir = folder_ + "/none";
  EXPECT_NE(Keys().error().text.find("credential_dir: open "), std::string::npos) << Keys().error().text;
  options_.credential_dir = "";
  options_.oidc_role_arn = "role";
  EXPECT_NE(Keys().error().text.find("oidc_role_arn, oidc_provider_arn and oidc_token_file"), std::string::npos);
  options_.oidc_provider_arn = "provider";
  options_.oidc_token_file = folder_ + "/none";
  EXPECT_NE(Keys().error().text.find("oidc_token_file: open "), std::string::npos) << Keys().error().text;
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

TEST_F(CredentialsTest, ProfilesOfTheCommandLine) {
  const std::string path = Write("config.json", R"({"current":"p1","profiles":[
    {"name":"p1","mode":"AK","access_key_id":"id1","access_key_secret":"s"},
    {"name":"p2","mode":"StsToken","access_key_id":"id2","access_key_secret":"s","sts_token":"t"},
    {"name":"loop","mode":"ChainableRamRoleArn","source_profile":"loop"},
    {"name":"odd","mode":"CloudSSO"}]})");
  setenv("ALIBABA_CLOUD_CONFIG_FILE", path.c_str(), 1);
  EXPECT_EQ(Keys()->access_key_id, "id1");
  options_.profile = "p2";
  EXPECT_EQ(Keys()->security_token, "t");
  for (const char* wrong : {"loop", "odd", "none"}) {
    options_.profile = wrong;
    EXPECT_FALSE(Keys()) << wrong;
  }
  EXPECT_NE(Keys().error().text.find("no profile none in " + path + ". Next: give one of p1, p2, loop, odd"),
            std::string::npos);
  Write("config.json", "{");
  EXPECT_FALSE(Keys());
  unlink(path.c_str());
  EXPECT_NE(Keys().error().text.find("No such file or directory. Next: make it with `aliyun configure --profile none`"),
            std::string::npos);
}

// As a login tool or a cron job renews them.
TEST_F(CredentialsTest, ProfilesAreReadAgainWhenTheirFileChanged) {
  const auto json = [](const std::string& id) {
    return R"({"current":"p","profiles":[{"name":"p","mode":"StsToken","access_key_id":")" + id +
           R"(","access_key_secret":"s","sts_token":"t"}]})";
  };
  const auto ini = [](const std::string& id) {
    return "[default]\ntype=sts\naccess_key_id=" + id + "\naccess_key_secret=s\nsecurity_token=t\n";
  };
  for (const bool is_json : {true, false}) {
    const std::string name = is_json ? "config.json" : "credentials";
    const auto text = [&](const std::string& id) { return is_json ? json(id) : ini(id); };
    const std::string path = Write(name, text("id1"));
    setenv(is_json ? "ALIBABA_CLOUD_CONFIG_FILE" : "ALIBABA_CLOUD_CREDENTIALS_FILE", path.c_str(), 1);
    const auto provider = Make(none_);
    const auto id_now = [&] { return (*provider->Current())->access_key_id; };
    EXPECT_EQ(id_now(), "id1");
    Write(name, text("id-two"));
    EXPECT_EQ(id_now(), "id1") << "not looked at for every request";
    clock_.Advance(std::chrono::seconds(11));
    while (id_now() != "id-two") std::this_thread::yield();
    Write(name, is_json ? "{" : "");
    EXPECT_FALSE(provider->ForceRefresh({"id-two", "s", "t"}));
    EXPECT_EQ(id_now(), "id-two") << "half of the file may be written";
    clock_.Advance(std::chrono::seconds(11));
    Write(name, text("three"));
    EXPECT_TRUE(provider->ForceRefresh({"id-two", "s", "t"}));
    EXPECT_EQ(id_now(), "three");
    unsetenv("ALIBABA_CLOUD_CONFIG_FILE");
  }
}

TEST_F(CredentialsTest, TheCommandOfAProfileIsFoundByPath) {
  const std::string path = Write("config.json", R"({"current":"sso","profiles":[
    {"name":"sso","mode":"External","process_command":"give-keys --of p"},
    {"name":"none","mode":"External","process_command":"no-such-command login"}]})");
  setenv("ALIBABA_CLOUD_CONFIG_FILE", path.c_str(), 1);
  Write("give-keys",
        "#!/bin/sh\n[ \"$*\" = '--of p' ] && printf '%s' '" + SetJson("by-path", "2099-01-01T00:00:00Z") + "'\n", 0700);
  const std::string before = getenv("PATH");
  setenv("PATH", (folder_ + ":" + before).c_str(), 1);
  const auto keys = Keys();
  options_.profile = "none";
  const auto none = Keys();
  setenv("PATH", before.c_str(), 1);
  ASSERT_TRUE(keys) << keys.error().text;
  EXPECT_EQ(keys->access_key_id, "by-path");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text.find("profile none: process_command no-such-command"), std::string::npos)
      << none.error().text;
}

TEST_F(CredentialsTest, IniSections) {
  const std::string path = Write("credentials",
                                 "[default]\ntype = access_key\naccess_key_id = id3 \naccess_key_secret=s\n"
                                 "[other]\ntype=unknown\n");
  setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", path.c_str(), 1);
  EXPECT_EQ(Keys()->access_key_id, "id3");
  setenv("ALIBABA_CLOUD_PROFILE", "other", 1);
  EXPECT_FALSE(Keys());
}

TEST_F(CredentialsTest, BadJsonIsAnErrorWithoutItsText) {
  for (const char* text :
       {"", "[]", "{}", R"({"AccessKeyId":"S3cretValue"})", R"({"Code":"Failed"})",
        R"({"AccessKeyId":"S3cretValue","AccessKeySecret":"S3cretValue","Expiration":"soon"})"}) {
    const auto parsed = ParseCredentialJson(text, "it");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().text.find("S3cretValue"), std::string::npos);
  }
}

}  // namespace
}  // namespace ossfs2::oss
