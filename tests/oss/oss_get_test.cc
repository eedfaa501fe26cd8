// GETs of data: only bytes of the asked range of one version reach the sink, whatever server and network do.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <thread>

#include "base/report/metrics.h"
#include "base/values/crc64.h"
#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

const std::string kObject = "0123456789abcdefghij";

using OssGetTest = StoreFixture;

TEST_F(OssGetTest, AsksForTheRangeOfTheVersionAndStreamsIt) {
  Serve([](const SeenRequest& request, size_t) { return RangeReply(request, kObject); });
  auto sink = std::make_shared<StringSink>(3);
  ASSERT_TRUE(GetNow(*store_, {"a b/c", 5, 10, "E1"}, sink));
  EXPECT_EQ(sink->text(), "56789abcde");
  const SeenRequest seen = http_->Seen().at(0);
  EXPECT_EQ(seen.host, "bucket.oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(seen.target, "/a%20b/c");
  EXPECT_EQ(seen.Header("range"), "bytes=5-14");
  EXPECT_EQ(seen.Header("x-oss-range-behavior"), "standard");
  EXPECT_EQ(seen.Header("if-match"), "\"E1\"");
  EXPECT_TRUE(seen.Header("authorization").starts_with("OSS4-HMAC-SHA256 Credential=ak/"));
}

TEST_F(OssGetTest, GoesOnFromTheLastByteOfTheSameVersion) {
  Serve([](const SeenRequest& request, size_t number) {
    Reply reply = RangeReply(request, kObject);
    if (number <= 2) reply.cut_after = 3;
    return reply;
  });
  auto sink = std::make_shared<StringSink>();
  ASSERT_TRUE(GetNow(*store_, {"k", 2, 10, ""}, sink));
  EXPECT_EQ(sink->text(), "23456789ab");
  const auto seen = http_->Seen();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].Header("range"), "bytes=5-11");
  EXPECT_EQ(seen[2].Header("range"), "bytes=8-11");
  EXPECT_EQ(seen[0].Header("if-match"), "");
  EXPECT_EQ(seen[1].Header("if-match"), "\"E1\"") << "the version is pinned by the first answer";
}

TEST_F(OssGetTest, WaitsForASourceOfKeysThatFailsForAMoment) {
  Serve([](const SeenRequest& request, size_t number) {
    return number <= 2 ? ErrorReply(403, "SecurityTokenExpired") : RangeReply(request, kObject);
  });
  credentials_.FailNext(1);
  auto sink = std::make_shared<StringSink>();
  ASSERT_TRUE(GetNow(*store_, {"k", 2, 10, ""}, sink));
  EXPECT_EQ(sink->text(), "23456789ab");
  EXPECT_EQ(http_->Count(), 3u);
  EXPECT_EQ(credentials_.refreshes(), 1);
}

TEST_F(OssGetTest, NeverMixesVersions) {
  Serve([](const SeenRequest& request, size_t number) {
    Reply reply = RangeReply(request, kObject, number == 1 ? "E1" : "E2");
    if (number == 1) reply.cut_after = 3;
    return reply;  // a server that ignores If-Match
  });
  auto sink = std::make_shared<StringSink>();
  const Status status = GetNow(*store_, {"k", 0, 10, "E1"}, sink);
  EXPECT_EQ(ErrnoOf(status), ESTALE);
  EXPECT_EQ(status.error().kind, ErrorKind::kVersionChanged);
  EXPECT_EQ(sink->text(), "012");
}

TEST_F(OssGetTest, ReplacedAndDeletedObjects) {
  ServeInTurn({ErrorReply(412, "PreconditionFailed"), ErrorReply(404, "NoSuchKey")});
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(ErrnoOf(GetNow(*store_, {"k", 0, 10, "E1"}, sink)), ESTALE);
  const Status gone = GetNow(*store_, {"k", 0, 10, "E1"}, sink);
  EXPECT_EQ(ErrnoOf(gone), ENOENT);
  EXPECT_EQ(gone.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(http_->Count(), 2u);
  EXPECT_EQ(sink->text(), "");
}

TEST_F(OssGetTest, RefusesAWholeObjectForARange) {
  Reply whole;
  whole.body = kObject;
  whole.headers = {{"ETag", "\"E1\""}};
  config_.request_timeout = std::chrono::milliseconds(20);
  ServeInTurn({whole});
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(GetNow(*store_, {"k", 0, 10, "E1"}, sink).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(sink->text(), "");
  ASSERT_TRUE(GetNow(*store_, {"k", 0, 20, "E1"}, sink))
      << "a 200 is right when the range is the whole object";
  EXPECT_EQ(sink->text(), kObject);
}

TEST_F(OssGetTest, RefusesAnotherRange) {
  config_.request_timeout = std::chrono::milliseconds(20);
  Serve([](const SeenRequest& request, size_t) {
    Reply reply = RangeReply(request, kObject);
    reply.headers[1].value = "bytes 1-10/20";
    return reply;
  });
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(GetNow(*store_, {"k", 0, 10, "E1"}, sink).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(sink->text(), "");
}

TEST_F(OssGetTest, AShorterObjectIsAnotherVersion) {
  Serve([](const SeenRequest& request, size_t) { return RangeReply(request, kObject.substr(0, 5)); });
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(GetNow(*store_, {"k", 0, 10, ""}, sink).error().errno_value, ESTALE);
  EXPECT_EQ(sink->text(), "");
}

TEST_F(OssGetTest, RefusesAnotherLength) {
  config_.request_timeout = std::chrono::milliseconds(20);
  Serve([](const SeenRequest& request, size_t) {
    Reply reply = RangeReply(request, kObject);
    reply.headers.push_back({"Content-Length", "9"});
    return reply;
  });
  auto sink = std::make_shared<StringSink>();
  EXPECT_EQ(GetNow(*store_, {"k", 0, 10, "E1"}, sink).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(sink->text(), "");
}

TEST_F(OssGetTest, BelievesNoAnswerWithoutMarker) {
  Reply portal;
  portal.status = 206;
  portal.body = "0123456789";
  portal.headers = {{"Content-Range", "bytes 0-9/20"}, {"ETag", "\"E1\""}};
  portal.marked = false;
  config_.request_timeout = std::chrono::milliseconds(20);
  ServeInTurn({portal});
  auto sink = std::make_shared<StringSink>();
  const Status status = GetNow(*store_, {"k", 0, 10, "E1"}, sink);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("captive portal"), std::string::npos) << status.error().text;
  EXPECT_EQ(sink->text(), "");
}

TEST_F(OssGetTest, ComparesTheCrcOfWholeObjects) {
  uint64_t crc = Crc64(0, kObject.data(), kObject.size());
  Serve([&crc](const SeenRequest& request, size_t number) {
    Reply reply = RangeReply(request, kObject);
    reply.headers.push_back({"x-oss-hash-crc64ecma", std::to_string(crc)});
    if (number == 1) reply.cut_after = 7;  // the CRC goes on over attempts
    return reply;
  });
  EXPECT_TRUE(GetNow(*store_, {"k", 0, 20, ""}, std::make_shared<StringSink>(3)));
  crc ^= 1;
  EXPECT_EQ(GetNow(*store_, {"k", 0, 20, ""}, std::make_shared<StringSink>()).error().kind,
            ErrorKind::kCorrupt);
  EXPECT_TRUE(GetNow(*store_, {"k", 0, 19, ""}, std::make_shared<StringSink>())) << "a range has no CRC";
}

TEST_F(OssGetTest, SurvivesLostConnectionsAndServerTrouble) {
  Reply bad_gateway;
  bad_gateway.status = 502;
  bad_gateway.marked = false;
  Serve([&](const SeenRequest& request, size_t number) {
    if (number == 1) return LostReply();
    if (number == 2) return ErrorReply(503, "ServiceUnavailable");
    if (number == 3) return bad_gateway;
    if (number == 4) return ErrorReply(500, "InternalError");
    return RangeReply(request, kObject);
  });
  auto sink = std::make_shared<StringSink>();
  ASSERT_TRUE(GetNow(*store_, {"k", 0, 10, ""}, sink));
  EXPECT_EQ(sink->text(), "0123456789");
  EXPECT_EQ(http_->Count(), 5u);
}

TEST_F(OssGetTest, SinkThatGivesUpCancels) {
  Serve([](const SeenRequest& request, size_t) { return RangeReply(request, kObject); });
  const Counter& failed = Registry::Default().counter("errors_total", "", "code=\"Transport\"");
  const uint64_t failed_before = failed.Value();
  const Status status = GetNow(*store_, {"k", 0, 10, ""}, std::make_shared<StringSink>(2, 4));
  EXPECT_EQ(status.error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(failed.Value(), failed_before) << "the server made no error";
  EXPECT_EQ(http_->Count(), 1u);
}

TEST_F(OssGetTest, CancelAndDestructionEndHangingCalls) {
  Serve([](const SeenRequest&, size_t) {
    Reply reply;
    reply.hangs = true;
    return reply;
  });
  const Counter& failed = Registry::Default().counter("errors_total", "", "code=\"Transport\"");
  const uint64_t failed_before = failed.Value();
  std::promise<Status> first, second;
  auto call = store_->GetAsync({"k", 0, 10, ""}, std::make_shared<StringSink>(),
                               [&](Status status) { first.set_value(std::move(status)); });
  http_->WaitForCount(1);
  call->Cancel();
  EXPECT_EQ(first.get_future().get().error().kind, ErrorKind::kCanceled);
  const auto left = store_->GetAsync({"k", 0, 10, ""}, std::make_shared<StringSink>(),
                                     [&](Status status) { second.set_value(std::move(status)); });
  http_->WaitForCount(2);
  store_.reset();
  EXPECT_EQ(second.get_future().get().error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(failed.Value(), failed_before) << "the server made no error";
}

TEST_F(OssGetTest, CancelEndsTheWaitForTheNextAttempt) {
  config_.request_timeout = std::chrono::hours(100);
  config_.throttle_delay_min = config_.retry_delay_max = std::chrono::hours(50);
  ServeInTurn({ErrorReply(503, "ServiceUnavailable")});
  std::promise<Status> ended;
  const auto call = store_->GetAsync({"k", 0, 10, ""}, std::make_shared<StringSink>(),
                                     [&](Status status) { ended.set_value(std::move(status)); });
  http_->WaitForCount(1);
  call->Cancel();
  EXPECT_EQ(ended.get_future().get().error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(http_->Count(), 1u);
}

TEST_F(OssGetTest, LearnsTheClock) {
  Serve([](const SeenRequest& request, size_t number) {
    return number == 1 ? ErrorReply(403, "RequestTimeTooSkewed") : RangeReply(request, kObject);
  });
  auto sink = std::make_shared<StringSink>();
  EXPECT_TRUE(GetNow(*store_, {"k", 0, 10, "E1"}, sink));
  EXPECT_EQ(sink->text(), "0123456789");
  EXPECT_EQ(http_->Count(), 2u);
}

TEST_F(OssGetTest, HedgesAGetThatIsMuchSlowerThanTheOthers) {
  std::atomic<bool> is_hanging{false};
  Serve([&](const SeenRequest& request, size_t) {
    if (is_hanging.exchange(false)) {
      Reply reply;
      reply.hangs = true;
      return reply;
    }
    return RangeReply(request, kObject);
  });
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(GetNow(*store_, {"k", 0, 10, ""}, std::make_shared<StringSink>()));
  Counter& won = Registry::Default().counter("hedges_won_total", "");
  const uint64_t before = won.Value();
  is_hanging = true;
  auto sink = std::make_shared<StringSink>();
  ASSERT_TRUE(GetNow(*store_, {"k", 0, 10, ""}, sink));
  EXPECT_EQ(sink->text(), "0123456789");
  EXPECT_EQ(http_->Count(), 34u);
  EXPECT_EQ(won.Value(), before + 1);
}

// What is late then is this machine: a second request would make it later.
TEST_F(OssGetTest, HedgesNothingWhileProcessorsAreShort) {
  std::atomic<bool> is_hanging{false};
  std::atomic<bool> is_short{false};
  std::atomic<int> looks{0};
  config_.is_short_of_processors = [&] {
    ++looks;
    return is_short.load();
  };
  Serve([&](const SeenRequest& request, size_t) {
    Reply reply = RangeReply(request, kObject);
    reply.hangs = is_hanging.exchange(false);
    return reply;
  });
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(GetNow(*store_, {"k", 0, 10, ""}, std::make_shared<StringSink>()));
  is_short = true;
  is_hanging = true;
  std::promise<Status> ended;
  auto sink = std::make_shared<StringSink>();
  const auto call =
      store_->GetAsync({"k", 0, 10, ""}, sink, [&](Status status) { ended.set_value(std::move(status)); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (const int before = looks; looks < before + 3 && std::chrono::steady_clock::now() < deadline;)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(http_->Count(), 33u) << "not hedged yet";
  is_short = false;
  EXPECT_TRUE(ended.get_future().get());
  EXPECT_EQ(sink->text(), "0123456789");
  EXPECT_EQ(http_->Count(), 34u);
  store_.reset();  // it looks at what ends here
}

}  // namespace
}  // namespace ossfs2::oss
