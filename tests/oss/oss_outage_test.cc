// How long an upload is tried when nothing answers: its size must not matter, for nothing of it moves.
#include <algorithm>
#include <future>
#include <string>

#include "tests/oss/store_fixture.h"
#include "tests/oss/store_replies.h"
#include "tests/support/shared_clock.h"

namespace ossfs2::oss {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Each attempt takes as long as its limits let it, by a clock that only the service moves.
class OssOutageTest : public StoreFixture {
 protected:
  enum class Outage : uint8_t { kNoConnection, kSilent };

  void ServeOutage(Outage outage) {
    http_ = std::make_unique<FakeHttp>([this, outage](const SeenRequest& request, size_t) {
      const SteadyTime now = clock_.NowSteady();
      const auto limit = outage == Outage::kNoConnection ? request.connect_timeout : request.stall_timeout;
      clock_.Advance(std::min<std::chrono::nanoseconds>(limit, request.deadline - now));
      return LostReply();
    });
    auto store = MakeOssStore(*http_, credentials_, config_, clock_);
    ASSERT_TRUE(store) << store.error().text;
    store_ = std::move(*store);
  }

  std::chrono::nanoseconds TimeOfAPart(uint64_t bytes) {
    const std::string body(bytes, 'x');
    std::promise<Result<PartResult>> promise;
    UploadBody upload;
    upload.spans.push_back(std::as_bytes(std::span(body)));
    const SteadyTime begin = clock_.NowSteady();
    const auto call = store_->UploadPartAsync("k", "id", 1, upload,
                                              [&](Result<PartResult> result) { promise.set_value(std::move(result)); });
    EXPECT_FALSE(promise.get_future().get());
    return clock_.NowSteady() - begin;
  }

  test::SharedClock clock_;
};

TEST_F(OssOutageTest, APartIsGivenUpAtTheDeadlineAndOneSilenceWhateverItsSize) {
  config_.request_timeout = seconds(60);
  ServeOutage(Outage::kSilent);
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{8} << 20, uint64_t{64} << 20}) {
    const auto took = TimeOfAPart(bytes);
    EXPECT_GE(took, seconds(45)) << bytes;
    EXPECT_LE(took, seconds(60 + 15)) << bytes;
  }
}

TEST_F(OssOutageTest, AShortDeadlineShortensTheSilence) {
  config_.request_timeout = seconds(1);
  ServeOutage(Outage::kSilent);
  EXPECT_LE(TimeOfAPart(8 << 20), seconds(2));
}

TEST_F(OssOutageTest, NoConnectionIsWaitedForBeyondTheDeadline) {
  config_.request_timeout = seconds(1);
  ServeOutage(Outage::kNoConnection);
  EXPECT_LE(TimeOfAPart(8 << 20), seconds(1));
}

TEST_F(OssOutageTest, ASlowUploadThatBreaksOffHasItsTimeForAnother) {
  config_.request_timeout = seconds(10);
  http_ = std::make_unique<FakeHttp>([this](const SeenRequest&, size_t number) {
    if (number > 1) return PutReply(0);
    clock_.Advance(seconds(30));
    Reply reply = LostReply();
    reply.moved = seconds(29);
    return reply;
  });
  config_.check_crc64 = false;
  auto store = MakeOssStore(*http_, credentials_, config_, clock_);
  ASSERT_TRUE(store);
  store_ = std::move(*store);
  const std::string body(16 << 20, 'x');
  UploadBody upload;
  upload.spans.push_back(std::as_bytes(std::span(body)));
  std::promise<Result<PartResult>> promise;
  const auto call = store_->UploadPartAsync("k", "id", 1, upload,
                                            [&](Result<PartResult> result) { promise.set_value(std::move(result)); });
  const auto part = promise.get_future().get();
  EXPECT_TRUE(part) << part.error().text;
  EXPECT_EQ(http_->Count(), 2u);
}

}  // namespace
}  // namespace ossfs2::oss
