// Credentials from a program, and from the profiles of the command line: how it is run, what is read again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/values/str.h"
#include "oss/credentials/credential_json.h"
#include "tests/oss/credentials_fixture.h"

namespace ossfs2::oss {
namespace {

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

}  // namespace
}  // namespace ossfs2::oss
