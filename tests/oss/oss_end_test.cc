// EndCalls: an end that does not wait for a service that does not answer.
#include <future>
#include <thread>

#include "tests/oss/store_fixture.h"

namespace ossfs2::oss {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class OssEndTest : public StoreFixture {
 protected:
  OssEndTest() { config_.request_timeout = hours(1); }

  // Silence, until told otherwise.
  void ServeSilence() {
    Serve([this](const SeenRequest&, size_t) {
      Reply reply;
      reply.hangs = silent_;
      reply.headers = {{"ETag", "\"E1\""}, {"Content-Length", "3"}};
      return reply;
    });
  }

  std::atomic<bool> silent_{true};
};

TEST_F(OssEndTest, EveryKindOfCallEndsAsCanceled) {
  ServeSilence();
  std::promise<ErrorKind> got, put, headed;
  const auto get_call = store_->GetAsync({"k", 0, 10, ""}, std::make_shared<StringSink>(),
                                         [&](Status status) { got.set_value(status.error().kind); });
  const auto put_call = store_->PutAsync("k", {}, {}, [&](Result<WriteResult> result) {
    put.set_value(result ? ErrorKind::kOther : result.error().kind);
  });
  std::thread head([&] {
    const auto info = store_->Head("k");
    headed.set_value(info ? ErrorKind::kOther : info.error().kind);
  });
  http_->WaitForCount(3);
  store_->EndCalls(milliseconds(0), hours(1));
  EXPECT_EQ(got.get_future().get(), ErrorKind::kCanceled);
  EXPECT_EQ(put.get_future().get(), ErrorKind::kCanceled);
  EXPECT_EQ(headed.get_future().get(), ErrorKind::kCanceled);
  head.join();
  // What cleans up comes through.
  silent_ = false;
  EXPECT_TRUE(store_->AbortUpload("k", "id"));
}

TEST_F(OssEndTest, ACallBetweenTwoAttemptsEndsToo) {
  config_.retry_delay_min = config_.retry_delay_max = std::chrono::minutes(50);
  Reply lost;
  lost.lost = true;
  ServeInTurn({lost});
  std::promise<Result<WriteResult>> put;
  const auto call =
      store_->PutAsync("k", {}, {}, [&](Result<WriteResult> result) { put.set_value(std::move(result)); });
  http_->WaitForCount(1);
  store_->EndCalls(milliseconds(0), hours(1));
  const auto result = put.get_future().get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kCanceled);
}

TEST_F(OssEndTest, AfterTheGraceNothingIsAskedAnyMore) {
  ServeSilence();
  std::promise<ErrorKind> first;
  const auto call = store_->GetAsync({"k", 0, 10, ""}, std::make_shared<StringSink>(),
                                     [&](Status status) { first.set_value(status.error().kind); });
  http_->WaitForCount(1);
  store_->EndCalls(milliseconds(0), milliseconds(0));
  EXPECT_EQ(first.get_future().get(), ErrorKind::kCanceled);
  // It ends with the grace, whether it was sent or not.
  EXPECT_EQ(store_->AbortUpload("k", "id").error().kind, ErrorKind::kCanceled);
  const size_t asked = http_->Count();
  silent_ = false;
  const auto info = store_->Head("k");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(store_->Append("k", 0, {}, {}).error().kind, ErrorKind::kCanceled);
  EXPECT_EQ(http_->Count(), asked);
}

TEST_F(OssEndTest, BeforeItsTimeItChangesNothing) {
  ServeSilence();
  silent_ = false;
  store_->EndCalls(hours(1), milliseconds(0));
  EXPECT_TRUE(store_->AbortUpload("k", "id"));
}

// The upload of a lost answer is looked for an hour later; an end does not wait for that.
TEST_F(OssEndTest, UploadsOfLostAnswersAreNotWaitedFor) {
  config_.orphan_age = hours(1);
  Reply lost, opened;
  lost.lost = true;
  opened.headers = {{"Date", "Wed, 28 Dec 2022 10:27:41 GMT"}};
  opened.body = "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>k</Key><UploadId>id</UploadId>"
                "</InitiateMultipartUploadResult>";
  ServeInTurn({lost, opened});
  ASSERT_TRUE(store_->InitiateUpload("k", {}));
  store_->EndCalls(milliseconds(0), milliseconds(0));
  store_.reset();
  EXPECT_EQ(http_->Count(), 2u);
}

}  // namespace
}  // namespace ossfs2::oss
