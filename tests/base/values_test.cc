// Status, sizes, texts, CRC64, metrics: the value-like parts of base.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <random>

#include "base/report/metrics.h"
#include "base/time/clock.h"
#include "base/time/wall_time.h"
#include "base/values/crc64.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "ossfs2/status.h"
#include "tests/support/seed.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;

Status Through(Status inner) {
  OSSFS2_RETURN_IF_ERROR(std::move(inner));
  return MakeError(EEXIST, ErrorKind::kAlreadyExists, "after");
}

TEST(StatusTest, TextHasStatusCodeAndRequestId) {
  Error error = MakeError(ENOENT, ErrorKind::kNotFound, "object 'a' is missing");
  EXPECT_EQ(error.ToString(), "object 'a' is missing");
  error.oss_code = "NoSuchKey";
  EXPECT_EQ(error.ToString(), "object 'a' is missing [NoSuchKey]");
  error.http_status = 404;
  error.request_id = "5C3D";
  EXPECT_EQ(error.ToString(), "object 'a' is missing [HTTP 404, NoSuchKey, request id 5C3D]");
  EXPECT_EQ(MakeError(EACCES, ErrorKind::kOther, "").ToString(), "Permission denied");
  EXPECT_EQ(ErrnoError(EACCES, "open /x").text, "open /x: Permission denied");
}

TEST(StatusTest, ErrorsPassThroughAndSuccessGoesOn) {
  EXPECT_EQ(ErrnoOf(Through(MakeError(EPERM, ErrorKind::kOther, "x"))), EPERM);
  EXPECT_EQ(ErrnoOf(Through({})), EEXIST);
  EXPECT_EQ(ErrnoOf(Status{}), 0);
}

TEST(SizeTest, Parses) {
  for (const auto& [text, bytes] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"0", 0},
           {"1048576", 1048576},
           {"5b", 5},
           {"8MiB", 8u << 20},
           {"16g", 16ull << 30},
           {"1KB", 1024},
           {"2Ti", 2ull << 40},
           {"16383P", 16383ull << 50},
           {"18446744073709551615", std::numeric_limits<uint64_t>::max()}}) {
    const auto size = ParseSize(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(*size, bytes) << text;
  }
  for (const char* text :
       {"", "g", "-1", "1.5g", "1 g", "1gx", "1i", "0x10", "16384P", "18446744073709551616", "1gibb"}) {
    const auto size = ParseSize(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().errno_value, EINVAL);
    EXPECT_THAT(size.error().text, HasSubstr(StrCat("'", text, "'")));
  }
}

TEST(SizeTest, Formats) {
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(12), "12 B");
  EXPECT_EQ(FormatSize(640u << 10), "640 KiB");
  EXPECT_EQ(FormatSize(3ull << 29), "1.50 GiB");
  EXPECT_EQ(FormatSize(std::numeric_limits<uint64_t>::max()), "16.00 EiB");
}

TEST(StrTest, JoinsTextsAndNumbers) {
  EXPECT_EQ(StrCat("a", std::string("b"), std::string_view("c"), 'd', -1, std::numeric_limits<uint64_t>::max(),
                   std::numeric_limits<int64_t>::min(), uint8_t{7}),
            "abcd-118446744073709551615-92233720368547758087");
}

// Vectors of the service's documentation.
TEST(TextTest, PrintableHasNoControlCharacters) {
  EXPECT_EQ(Printable("/mnt/a b/\xc3\xa9"), "/mnt/a b/\xc3\xa9");
  EXPECT_EQ(Printable("a\nb\x1b[2J\x7f\t"), "a?b?[2J??");
  EXPECT_EQ(Printable(""), "");
}

TEST(Crc64Test, Vectors) {
  const auto of = [](const std::string& text) { return Crc64(0, text.data(), text.size()); };
  EXPECT_EQ(of(""), 0u);
  EXPECT_EQ(of("123456789"), 11051210869376104954u);
  EXPECT_EQ(of("a"), 3675645893302102789u);
  EXPECT_EQ(of("hello world"), 5981764153023615706u);
  EXPECT_EQ(of(std::string(4096, 0)), 2797812426771984549u);
  EXPECT_EQ(of(std::string(1u << 20, 0)), 6947770692288575170u);
  EXPECT_EQ(of(std::string(2u << 20, 0)), 2161324877613257654u);
}

TEST(Crc64Test, IncrementalAndCombinedAgree) {
  std::mt19937_64 random(test::TestSeed());
  std::string data(100'000, 0);
  for (char& byte : data) byte = static_cast<char>(random());
  const uint64_t whole = Crc64(0, data.data(), data.size());
  for (size_t cut : {size_t{0}, size_t{1}, data.size() - 1, data.size(), size_t{random()} % data.size()}) {
    const uint64_t a = Crc64(0, data.data(), cut);
    const uint64_t b = Crc64(0, data.data() + cut, data.size() - cut);
    EXPECT_EQ(Crc64(a, data.data() + cut, data.size() - cut), whole) << cut;
    EXPECT_EQ(Crc64Combine(a, b, data.size() - cut), whole) << cut;
  }
  EXPECT_EQ(Crc64Combine(0, whole, 1ull << 45), whole);
  const std::string zeros(3u << 20, 0);
  EXPECT_EQ(Crc64Combine(2161324877613257654u, 6947770692288575170u, 1u << 20), Crc64(0, zeros.data(), zeros.size()));
  EXPECT_EQ(Crc64Combine(6947770692288575170u, 6947770692288575170u, 1u << 20), 2161324877613257654u);
}

TEST(ClockTest, FakeMovesOnlyWhenTold) {
  FakeClock clock;
  const auto steady = clock.NowSteady();
  const int64_t wall = clock.NowWallNs();
  EXPECT_EQ(clock.NowSteady(), steady);
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(clock.NowSteady() - steady, std::chrono::seconds(2));
  EXPECT_EQ(clock.NowWallNs() - wall, 2'000'000'000);
  EXPECT_GT(Clock::Real().NowWallNs(), wall);
}

TEST(WallTimeTest, DatesBeyondNanosecondsBecomeTheNearest) {
  constexpr int64_t kEnd = kWallSecondsMax * kNsPerSecond;
  EXPECT_EQ(WallNs(1'700'000'000, 5), 1'700'000'000'000'000'005);
  EXPECT_EQ(WallNs(-1, 999'999'999), -1);
  EXPECT_EQ(WallNs(253'402'300'799), kEnd);  // the end of the year 9999
  EXPECT_EQ(WallNs(std::numeric_limits<int64_t>::max(), 999'999'999), kEnd + 999'999'999);
  EXPECT_EQ(WallNs(std::numeric_limits<int64_t>::min()), -kEnd);
}

TEST(MetricsTest, HistogramQuantiles) {
  Histogram histogram;
  EXPECT_EQ(histogram.QuantileSeconds(0.5), 0);
  for (int n = 0; n < 99; ++n) histogram.Observe(std::chrono::microseconds(100));
  histogram.Observe(std::chrono::hours(1));
  histogram.Observe(std::chrono::nanoseconds(-5));
  EXPECT_EQ(histogram.Count(), 101u);
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(0.5), 128e-6);
  EXPECT_DOUBLE_EQ(histogram.QuantileSeconds(1), Histogram::BucketLimitSeconds(Histogram::kBuckets - 1));
  EXPECT_NEAR(histogram.SumSeconds(), 3600.0099, 1e-6);
}

TEST(MetricsTest, TextAndJson) {
  Registry registry;
  Counter& counter = registry.counter("requests", "Requests sent", "verb=\"GET\"");
  counter.Add(3);
  EXPECT_EQ(&counter, &registry.counter("requests", "", "verb=\"GET\""));
  registry.gauge("memory_bytes", "Memory").Set(-7);
  registry.histogram("latency", "Latency").Observe(std::chrono::microseconds(3));
  const std::string text = registry.PrometheusText();
  EXPECT_THAT(text, HasSubstr("# HELP ossfs2_requests Requests sent\n# TYPE ossfs2_requests counter\n"));
  EXPECT_THAT(text, HasSubstr("ossfs2_requests{verb=\"GET\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ossfs2_memory_bytes -7\n"));
  EXPECT_THAT(text, HasSubstr("ossfs2_latency_bucket{le=\"2e-06\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("ossfs2_latency_bucket{le=\"4e-06\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("ossfs2_latency_bucket{le=\"+Inf\"} 1\nossfs2_latency_sum 3e-06\nossfs2_latency_count 1\n"));
  EXPECT_THAT(registry.JsonText(), HasSubstr("\"requests{verb=\\\"GET\\\"}\":3"));
  EXPECT_THAT(registry.JsonText(), HasSubstr("\"memory_bytes\":-7"));
}

}  // namespace
}  // namespace ossfs2
