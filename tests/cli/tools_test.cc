// Small parts of the tools: endpoints, ages, advice, the program's own words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/values/str.h"
#include "cli/app.h"
#include "cli/commands/gc_uploads.h"
#include "cli/commands/tool_arguments.h"
#include "cli/daemon/probe_advice.h"
#include "cli/settings/endpoint_parts.h"
#include "oss/fakes/memory_store.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;

struct EndpointCase {
  const char* text;
  bool tls;
  const char* host;
  uint16_t port;
};

TEST(EndpointParts, AreFoundInEveryForm) {
  for (const EndpointCase& test :
       {EndpointCase{"h.example.com", true, "h.example.com", 443}, EndpointCase{"http://h", false, "h", 80},
        EndpointCase{"https://h:9000/", true, "h", 9000},
        EndpointCase{"http://[::1]:9000", false, "::1", 9000}, EndpointCase{"http://[::1]", false, "::1", 80},
        EndpointCase{"10.0.0.1:81", true, "10.0.0.1", 81}}) {
    const EndpointParts parts = SplitEndpoint(test.text);
    EXPECT_EQ(parts.tls, test.tls) << test.text;
    EXPECT_EQ(parts.host, test.host) << test.text;
    EXPECT_EQ(parts.port, test.port) << test.text;
  }
}

TEST(ParseAge, KnowsItsUnits) {
  EXPECT_EQ(*ParseAge("90"), 90);
  EXPECT_EQ(*ParseAge("90s"), 90);
  EXPECT_EQ(*ParseAge("15m"), 900);
  EXPECT_EQ(*ParseAge("12h"), 43200);
  EXPECT_EQ(*ParseAge("1d"), 86400);
  for (const char* bad : {"", "d", "-1d", "1.5d", "1w", "99999999999999999999d", "9223372036854775807d"})
    EXPECT_FALSE(ParseAge(bad)) << bad;
}

struct AdviceCase {
  Error error;
  const char* advice;
};

Error OssError(int http, const char* code, ErrorKind kind) {
  Error error = MakeError(EIO, kind, "probe failed");
  error.http_status = http;
  error.oss_code = code;
  return error;
}

TEST(ProbeAdvice, EachCauseHasItsSentence) {
  Settings settings;
  settings.oss.endpoint = "https://oss.example.com";
  settings.oss.bucket = "bucket";
  for (const AdviceCase& test :
       {AdviceCase{OssError(404, "NoSuchBucket", ErrorKind::kNotFound), "does not exist"},
        AdviceCase{OssError(403, "InvalidAccessKeyId", ErrorKind::kAccessDenied), "key id is not known"},
        AdviceCase{OssError(403, "SignatureDoesNotMatch", ErrorKind::kAccessDenied), "secret is wrong"},
        AdviceCase{OssError(403, "RequestTimeTooSkewed", ErrorKind::kClockSkew), "clock"},
        AdviceCase{OssError(403, "SecurityTokenExpired", ErrorKind::kExpiredCredential),
                   "security token has expired"},
        AdviceCase{OssError(403, "AccessDenied", ErrorKind::kAccessDenied), "oss:ListObjects"},
        AdviceCase{OssError(503, "SlowDown", ErrorKind::kThrottled), "too many of them"},
        AdviceCase{OssError(500, "InternalError", ErrorKind::kUnavailable), "trouble of its own"},
        AdviceCase{MakeError(EIO, ErrorKind::kUnavailable, "source address 8.8.8.8: Cannot assign"), "bind_ips"},
        AdviceCase{MakeError(EIO, ErrorKind::kUnavailable, "cannot resolve the host name"), "DNS"},
        AdviceCase{MakeError(EIO, ErrorKind::kUnavailable, "Connection refused"), "refused the connection"},
        AdviceCase{MakeError(EIO, ErrorKind::kUnavailable, "certificate problem"), "is not trusted"},
        AdviceCase{MakeError(EIO, ErrorKind::kUnavailable, "the deadline passed"), "write http://"}}) {
    const Error advised = AdviseProbe(test.error, settings);
    EXPECT_THAT(advised.text, HasSubstr(test.advice));
    EXPECT_THAT(advised.text, HasSubstr(test.error.text)) << "what was seen stays";
    EXPECT_EQ(advised.errno_value, test.error.errno_value);
  }
}

TEST(ProbeAdvice, ARegionIsNoEndpoint) {
  Settings settings;
  settings.oss.endpoint = "cn-hangzhou";
  const Error given =
      MakeError(EIO, ErrorKind::kUnavailable, "cannot resolve the host name. Next: check oss_endpoint.");
  EXPECT_THAT(AdviseProbe(given, settings).text, HasSubstr("write https://oss-cn-hangzhou-internal.aliyuncs.com"));
  settings.oss.endpoint = "https://oss-cn-hangzou.aliyuncs.com";
  EXPECT_EQ(AdviseProbe(given, settings).text, given.text);
}

TEST(ProbeAdvice, NoRightIsGrantedToAKeyThatIsNotThere) {
  Settings settings;
  settings.oss.endpoint = "http://h";
  settings.credentials.anonymous = true;
  const Error given = MakeError(EACCES, ErrorKind::kAccessDenied, "denied. Next: grant the RAM user oss:ListObjects.");
  const std::string advised = AdviseProbe(given, settings).text;
  EXPECT_THAT(advised, HasSubstr("denied. Next: no request is signed"));
  EXPECT_THAT(advised, testing::Not(HasSubstr("RAM user")));
}

TEST(ProbeAdvice, KeepsTheStepThatTheStoreGave) {
  Settings settings;
  settings.oss.endpoint = "http://h";
  const Error given = MakeError(EACCES, ErrorKind::kAccessDenied, "denied. Next: ask your admin.");
  EXPECT_EQ(AdviseProbe(given, settings).text, given.text);
  settings.http.proxy = "http://127.0.0.1:1";
  EXPECT_THAT(AdviseProbe(MakeError(EIO, ErrorKind::kUnavailable, "refused. Next: x"), settings).text,
              HasSubstr("check http_proxy"));
}

// Runs the program with its streams captured.
int RunProgram(std::vector<std::string> words, std::string& out, std::string& err) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = RunOssfs2(static_cast<int>(argv.size()), argv.data());
  out = testing::internal::GetCapturedStdout();
  err = testing::internal::GetCapturedStderr();
  return status;
}

struct RunCase {
  std::vector<std::string> words;
  int status;
  const char* out;
  const char* err;
};

TEST(Program, EndsWithTheRightStatusAndWords) {
  for (const RunCase& test :
       {RunCase{{"ossfs2"}, 255, "", "ossfs2 mount DIR"},
        RunCase{{"ossfs2", "--version"}, 0, "ossfs2 3", ""},
        RunCase{{"ossfs2", "-h"}, 0, "ossfs2 mount DIR", ""},
        RunCase{{"ossfs2", "help", "umount"}, 0, "Unmounts DIR and waits", ""},
        RunCase{{"ossfs2", "help", "mount"}, 0, "--oss_endpoint=VALUE", ""},
        RunCase{{"ossfs2", "check", "/mnt", "--ro"}, 1, "no mount point", ""},
        RunCase{{"ossfs2", "mount"}, 255, "", "where to mount?"},
        RunCase{{"ossfs2", "mount", "-h"}, 0, "--oss_endpoint=VALUE", ""},
        RunCase{{"ossfs2", "mount", "--original-help"}, 0, "--use_auth_cache", ""},
        RunCase{{"ossfs2", "mount", "/a", "/b"}, 255, "", "\"/b\" is too much"},
        RunCase{{"ossfs2", "mount", "models", "/b"}, 255, "", "a bucket is named by --oss_bucket=models"},
        RunCase{{"ossfs2", "mount", "/a", "--ro", "false"}, 255, "", "written --name=false"},
        RunCase{{"ossfs2", "mount", "/a", "\xE2\x80\x93oss_bucket=b"}, 255, "", "write --oss_bucket=VALUE with two"},
        RunCase{{"ossfs2", "unmuont", "/a"}, 255, "", "no command \"unmuont\"; did you mean \"unmount\"?"},
        RunCase{{"ossfs2", "mount", "/mnt", "--oss_buket=x"}, 1, "", "did you mean \"oss_bucket\""},
        RunCase{{"ossfs2", "mount", "/mnt"}, 1, "", "oss_endpoint is missing"},
        RunCase{{"ossfs2", "frobnicate"}, 255, "", "no command \"frobnicate\"; `ossfs2 --help` lists all\n"},
        RunCase{{"ossfs2", "umount", "/no/such/mount"}, 1, "", "is not mounted"},
        RunCase{{"ossfs2", "umount", "/proc"}, 1, "", "not ours"},
        RunCase{{"ossfs2", "umount"}, 255, "", "usage"},
        RunCase{{"ossfs2", "stats", "show"}, 1, "", "usage"},
        RunCase{{"ossfs2", "stats", "/no"}, 1, "", "no running mount"},
        RunCase{{"ossfs2", "stats", "/no", "--watch=soon"}, 255, "", "usage"},
        RunCase{{"ossfs2", "explain", "/no"}, 1, "", "no running mount"},
        RunCase{{"ossfs2", "set", "/no"}, 255, "", "log_level"},
        RunCase{{"ossfs2", "docs"}, 255, "", "usage"},
        RunCase{{"ossfs2", "docs", "man"}, 0, ".TH", ""},
        RunCase{{"ossfs2", "gc"}, 255, "", "usage"},
        RunCase{{"ossfs2", "check"}, 255, "", "usage"},
        RunCase{{"ossfs2", "check", "--model=/m", "--oss_buket=x"}, 1, "did you mean", ""},
        RunCase{{"/sbin/mount.ossfs2", "bucket", "/m", "-o", "url=http://h"}, 1, "", "did you mean \"oss_endpoint\""},
        RunCase{{"/sbin/mount.ossfs2", "b"}, 1, "", "usage: mount.ossfs2"},
        RunCase{{"/sbin/mount.ossfs2", "bucket", "/m", "-o", "oss_buket=1"}, 1, "", "did you mean"},
        RunCase{{"/sbin/mount.ossfs2", "bucket", "/m", "-f", "-o", "oss_endpoint=http://h,anonymous"}, 0, "", ""},
        RunCase{{"/sbin/umount.fuse.ossfs2", "/no/such/mount", "-nv", "-t", "fuse.ossfs2"}, 32, "", "is not mounted"},
        RunCase{{"/sbin/umount.fuse.ossfs2", "/no/such/mount", "-f"}, 32, "", "No such file"},
        RunCase{{"/sbin/umount.fuse.ossfs2", "/m", "-N", "/no/such"}, 32, "", "mount namespace /no/such"},
        RunCase{{"/sbin/umount.fuse.ossfs2", "/m", "-x"}, 1, "", "usage: umount.fuse.ossfs2"},
        RunCase{{"/sbin/umount.fuse.ossfs2"}, 1, "", "usage: umount.fuse.ossfs2"},
        RunCase{{"ossfs2", "b", "/m", "-o", "oss_buket=1"}, 1, "", "did you mean"}}) {
    std::string out, err;
    std::string all;
    for (const std::string& word : test.words) all += word + " ";
    EXPECT_EQ(RunProgram(test.words, out, err), test.status) << all << "\n" << out << err;
    EXPECT_THAT(out, HasSubstr(test.out)) << all;
    EXPECT_THAT(err, HasSubstr(test.err)) << all;
  }
}

// A first line without dashes names programs, and what follows is for them.
TEST(Program, TellsWhatItSkippedWhenSomethingIsMissing) {
  TestFolder folder;
  const std::string conf = folder.Write("conf", "my bucket\n--oss_endpoint=http://h\n--oss_bucket=bucket\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"ossfs2", "mount", "/mnt", "-c", conf}, {"ossfs2", "check", "-c", conf},
        {"/sbin/mount.ossfs2", "b", "/mnt", "-o", "conf=" + conf}}) {
    std::string out, err;
    EXPECT_EQ(RunProgram(words, out, err), 1);
    EXPECT_THAT(out + err, HasSubstr("oss_endpoint is missing"));
    EXPECT_THAT(err, HasSubstr(conf + ":2: skipped"));
  }
}

TEST(Program, CheckLooksForTheModel) {
  std::string out, err;
  EXPECT_NE(RunProgram({"ossfs2", "check", "--oss_endpoint=http://127.0.0.1:1", "--oss_bucket=bucket", "--anonymous",
                        "--model=/no/such/model"}, out, err), 0);
  EXPECT_THAT(out, HasSubstr("fail  page cache    /no/such/model: No such file or directory"));
}

// Behind a proxy the machine need not know the name of the service.
TEST(Program, CheckAsksNoNameThatTheProxyKnows) {
  std::string out, err;
  EXPECT_NE(RunProgram({"ossfs2", "check", "--oss_endpoint=http://oss.invalid", "--oss_bucket=bucket", "--anonymous",
                        "--http_proxy=http://127.0.0.1:1", "--oss_request_timeout_ms=1000"},
                       out, err),
            0)
      << "nothing listens there";
  EXPECT_THAT(out, HasSubstr("connections go through the proxy"));
  EXPECT_THAT(out, HasSubstr("http_proxy")) << "the bucket was asked";
  EXPECT_THAT(out, testing::Not(HasSubstr("resolv.conf")));
}

TEST(Program, PrintsItsConfigurationWithoutSecrets) {
  std::string out, err;
  EXPECT_EQ(
      RunProgram({"ossfs2", "mount", "/mnt/x", "--print-config", "--oss_endpoint=http://h", "--oss_bucket=bucket",
                  "--oss_access_key_id=id", "--oss_access_key_secret=TopSecret", "--state_dir=/s"},
                 out, err),
      0)
      << err;
  EXPECT_THAT(out, HasSubstr("--oss_bucket=bucket"));
  EXPECT_THAT(out, HasSubstr("# memory: "));
  EXPECT_EQ((out + err).find("TopSecret"), std::string::npos);
}

// oss/credentials/credential_refresher.cc begins its errors so, and tests/oss/credentials_test.cc holds it to that.
TEST(ProbeAdvice, LeavesATroubleOfTheKeysToItsSource) {
  Settings settings;
  settings.oss.endpoint = "http://h";
  settings.http.proxy = "http://proxy:1";
  const Error given =
      MakeError(EACCES, ErrorKind::kUnavailable, "there are no valid credentials: the role answered HTTP 503");
  EXPECT_EQ(AdviseProbe(given, settings).text, given.text);
  EXPECT_EQ(AdviseCredentials(given).text,
            "no credentials: the role answered HTTP 503. Next: correct what is named, or give the keys in another way");
  const Error advised = MakeError(EACCES, ErrorKind::kAccessDenied, "the role is gone. Next: check ram_role");
  EXPECT_EQ(AdviseCredentials(advised).text, "no credentials: " + advised.text);
}

// An upload without a date that can be read may be of this minute, and somebody else's.
TEST(AbortOldUploads, KeepsWhatHasNoAge) {
  const auto store = oss::MakeMemoryStore();
  const auto id = store->InitiateUpload("new", {});
  ASSERT_TRUE(id);
  const auto never = [](const UploadInfo&) { return false; };
  testing::internal::CaptureStdout();
  const GcCount count = AbortOldUploads(*store, {{"new", *id, 0}}, never, 1'000'000, false);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(count.kept, 1u);
  EXPECT_EQ(store->OpenUploads(), 1u);
  testing::internal::CaptureStdout();
  EXPECT_EQ(AbortOldUploads(*store, {{"new", *id, 1'000'000}}, never, 1'000'000, false).aborted, 1u);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("abort new (begun 1970-01-12"));
  EXPECT_EQ(store->OpenUploads(), 0u);
}

// Nobody listens: said after one try. All retries would take longer than a test may.
TEST(Program, GcAsksOnceWhetherTheServiceIsThere) {
  std::string out, err;
  EXPECT_EQ(RunProgram({"ossfs2", "gc", "--oss_endpoint=http://127.0.0.1:1", "--oss_bucket=bucket", "--anonymous",
                        "--oss_request_timeout_ms=900000"}, out, err), 1);
  EXPECT_THAT(err, HasSubstr("check the host and port of oss_endpoint"));
}

// check and gc read the config file of a mount, without its mount point.
TEST(ToolSettings, TakeTheDirectoriesOfAMount) {
  for (const char* option : {"temp_dir", "staging_dir", "journal_dir", "state_dir", "log_dir"}) {
    const auto settings =
        ReadToolSettings({"--oss_endpoint=http://127.0.0.1:1", "--oss_bucket=bucket", "--oss_access_key_id=id",
                          "--oss_access_key_secret=secret", StrCat("--", option, "=/var/tmp/ossfs2-test")});
    EXPECT_TRUE(settings) << option << ": " << settings.error().text;
  }
}

}  // namespace
}  // namespace ossfs2
