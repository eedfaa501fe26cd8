// Options of ossfs2-server: every flag, its mistakes, and the help.
#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/values/str.h"

namespace ossfs2::server {
namespace {

const std::map<std::string, std::string> kNoEnvironment;

std::string ErrorOf(const std::vector<std::string>& arguments) {
  const auto options = ParseOptions(arguments, kNoEnvironment);
  return options ? "" : options.error().text;
}

TEST(OptionsTest, AllFlags) {
  const auto options = ParseOptions({"--root",
                                     "/r",
                                     "--listen=0.0.0.0:9000",
                                     "--bucket",
                                     "one",
                                     "--bucket=two",
                                     "--access-key-id",
                                     "i",
                                     "--access-key-secret",
                                     "s",
                                     "--security-token",
                                     "t",
                                     "--region",
                                     "cn-x",
                                     "--public",
                                     "--latency",
                                     "10ms",
                                     "--rate-per-connection",
                                     "80M",
                                     "--discard",
                                     "--copies-change-etag",
                                     "--no-copy-crc",
                                     "--versioned",
                                     "--storage-class",
                                     "Archive",
                                     "--synthetic",
                                     "k=v=2g",
                                     "--synthetic",
                                     "many=1kx1000",
                                     "--fault",
                                     "op=get,kind=reset",
                                     "--requests-log",
                                     "/l",
                                     "--endpoint",
                                     "h",
                                     "--cname",
                                     "a=b",
                                     "--restore-seconds",
                                     "5",
                                     "--page-entries-max",
                                     "7",
                                     "--tls-cert",
                                     "c",
                                     "--tls-key",
                                     "k"},
                                    kNoEnvironment);
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->http.address, "0.0.0.0");
  EXPECT_EQ(options->http.port, 9000);
  EXPECT_THAT(options->buckets, testing::ElementsAre("one", "two"));
  EXPECT_EQ(options->latency_ns, 10'000'000);
  EXPECT_EQ(options->rate_bytes_per_s, 80u << 20);
  EXPECT_EQ(options->synthetic[0].key, "k=v");
  EXPECT_EQ(options->synthetic[0].size, 2ull << 30);
  EXPECT_EQ(options->synthetic[1].count, 1000u);
  EXPECT_EQ(options->faults.size(), 1u);
  EXPECT_EQ(options->page_entries_max, 7);
  EXPECT_TRUE(options->copies_change_etag);
  EXPECT_TRUE(options->no_copy_crc);
  EXPECT_TRUE(options->versioned);
  EXPECT_EQ(options->storage_class, "Archive");
}

TEST(OptionsTest, KeysFromTheEnvironment) {
  const auto options =
      ParseOptions({"--root", "/r"},
                   {{"OSS_ACCESS_KEY_ID", "i"}, {"OSS_ACCESS_KEY_SECRET", "s"}, {"OSS_SESSION_TOKEN", "t"}});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->access_key_id, "i");
  EXPECT_EQ(options->access_key_secret, "s");
  EXPECT_EQ(options->security_token, "t");
}

TEST(OptionsTest, SecretFromAPrivateFile) {
  const std::string path = StrCat(testing::TempDir(), "ossfs2-secret-", getpid());
  std::ofstream(path) << "hush\n";
  chmod(path.c_str(), 0600);
  const auto options = ParseOptions({"--root", "/r", "--access-key-id", "i", "--secret-file", path}, {});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->access_key_secret, "hush");
  EXPECT_THAT(ErrorOf({"--root", "/r", "--access-key-id", "i", "--access-key-secret", "s", "--secret-file", path}),
              testing::HasSubstr("exclude each other"));
  chmod(path.c_str(), 0644);
  EXPECT_THAT(ErrorOf({"--root", "/r", "--access-key-id", "i", "--secret-file", path}),
              testing::HasSubstr("chmod 600"));
  unlink(path.c_str());
  EXPECT_THAT(ErrorOf({"--root", "/r", "--access-key-id", "i", "--secret-file", path}),
              testing::HasSubstr("--secret-file"));
}

TEST(OptionsTest, MistakesAreNamed) {
  EXPECT_THAT(ErrorOf({}), testing::HasSubstr("--root"));
  EXPECT_THAT(ErrorOf({"--root", "/r"}), testing::HasSubstr("--access-key-id"));
  EXPECT_THAT(ErrorOf({"--root"}), testing::HasSubstr("needs a value"));
  EXPECT_THAT(ErrorOf({"--rot", "/r"}), testing::HasSubstr("unknown option --rot"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--bucket", "X"}), testing::HasSubstr("no bucket name"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--public", "--latency", "fast"}), testing::HasSubstr("no duration"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--public", "--listen", "9000"}), testing::HasSubstr("ADDRESS:PORT"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--public", "--tls-cert", "c"}), testing::HasSubstr("--tls-key"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--public", "--synthetic", "k=1m"}),
              testing::HasSubstr("needs a --bucket"));
  EXPECT_THAT(ErrorOf({"--root", "/r", "--public", "--storage-class", "Cold"}), testing::HasSubstr("no storage class"));
  EXPECT_EQ(ErrorOf({"--help"}), "");
}

TEST(OptionsTest, HelpNamesEveryFlag) {
  for (const char* flag :
       {"--root", "--listen", "--bucket", "--access-key-id", "--secret-file", "--security-token", "--region",
        "--public", "--latency", "--rate-per-connection", "--discard", "--copies-change-etag", "--no-copy-crc",
        "--versioned", "--storage-class", "--synthetic", "--fault", "--requests-log", "--tls-cert", "--tls-key",
        "--cname", "--endpoint", "--restore-seconds", "--page-entries-max"}) {
    EXPECT_THAT(HelpText(), testing::HasSubstr(flag));
  }
}

TEST(OptionsTest, Durations) {
  EXPECT_EQ(*ParseDuration("10ms"), 10'000'000);
  EXPECT_EQ(*ParseDuration("2s"), 2'000'000'000);
  EXPECT_EQ(*ParseDuration("150us"), 150'000);
  EXPECT_EQ(*ParseDuration("5"), 5'000'000);
  for (const char* bad : {"", "ms", "-1s", "1.5s", "1h"}) EXPECT_FALSE(ParseDuration(bad)) << bad;
}

}  // namespace
}  // namespace ossfs2::server
