// `ossfs2 set` and SIGHUP against settings, without a mount.
#include "cli/daemon/mount_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/options/option_table.h"
#include "tests/cli/settings_text.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;

OptionSet Options() {
  OptionSet options;
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"oss_endpoint", "http://h"},
                                                                  {"oss_bucket", "bucket"},
                                                                  {"oss_access_key_id", "id"},
                                                                  {"oss_access_key_secret", "hush"},
                                                                  {"state_dir", "/state"},
                                                                  {"log_dir", "/logs"}})
    EXPECT_TRUE(options.Set(name, value, "test", OptionLayer::kFile));
  return options;
}

// Another allowed value than the default.
std::string Sample(const OptionSpec& spec) {
  if (spec.name == "log_level") return "warning";
  if (spec.name == "traffic_limit") return "819200";
  if (spec.type == OptionType::kBool) return spec.default_value == "true" ? "false" : "true";
  if (spec.type == OptionType::kSeconds) return "7";
  return spec.max != OptionSpec::kNoBound && spec.max < 7001 ? "7" : "7001";
}

TEST(Tunables, EveryOptionThatMayChangeReachesWhatIsRunning) {
  for (const OptionSpec& spec : OptionTable()) {
    if (!spec.runtime || spec.name == "log_level" || spec.name == "flush_deadline") continue;
    SCOPED_TRACE(spec.name);
    OptionSet options = Options();
    const auto running = MakeSettings(options, "/mnt/x");
    ASSERT_TRUE(running) << running.error().text;
    const Settings layer = *running;  // as a layer below keeps its copy
    ASSERT_TRUE(options.Set(spec.name, Sample(spec), "test", OptionLayer::kCommandLine));
    const auto fresh = MakeSettings(options, "/mnt/x");
    ASSERT_TRUE(fresh) << fresh.error().text;
    EXPECT_NE(SettingsText(layer), SettingsText(*fresh));
    ApplyTunables(*fresh, *running);
    EXPECT_EQ(SettingsText(layer), SettingsText(*fresh)) << "reached, and nothing else changed";
  }
}

TEST(Tunables, WhatNeedsANewMountStays) {
  OptionSet options = Options();
  const auto running = MakeSettings(options, "/mnt/x");
  ASSERT_TRUE(options.Set("ro", "true", "test", OptionLayer::kCommandLine));
  ApplyTunables(*MakeSettings(options, "/mnt/x"), *running);
  EXPECT_FALSE(running->fs.read_only);
}

TEST(Tunables, WhatNeedsANewMountIsNamed) {
  OptionSet running = Options();
  const auto set = [](OptionSet& options, const char* name, const char* value) {
    ASSERT_TRUE(options.Set(name, value, "test", OptionLayer::kFile));
  };
  set(running, "total_mem_limit", "1g");
  set(running, "uid", "7");
  OptionSet fresh = Options();
  set(fresh, "total_mem_limit", "1024m");          // the same
  set(fresh, "attr_timeout", "5");                 // can change
  set(fresh, "oss_access_key_secret", "another");  // can change
  set(fresh, "direct_io", "true");
  EXPECT_THAT(KeepWhatNeedsANewMount(fresh, running), testing::UnorderedElementsAre("direct_io", "uid"));
  EXPECT_FALSE(fresh.Bool("direct_io")) << "remount must not say that it is so already";
  EXPECT_EQ(fresh.Text("uid"), "7");
  EXPECT_EQ(fresh.Text("attr_timeout"), "5");
  EXPECT_EQ(fresh.Text("oss_access_key_secret"), "another");
}

TEST(Tunables, WhatCannotBeSetSaysWhyAndWhatToDo) {
  EXPECT_THAT(WhyNotSet(*FindOption("total_mem_limit")), HasSubstr("needs a new mount"));
  EXPECT_THAT(WhyNotSet(*FindOption("disk_data_cache_dir")), HasSubstr("has no effect: there is no disk tier"));
  EXPECT_THAT(WhyNotSet(*FindOption("oss_hdfs_client_options")), HasSubstr("mount the bucket itself"));
  EXPECT_THAT(WhyNotSet(*FindOption("oss_access_key_secret")), HasSubstr("kill -HUP"));
}

TEST(Tunables, AssignmentDoesNotReachCopies) {
  FsOptions one;
  FsOptions two = one;
  two.attr_timeout_s = 5;
  EXPECT_EQ(one.attr_timeout_s, 60);
  two = one;
  two.attr_timeout_s.Change(5);
  EXPECT_EQ(one.attr_timeout_s, 5);
}

}  // namespace
}  // namespace ossfs2
