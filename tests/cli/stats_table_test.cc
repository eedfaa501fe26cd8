// The table of `ossfs2 stats`: rates of the time between two answers, and errors passed on.
#include "cli/admin/stats_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/admin/admin_protocol.h"
#include "cli/app.h"
#include "cli/mounts/mount_registry.h"
#include "tests/cli/fake_daemon.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* kBefore = R"({"ok":true,"mount":{"uptime_s":10},"metrics":{"fuse_read_bytes_total":1073741824,
  "read_hits_total":10,"read_misses_total":10}})";
const char* kNow =
    R"({"ok":true,"mount":{"pid":7,"source":"oss://b/p","mount_point":"/mnt","uptime_s":12,"state":"serving",
  "credentials":"option oss_access_key_id","memory":{"read":1048576,"cache":0},"memory_pool_bytes":1073741824,
  "unpublished_bytes":2097152},
  "metrics":{"fuse_read_bytes_total":3221225472,"read_hits_total":40,"read_misses_total":20,"read_gets_in_flight":5,
  "retries_total{op=\"get\"}":2,"publish_errors_total":4,
  "errors_total{code=\"SlowDown\"}":3,"errors_total{code=\"NoSuchKey\"}":7,
  "errors_total{code=\"InternalError\"}":0,
  "request_seconds{op=\"get\"}":{"count":9,"sum_s":1.5,"p50_s":0.000512,"p99_s":1.5},
  "idle_seconds":{"count":0,"p50_s":0}}})";

TEST(StatsTable, UptimeHasTwoUnitsAtMost) {
  EXPECT_EQ(UptimeText(0), "0s");
  EXPECT_EQ(UptimeText(3599), "59m59s");
  EXPECT_EQ(UptimeText(86399), "23h59m");
  EXPECT_EQ(UptimeText(90000), "1d1h");
}

TEST(StatsTable, ShowsRatesOfTheInterval) {
  const auto table = RenderStats(kNow, kBefore, 2);
  ASSERT_TRUE(table) << table.error().text;
  EXPECT_THAT(*table, HasSubstr("oss://b/p on /mnt, pid 7, up 12s, serving"));
  EXPECT_THAT(*table, HasSubstr("read 1.00 GiB/s"));
  EXPECT_THAT(*table, HasSubstr("from memory 75.0 %"));
  EXPECT_THAT(*table, HasSubstr("memory        cache 0 B, read 1.00 MiB; 1.00 GiB at most\n"));
  EXPECT_THAT(*table, HasSubstr("5 GETs"));
  EXPECT_THAT(*table, HasSubstr("unsaved 2.00 MiB"));
  EXPECT_THAT(*table, HasSubstr("2 retries"));
  EXPECT_THAT(*table, HasSubstr("; SlowDown 3\n"));
  EXPECT_THAT(*table, Not(HasSubstr("InternalError"))) << "what never happened is not shown";
  EXPECT_THAT(*table, HasSubstr(" 4 failed closes and fsyncs"));
  EXPECT_THAT(*table, Not(HasSubstr("NoSuchKey"))) << "a name that is not there is no trouble";
  EXPECT_THAT(*table, HasSubstr("512 us"));
  EXPECT_THAT(*table, HasSubstr("1.50 s"));
  EXPECT_THAT(*table, Not(HasSubstr("idle_seconds")));
}

TEST(StatsTable, TakesTheUptimeWithoutAnEarlierAnswer) {
  const auto table = RenderStats(kNow, "", 0);
  ASSERT_TRUE(table);
  EXPECT_THAT(*table, HasSubstr("read 256 MiB/s"));
}

TEST(StatsTable, RefusesNonsenseAndPassesErrorsOn) {
  EXPECT_FALSE(RenderStats("", "", 1));
  EXPECT_FALSE(RenderStats("[]", "", 1));
  EXPECT_FALSE(RenderStats(R"({"ok":true})", "", 1));
  EXPECT_EQ(RenderStats(R"({"ok":false,"error":"closing"})", "", 1).error().text, "closing");
  EXPECT_TRUE(RenderStats(R"({"mount":{},"metrics":{"a":"b","c":{"count":"x"}}})", "broken", 1)) << "lenient";
}

// A daemon whose answer to `stats` is an error: longer than an answer may be.
class TooMuch : public AdminCommands {
 public:
  std::string MountJson() override { return "\"" + std::string(kAdminAnswerBytesMax, 'x') + "\""; }
  std::string MetricsJson() override { return "{}"; }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  Result<std::string> Set(const std::string&, const std::string&) override { return std::string(); }
};

TEST(StatsCommand, FailsWhenTheAnswerIsAnError) {
  TooMuch commands;
  const FakeDaemon daemon(commands);
  testing::internal::CaptureStdout();
  EXPECT_EQ(StatsCommand({daemon.mount_point(), "--json"}), 1);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("\"error\":")) << "for the program that asked";
  EXPECT_EQ(StatsCommand({daemon.mount_point()}), 1);
}

}  // namespace
}  // namespace ossfs2
