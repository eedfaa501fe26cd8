// The small pure parts of the client: endpoint, retry rules, hedging, errors, content types, transport texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "http/message/call_report.h"
#include "oss/exchange/answer_check.h"
#include "oss/exchange/hedge_policy.h"
#include "oss/exchange/oss_metrics.h"
#include "oss/exchange/retry_state.h"
#include "oss/oss_store.h"
#include "oss/protocol/endpoint.h"
#include "oss/protocol/error_table.h"
#include "oss/protocol/mime.h"

namespace ossfs2::oss {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

OssConfig ConfigOf(const std::string& endpoint, const std::string& region = "") {
  OssConfig config;
  config.endpoint = endpoint;
  config.bucket = "bucket";
  config.region = region;
  return config;
}

TEST(EndpointTest, RegionOfEndpoint) {
  EXPECT_EQ(RegionOfEndpoint("oss-cn-hangzhou.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(RegionOfEndpoint("https://oss-cn-hangzhou-internal.aliyuncs.com"), "cn-hangzhou");
  EXPECT_EQ(RegionOfEndpoint("http://cn-hangzhou.oss.aliyuncs.com:80"), "cn-hangzhou");
  EXPECT_EQ(RegionOfEndpoint("s3.oss-ap-southeast-1.aliyuncs.com"), "ap-southeast-1");
  EXPECT_EQ(RegionOfEndpoint("bucket.oss-us-west-1.aliyuncs.com"), "us-west-1");
  EXPECT_EQ(RegionOfEndpoint("oss-accelerate.aliyuncs.com"), "");
  EXPECT_EQ(RegionOfEndpoint("http://127.0.0.1:9000"), "");
}

TEST(EndpointTest, Styles) {
  auto endpoint = MakeEndpoint(ConfigOf("oss-cn-hangzhou.aliyuncs.com"));
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "bucket.oss-cn-hangzhou.aliyuncs.com");
  EXPECT_TRUE(endpoint->tls);
  EXPECT_EQ(endpoint->port, 443);
  EXPECT_EQ(endpoint->signature, SignatureVersion::kV4);
  EXPECT_EQ(endpoint->Target("a b/%", {{"x", ""}, {"y", "/"}}), "/a%20b/%25?x&y=%2F");
  endpoint = MakeEndpoint(ConfigOf("http://127.0.0.1:9000"));
  EXPECT_EQ(endpoint->host, "127.0.0.1");
  EXPECT_EQ(endpoint->port, 9000);
  EXPECT_EQ(endpoint->Target("k", {}), "/bucket/k");
  EXPECT_EQ(endpoint->signature, SignatureVersion::kV1) << "no region is known";
  endpoint = MakeEndpoint(ConfigOf("http://[::1]:9000", "oss-cn-beijing"));
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->region, "cn-beijing");
  endpoint = MakeEndpoint(ConfigOf("bucket.oss-cn-hangzhou.aliyuncs.com/"));
  EXPECT_EQ(endpoint->host, "bucket.oss-cn-hangzhou.aliyuncs.com") << "the bucket is not put in front twice";
  OssConfig cname = ConfigOf("https://files.example.com", "cn-hangzhou");
  cname.cname = true;
  endpoint = MakeEndpoint(cname);
  EXPECT_EQ(endpoint->host, "files.example.com");
  EXPECT_EQ(endpoint->Target("k", {}), "/k");
}

TEST(EndpointTest, WrongOnesNameTheOption) {
  for (const char* wrong :
       {"", "ftp://host", "http://host/path", "http://host:0", "http://host:99999", "http://"}) {
    const auto endpoint = MakeEndpoint(ConfigOf(wrong));
    ASSERT_FALSE(endpoint) << wrong;
    EXPECT_NE(endpoint.error().text.find("oss_endpoint"), std::string::npos);
  }
  OssConfig config = ConfigOf("http://host");
  config.bucket = "Bad_Bucket";
  EXPECT_NE(MakeEndpoint(config).error().text.find("oss_bucket"), std::string::npos);
  config = ConfigOf("http://host");
  config.signature_version = 4;
  EXPECT_NE(MakeEndpoint(config).error().text.find("oss_region"), std::string::npos);
}

Failure FailureWith(Remedy remedy) {
  Failure failure;
  failure.remedy = remedy;
  return failure;
}

TEST(RetryStateTest, BacksOffWithFullJitterUpToTheDeadline) {
  const SteadyTime start{};
  RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(60));
  const Failure failure = FailureWith(Remedy::kRetry);
  for (const int64_t cap : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
    const auto decision = state.Decide(failure, start, 0.5);
    EXPECT_EQ(decision.action, RetryState::Action::kWait);
    EXPECT_EQ(decision.delay.count(), cap / 2);
  }
  EXPECT_EQ(state.Decide(failure, start + seconds(60), 0.0).action, RetryState::Action::kGiveUp);
  state.OnProgress(start + seconds(120));
  EXPECT_EQ(state.Decide(failure, start + seconds(60), 0.5).delay, milliseconds(50));
}

TEST(RetryStateTest, ThrottlingAndRetryAfterWaitLonger) {
  const SteadyTime start{};
  RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(60));
  Failure failure = FailureWith(Remedy::kThrottle);
  EXPECT_EQ(state.Decide(failure, start, 0.5).delay, milliseconds(500));
  failure.retry_after = seconds(7);
  EXPECT_EQ(state.Decide(failure, start, 0.5).delay, seconds(7));
}

// Whatever is drawn: of a short deadline of a throttled call a third was used before.
TEST(RetryStateTest, AWaitThatDoesNotFitIsNoReasonToGiveUp) {
  const SteadyTime start{};
  for (const double random : {0.3, 0.6, 0.999}) {
    RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(4));
    SteadyTime now = start;
    int tries = 0;
    for (;; ++tries) {
      const RetryState::Decision decision = state.Decide(FailureWith(Remedy::kThrottle), now, random);
      if (decision.action == RetryState::Action::kGiveUp) break;
      now += decision.delay;
    }
    EXPECT_GE(now, start + milliseconds(3800)) << random;
    EXPECT_LT(now, start + seconds(4)) << random;
    EXPECT_LE(tries, 12) << random;
  }
  RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(4));
  Failure wish = FailureWith(Remedy::kThrottle);
  wish.retry_after = seconds(3);
  EXPECT_EQ(state.Decide(wish, start, 0.999).delay, seconds(3));
  EXPECT_EQ(state.Decide(wish, start + seconds(3), 0.999).delay, milliseconds(500));
}

TEST(RetryStateTest, AWishBeyondTheDeadlineIsNoReasonToGiveUpAtOnce) {
  const SteadyTime start{};
  RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(60));
  Failure failure = FailureWith(Remedy::kRetry);
  failure.retry_after = seconds(3600);
  SteadyTime now = start;
  int tries = 0;
  for (; tries < 100; ++tries) {
    const RetryState::Decision decision = state.Decide(failure, now, 0.9);
    if (decision.action == RetryState::Action::kGiveUp) break;
    now += decision.delay;
  }
  EXPECT_GE(tries, 3);
  EXPECT_LE(tries, 10);
  EXPECT_GT(now, start + seconds(45)) << "most of the deadline was used";
}

TEST(RetryStateTest, TheTimeInWhichBytesMoveDoesNotCountUpToTheAllowance) {
  const SteadyTime start{};
  RetryState state({milliseconds(100), milliseconds(5000), milliseconds(1000), 0}, start + seconds(60), seconds(30));
  EXPECT_EQ(state.last_moment(), start + seconds(90));
  const Failure failure = FailureWith(Remedy::kRetry);
  state.OnMoved(seconds(20));
  EXPECT_EQ(state.deadline(), start + seconds(80));
  EXPECT_EQ(state.Decide(failure, start + seconds(79), 0.0).action, RetryState::Action::kWait);
  state.OnMoved(seconds(20));
  EXPECT_EQ(state.deadline(), start + seconds(90));
  EXPECT_EQ(state.last_moment(), start + seconds(90)) << "whatever moves, an attempt ends there";
  EXPECT_EQ(state.Decide(failure, start + seconds(90), 0.0).action, RetryState::Action::kGiveUp);
}

TEST(RetryStateTest, RefreshesOnceAndLearnsTheClockTwice) {
  const SteadyTime start{};
  RetryState state({}, start + seconds(60));
  EXPECT_EQ(state.Decide(FailureWith(Remedy::kRefresh), start, 0).action, RetryState::Action::kRefresh);
  EXPECT_EQ(state.Decide(FailureWith(Remedy::kRefresh), start, 0).action, RetryState::Action::kGiveUp);
  Failure skew = FailureWith(Remedy::kClock);
  EXPECT_EQ(state.Decide(skew, start, 0).action, RetryState::Action::kGiveUp) << "no Date, nothing to learn";
  skew.date_s = 1;
  EXPECT_EQ(state.Decide(skew, start, 0).action, RetryState::Action::kLearnClock);
  EXPECT_EQ(state.Decide(skew, start, 0).action, RetryState::Action::kLearnClock);
  EXPECT_EQ(state.Decide(skew, start, 0).action, RetryState::Action::kGiveUp);
  EXPECT_EQ(state.Decide(FailureWith(Remedy::kNone), start, 0).action, RetryState::Action::kGiveUp);
}

TEST(RetryStateTest, AttemptsMax) {
  RetryState state({milliseconds(1), milliseconds(1), milliseconds(1), 2}, SteadyTime{} + seconds(60));
  EXPECT_EQ(state.Decide(FailureWith(Remedy::kRetry), SteadyTime{}, 0).action, RetryState::Action::kWait);
  EXPECT_EQ(state.Decide(FailureWith(Remedy::kRetry), SteadyTime{}, 0).action, RetryState::Action::kGiveUp);
}

TEST(HedgePolicyTest, NeedsSamplesASmallRangeAndBudget) {
  HedgePolicy policy;
  EXPECT_FALSE(policy.DelayFor(1));
  for (int i = 0; i < 16; ++i) policy.OnFirstByte(milliseconds(100));
  EXPECT_EQ(policy.DelayFor(1), milliseconds(300));
  EXPECT_FALSE(policy.DelayFor(HedgePolicy::kBytesMax + 1));
  EXPECT_FALSE(policy.TakeHedge()) << "1 of 3 GETs would be more than 5 %";
  for (int i = 0; i < 37; ++i) policy.DelayFor(1);
  EXPECT_TRUE(policy.TakeHedge());
  EXPECT_TRUE(policy.TakeHedge());
  EXPECT_FALSE(policy.TakeHedge());
  for (int i = 0; i < 64; ++i) policy.OnFirstByte(milliseconds(1));
  EXPECT_EQ(policy.DelayFor(1), HedgePolicy::kDelayMin);
}

TEST(ErrorTableTest, OneErrnoForEachCause) {
  const auto errno_of = [](int status, const char* code) { return FindErrorRule(status, code).errno_value; };
  EXPECT_EQ(errno_of(404, "NoSuchKey"), ENOENT);
  EXPECT_EQ(errno_of(404, "NoSuchBucket"), EIO);
  EXPECT_EQ(errno_of(412, "PreconditionFailed"), ESTALE);
  EXPECT_EQ(errno_of(416, "InvalidRange"), ESTALE) << "a service may look at the range before If-Match";
  EXPECT_EQ(errno_of(416, ""), ESTALE);
  EXPECT_EQ(errno_of(409, "FileAlreadyExists"), EEXIST);
  EXPECT_EQ(errno_of(403, "AccessDenied"), EACCES);
  EXPECT_EQ(errno_of(403, "InvalidObjectState"), EIO);
  EXPECT_EQ(errno_of(403, "FileImmutable"), EPERM);
  EXPECT_EQ(errno_of(400, "EntityTooLarge"), EFBIG);
  EXPECT_EQ(errno_of(501, "NotImplemented"), EOPNOTSUPP);
  EXPECT_EQ(errno_of(400, "SomethingNew"), EINVAL);
  EXPECT_EQ(errno_of(403, "SomethingNew"), EACCES);
  EXPECT_EQ(errno_of(503, "SomethingNew"), EIO);
  EXPECT_EQ(FindErrorRule(503, "SomethingNew").remedy, Remedy::kThrottle);
  EXPECT_EQ(FindErrorRule(500, "").remedy, Remedy::kRetry);
  EXPECT_EQ(FindErrorRule(302, "").remedy, Remedy::kNone);
  EXPECT_EQ(FindErrorRule(400, "RequestTimeout").remedy, Remedy::kRetry);
  EXPECT_EQ(FindErrorRule(401, "").remedy, Remedy::kRefresh);
}

TEST(AnswerCheckTest, TheCauseChoosesTheNextStep) {
  // A bucket with the words of other causes in its name, which every text of the HTTP client repeats.
  OssConfig config = ConfigOf("https://oss-cn-hangzhou-internal.aliyuncs.com");
  config.bucket = "resolve-refused-certificates";
  const auto endpoint = MakeEndpoint(config);
  const RequestNames names{"list", "", endpoint->bucket, endpoint->text};
  const auto text_of = [&](http::Phase phase, http::Cause cause) {
    Error error = MakeError(EIO, ErrorKind::kUnavailable, "GET to https://" + endpoint->host + ":443 failed");
    error.retryable = cause != http::Cause::kCertificate;
    const Failure failure = JudgeTransport(error, {phase, cause, 0}, names, *endpoint);
    EXPECT_EQ(failure.error.errno_value, EIO);
    EXPECT_EQ(failure.remedy, error.retryable ? Remedy::kRetry : Remedy::kNone);
    EXPECT_EQ(failure.answers_lost, 0);
    return failure.error.text;
  };
  using http::Cause;
  using http::Phase;
  EXPECT_THAT(text_of(Phase::kDns, Cause::kName), HasSubstr("Next: check the spelling of oss_endpoint"));
  EXPECT_THAT(text_of(Phase::kConnect, Cause::kRefused), HasSubstr("port of oss_endpoint"));
  EXPECT_THAT(text_of(Phase::kTls, Cause::kCertificate), HasSubstr("set ca_file"));
  EXPECT_THAT(text_of(Phase::kTls, Cause::kUnreachable), HasSubstr("same region"));
  EXPECT_THAT(text_of(Phase::kTls, Cause::kNotHttp), HasSubstr("port 443 does not speak https"));
  EXPECT_THAT(text_of(Phase::kConnect, Cause::kProxy), HasSubstr("http_proxy"));
  EXPECT_THAT(text_of(Phase::kTls, Cause::kOther), Not(HasSubstr("Next: ")));
  EXPECT_THAT(text_of(Phase::kAnswer, Cause::kOther), Not(HasSubstr("Next: ")));
}

TEST(AnswerCheckTest, TheClientSaysHowManyAnswersAreLost) {
  const auto endpoint = MakeEndpoint(ConfigOf("https://oss-cn-hangzhou.aliyuncs.com"));
  Error error = MakeError(EIO, ErrorKind::kUnavailable, "Connection refused");
  error.retryable = true;
  const http::CallReport report{http::Phase::kConnect, http::Cause::kRefused, 1};
  const Failure failure = JudgeTransport(error, report, {"copy", "k", "bucket", "e"}, *endpoint);
  EXPECT_EQ(failure.answers_lost, 1) << "the request had gone out over a connection that died";
}

TEST(MimeTest, ByExtension) {
  EXPECT_EQ(ContentTypeOfKey("a/b.JSON"), "application/json");
  EXPECT_EQ(ContentTypeOfKey("a/b.safetensors"), "application/octet-stream");
  EXPECT_EQ(ContentTypeOfKey("a.d/.txt"), "application/octet-stream");
  EXPECT_EQ(ContentTypeOfKey("dir/"), "application/x-directory");
}

TEST(OssMetricsTest, ErrorCodesAreBounded) {
  Registry registry;
  OssMetrics metrics(registry);
  for (int i = 0; i < 200; ++i) metrics.OnError("Code" + std::to_string(i));
  metrics.OnError("bad\"label");
  const std::string text = registry.PrometheusText();
  size_t count = 0;
  for (size_t at = text.find("errors_total{"); at != std::string::npos;
       at = text.find("errors_total{", at + 1))
    ++count;
  EXPECT_LE(count, OssMetrics::kCodesMax);
  EXPECT_NE(text.find("code=\"other\""), std::string::npos);
}

}  // namespace
}  // namespace ossfs2::oss
