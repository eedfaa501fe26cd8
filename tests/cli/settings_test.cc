// Settings: every option reaches a layer, what is not given is derived, and what cannot work together is refused.
#include "cli/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/values/str.h"
#include "cli/options/option_table.h"
#include "tests/cli/settings_text.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Values = std::map<std::string, std::string>;

Result<Settings> Make(const Values& values, const std::string& mount_point = "/mnt/oss") {
  OptionSet options;
  Values all = {{"oss_endpoint", "http://oss-cn-test.example.com"},
                {"oss_bucket", "bucket"},
                {"oss_access_key_id", "id"},
                {"oss_access_key_secret", "secret"},
                {"state_dir", "/state"},
                {"log_dir", "/logs"}};
  for (const auto& [name, value] : values) all[name] = value;
  for (const auto& [name, value] : all)
    if (const Status set = options.Set(name, value, "test", OptionLayer::kCommandLine); !set)
      return set.error();
  return MakeSettings(options, mount_point);
}

std::string ErrorOf(const Values& values) {
  const auto settings = Make(values);
  return settings ? "" : settings.error().text;
}

// D15: an option without effect is a defect. Each works on at least one field; what others it needs comes
// first.
TEST(Settings, EveryOptionHasAnEffect) {
  const std::map<std::string, Values> others = {
      {"sse_key_id", {{"sse", "KMS"}}},
      {"staging_free_bytes", {}},
  };
  const Values samples = {{"oss_endpoint", "https://else"},
                          {"log_dir", "/else"},
                          {"oss_access_key_secret", "hush"},
                          {"signature_version", "1"},
                          {"credential_process", "/bin/keys"},
                          {"user_metadata", "a=1;B=2"},
                          {"traffic_limit", "819200"},
                          {"uid", "1234"},
                          {"gid", "1234"},
                          {"dir_mode", "0700"},
                          {"file_mode", "0600"},
                          {"log_level", "debug"},
                          {"log_format", "json"},
                          {"ca_file", "/dev/null"},
                          {"ca_dir", "/tmp"},
                          {"total_mem_limit", "128m"},
                          {"memory_data_cache_size", "64m"},
                          {"metadata_mem_limit", "8m"},
                          {"bind_ips", "10.0.0.1, 10.0.0.2"},
                          {"storage_class", "IA"},
                          {"sse", "AES256"},
                          {"object_acl", "private"},
                          {"staging_dir", "/stage"},
                          {"journal_dir", "/journal"},
                          {"state_dir", "/other"},
                          {"metrics_ip", "::1"}};
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.support != OptionSupport::kWorks || spec.name == "skip_trim_options") continue;
    const std::string name(spec.name);
    SCOPED_TRACE(name);
    std::string sample = "sample";
    if (const auto it = samples.find(name); it != samples.end()) {
      sample = it->second;
    } else if (spec.type == OptionType::kBool) {
      sample = spec.default_value == "true" ? "false" : "true";
    } else if (spec.type == OptionType::kSize) {
      sample = "77m";
    } else if (spec.type == OptionType::kSeconds) {
      sample = "7";
    } else if (spec.type == OptionType::kInt) {
      sample = spec.max != OptionSpec::kNoBound && spec.max < 7000 ? "3" : "7001";
    }
    Values base;
    if (const auto it = others.find(name); it != others.end()) base = it->second;
    const auto before = Make(base);
    ASSERT_TRUE(before) << before.error().text;
    base[name] = sample;
    const auto after = Make(base);
    ASSERT_TRUE(after) << after.error().text;
    EXPECT_NE(SettingsText(*before), SettingsText(*after)) << name << "=" << sample << " changes nothing";
  }
}

TEST(Settings, DerivesWhatIsNotGiven) {
  const auto settings = Make({{"oss_bucket_prefix", "/models/llm/"}, {"upload_buffer_size", "8388609"}});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->fs.prefix, "models/llm") << "one slash at each end is stripped";
  EXPECT_EQ(settings->Source(), "oss://bucket/models/llm");
  EXPECT_EQ(settings->fuse.source, "bucket.oss-cn-test.example.com:/models/llm");
  EXPECT_EQ(settings->upload.part_bytes, 9u << 20) << "rounded up to 1 MiB";
  EXPECT_EQ(settings->log.target, "/logs/mnt-oss.log") << "one log for each mount";
  EXPECT_EQ(settings->upload.staging_dir.rfind("/state/mnt-oss/bucket-", 0), 0u)
      << settings->upload.staging_dir;
  EXPECT_EQ(settings->fs.uid, getuid());
  EXPECT_FALSE(settings->fs.ignore_fsync) << "D2";
  EXPECT_EQ(settings->memory.pool_bytes + settings->memory.metadata_bytes + settings->memory.buffer_bytes,
            settings->memory.total_bytes);
}

TEST(Settings, TwoMountsShareNoDirectory) {
  const auto one = Make({}, "/mnt/a");
  const auto two = Make({}, "/mnt/b");
  const auto third = Make({{"oss_bucket", "other"}}, "/mnt/a");
  EXPECT_NE(one->upload.journal_dir, two->upload.journal_dir);
  EXPECT_NE(one->upload.journal_dir, third->upload.journal_dir);
  EXPECT_NE(one->log.target, two->log.target);
}

TEST(Settings, CloseToOpenNeedsSynchronousUploads) {
  EXPECT_FALSE(Make({{"sync_upload", "false"}})->fs.sync_upload);
  EXPECT_TRUE(Make({{"sync_upload", "false"}, {"close_to_open", "true"}})->fs.sync_upload);
}

TEST(Settings, ReaddirplusGoesWithoutTimeouts) {
  EXPECT_TRUE(Make({})->fuse.readdirplus);
  EXPECT_FALSE(Make({{"attr_timeout", "0"}})->fuse.readdirplus);
  EXPECT_TRUE(Make({{"attr_timeout", "0"}, {"fuse_entry_timeout", "1"}})->fuse.readdirplus);
}

TEST(Settings, TimeoutsOfForeverAreTaken) {
  for (const char* forever : {"2147483647", "18446744073709551615"})
    EXPECT_EQ(Make({{"attr_timeout", forever}})->fs.attr_timeout_s, OptionSet::kSecondsMax) << forever;
}

TEST(Settings, ForegroundLogsToTheTerminalUnlessToldOtherwise) {
  EXPECT_EQ(Make({{"f", "true"}, {"log_dir", ""}})->log.target, "/dev/stdout");
  EXPECT_EQ(Make({{"f", "true"}})->log.target, "/logs/mnt-oss.log");
  EXPECT_EQ(Make({{"log_dir", "syslog"}})->log.target, "syslog");
  const auto daemon = Make({{"log_dir", "/dev/stdout"}, {"state_dir", "/s"}});
  ASSERT_TRUE(daemon) << daemon.error().text;
  EXPECT_THAT(daemon->log.target, testing::EndsWith("/mnt-oss.log")) << "where it is without log_dir";
  EXPECT_THAT(daemon->notices, ElementsAre(HasSubstr("log_dir=/dev/stdout needs the foreground")));
}

TEST(Settings, OneHalfOfAKeyPairMeansTheEnvironment) {
  ScopedVariable id("OSS_ACCESS_KEY_ID", "env-id");
  ScopedVariable secret("OSS_ACCESS_KEY_SECRET", "env-secret");
  const auto settings = Make({{"oss_access_key_secret", ""}});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->credentials.access_key_id, "") << "the default chain asks the environment";
  ScopedVariable gone("OSS_ACCESS_KEY_SECRET", nullptr);
  EXPECT_THAT(ErrorOf({{"oss_access_key_secret", ""}}), HasSubstr("oss_access_key_secret is missing"));
}

TEST(Settings, APairThatIsNotUsedMayBeIncomplete) {
  ScopedVariable id("OSS_ACCESS_KEY_ID", nullptr);
  for (const char* half : {"oss_access_key_id", "oss_access_key_secret"}) {
    const auto settings = Make({{half, ""}, {"oss_security_token", "t"}, {"ram_role", "reader"}});
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_EQ(settings->credentials.access_key_id + settings->credentials.access_key_secret, "");
    EXPECT_THAT(settings->notices, ElementsAre("one half of the key pair is missing; ram_role is used"));
  }
  EXPECT_THAT(Make({{"ram_role", "reader"}, {"credential_file", "/f"}})->notices,
              ElementsAre("oss_access_key_id is not used, since ram_role is given",
                          "credential_file is not used, since ram_role is given"));
}

TEST(Settings, AWrongSourceAddressIsLeftOut) {
  const auto settings = Make({{"bind_ips", "10.0.0.1,10.0.0.256, ::1"}});
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_THAT(settings->http.source_addresses, ElementsAre("10.0.0.1", "::1"));
  EXPECT_THAT(settings->notices, ElementsAre("bind_ips: \"10.0.0.256\" is not an IP address and is left out"));
}

// Somebody else has mounted; /etc/fuse.conf is about fusermount3.
TEST(Settings, AMountedDeviceMayHaveAllowOther) {
  const uid_t before = geteuid();
  if (before == 0) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const auto settings = Make({{"allow_other", "true"}, {"fuse_device_fd", "7"}});
  if (before == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_TRUE(settings->fuse.allow_other);
}

struct Refusal {
  Values values;
  const char* text;
};

TEST(Settings, RefuseWhatCannotWork) {
  for (const Refusal& refusal :
       {Refusal{{{"oss_endpoint", ""}}, "oss_endpoint is missing"},
        Refusal{{{"oss_endpoint", "oss://b"}}, "must begin with http"},
        Refusal{{{"oss_endpoint", "https://h/bucket"}}, "is not a host name"},
        Refusal{{{"oss_endpoint", "https://user@h"}}, "is not a host name"},
        Refusal{{{"oss_bucket", ""}}, "oss_bucket is missing"},
        Refusal{{{"oss_bucket", "b/p"}}, "oss_bucket_prefix"},
        Refusal{{{"oss_bucket", "My_Bucket"}}, "oss_bucket=My_Bucket is not a bucket name"},
        Refusal{{{"signature_version", "4"}}, "oss_region is not set"},
        Refusal{{{"signature_version", "2"}}, "signature version 2 is not known: 1 or 4"},
        Refusal{{{"sse_key_id", "k"}}, "needs sse=KMS"},
        Refusal{{{"traffic_limit", "100"}}, "819200"},
        Refusal{{{"user_metadata", "x"}}, "name=value"},
        Refusal{{{"user_metadata", "my_team=a"}}, "\"my_team\" may hold only"},
        Refusal{{{"user_metadata", "a=1;b =2"}}, "\"b \" may hold only"},
        Refusal{{{"user_metadata", "Mode=0600"}}, "keeps attributes"},
        Refusal{{{"user_metadata", "ossfs2-put=1"}}, "keeps attributes"},
        Refusal{{{"user_metadata", StrCat("a=", std::string(8000, 'x'))}}, "at most 7168"},
        Refusal{{{"tagging", "a=%23"}}, "letters, digits"},
        Refusal{{{"tagging", "a=1&%61=2"}}, "comes twice"},
        Refusal{{{"tagging", "a b=c"}}, "URL-encoded"},
        Refusal{{{"tagging", "=c"}}, "URL-encoded"},
        Refusal{{{"tagging", "a=1&a=2"}}, "comes twice"},
        Refusal{{{"tagging", StrCat("a=", std::string(257, 'x'))}}, "256"},
        Refusal{{{"tagging", "a&b&c&d&e&f&g&h&i&j&k"}}, "10 tags"},
        Refusal{{{"enable_appendable_object", "true"}, {"sse", "KMS"}, {"sse_key_id", "k"}}, "sse_key_id"},
        Refusal{{{"enable_appendable_object", "true"}, {"storage_class", "ColdArchive"}}, "storage_class=ColdArchive"},
        Refusal{{{"credential_process", "keys"}}, "absolute path"},
        Refusal{{{"credential_process", "/bin/keys $HOME"}}, "without $"},
        Refusal{{{"ca_file", "/no/such.pem"}}, "/no/such.pem"},
        Refusal{{{"log_dir", "logs"}}, "not an absolute path"},
        Refusal{{{"log_dir", "/mnt/oss/logs"}}, "inside the mount point"},
        Refusal{{{"staging_dir", "/mnt/oss"}}, "inside the mount point"},
        Refusal{{{"journal_dir", "j"}}, "not an absolute path"},
        Refusal{{{"total_mem_limit", "16"}}, "at least 64m"},
        Refusal{{{"oss_bucket", "oss://b/p/q/"}}, "write oss_bucket=b and oss_bucket_prefix=p/q"},
        Refusal{{{"oss_security_token", "t"}, {"oss_access_key_id", ""}, {"oss_access_key_secret", ""}},
                "belongs to a key pair"}})
    EXPECT_THAT(ErrorOf(refusal.values), HasSubstr(refusal.text)) << refusal.text;
}

TEST(Directories, AreMadePrivate) {
  TestFolder folder;
  auto settings = Make({{"state_dir", folder.path() + "/s"},
                        {"log_dir", folder.path() + "/l"},
                        {"temp_dir_free_bytes", "64m"}});
  ASSERT_TRUE(settings);
  ASSERT_TRUE(PrepareLogDirectory(*settings));
  const Status made = PrepareStateDirectories(*settings);
  ASSERT_TRUE(made) << made.error().text;
  struct stat info {};
  ASSERT_EQ(stat(settings->upload.staging_dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  ASSERT_EQ(stat((folder.path() + "/l").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0027, 0u);
  RemoveEmptyDirectories(*settings);
  EXPECT_NE(access((folder.path() + "/s/mnt-oss").c_str(), F_OK), 0);
  EXPECT_EQ(access((folder.path() + "/s").c_str(), F_OK), 0);
}

TEST(Directories, UnsafeLogsAreRefused) {
  TestFolder folder;
  auto settings = Make({{"state_dir", folder.path() + "/s"}, {"log_dir", folder.path()}});
  ASSERT_EQ(symlink("/etc/passwd", settings->log.target.c_str()), 0);
  EXPECT_THAT(PrepareLogDirectory(*settings).error().text, HasSubstr("is a link"));
  ASSERT_EQ(unlink(settings->log.target.c_str()), 0);
  chmod(folder.path().c_str(), 0777);
  EXPECT_THAT(PrepareLogDirectory(*settings).error().text, HasSubstr("everybody may write"));
}

TEST(Directories, TheExistingClientsLogFolderIsTakenOver) {
  TestFolder folder;
  const std::string path = folder.path() + "/ossfs2";
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  auto settings = Make({{"state_dir", folder.path() + "/s"}, {"log_dir", path}, {"temp_dir_free_bytes", "64m"}});
  const Status made = PrepareLogDirectory(*settings);
  ASSERT_TRUE(made) << made.error().text;
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  EXPECT_THAT(settings->notices, ElementsAre(HasSubstr("everybody could write")));
}

TEST(Directories, AFullStagingDiskRefusesOnlyWhenItWasNamed) {
  TestFolder folder;
  const Values wanted = {
      {"state_dir", folder.path() + "/s"}, {"log_dir", folder.path()}, {"temp_dir_free_bytes", "900000T"}};
  auto unnamed = Make(wanted);
  ASSERT_TRUE(PrepareStateDirectories(*unnamed));
  ASSERT_EQ(unnamed->notices.size(), 1u);
  EXPECT_THAT(unnamed->notices[0], HasSubstr("cannot be written out of order"));
  Values named = wanted;
  named["staging_dir"] = folder.path() + "/t";
  auto refused = Make(named);
  EXPECT_THAT(PrepareStateDirectories(*refused).error().text, HasSubstr("temp_dir_free_bytes"));
}

}  // namespace
}  // namespace ossfs2
