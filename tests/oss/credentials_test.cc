// Credentials from options, environment, files and folders, and in which order the sources come.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "oss/credentials/credential_json.h"
#include "tests/oss/credentials_fixture.h"

namespace ossfs2::oss {
namespace {

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
