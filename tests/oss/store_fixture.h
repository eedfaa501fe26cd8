// StoreFixture: an OssStore over a FakeHttp, with short delays and fixed keys that may be refreshed once.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "oss/oss_store.h"
#include "tests/oss/fake_http.h"
#include "tests/oss/test_data.h"

namespace ossfs2::oss {

class FixedCredentials final : public CredentialProvider {
 public:
  Result<SharedKeys> Current() override {
    return refreshes_ == 0 ? first_ : second_;
  }
  Status ForceRefresh(const KeySet& used) override {
    if (used.access_key_id == "ak2" || keep_)
      return MakeError(EACCES, ErrorKind::kAccessDenied, "the same again. Next: ask the source");
    if (failures_left_ > 0) {
      --failures_left_;
      Error error = MakeError(EACCES, ErrorKind::kUnavailable, "no answer");
      error.retryable = true;
      return error;
    }
    ++refreshes_;
    return {};
  }
  bool CanChange() const override { return can_change_; }
  void LetChange() { can_change_ = true; }
  std::string Describe() const override { return "fixed"; }
  int refreshes() const { return refreshes_; }
  // The source has no others for now.
  void Keep(bool keep) { keep_ = keep; }
  // The next refreshes fail without a refusal.
  void FailNext(int count) { failures_left_ = count; }

 private:
  const SharedKeys first_ = std::make_shared<const KeySet>(KeySet{"ak", "S3cretValue", ""});
  const SharedKeys second_ = std::make_shared<const KeySet>(KeySet{"ak2", "S3cretValue", ""});
  std::atomic<int> refreshes_{0};
  std::atomic<int> failures_left_{0};
  std::atomic<bool> can_change_{false};
  std::atomic<bool> keep_{false};
};

class StoreFixture : public testing::Test {
 protected:
  StoreFixture() {
    config_.endpoint = "http://oss-cn-hangzhou.aliyuncs.com";
    config_.bucket = "bucket";
    config_.request_timeout = std::chrono::seconds(30);
    config_.retry_delay_min = std::chrono::milliseconds(1);
    config_.retry_delay_max = std::chrono::milliseconds(2);
    config_.throttle_delay_min = std::chrono::milliseconds(1);
  }
  void Serve(FakeHttp::Handler handler) {
    store_.reset();
    http_ = std::make_unique<FakeHttp>(std::move(handler));
    auto store = MakeOssStore(*http_, credentials_, config_);
    ASSERT_TRUE(store) << store.error().text;
    store_ = std::move(*store);
  }
  // Answers in turn; the last one again and again.
  void ServeInTurn(std::vector<Reply> replies) {
    Serve([replies](const SeenRequest&, size_t number) {
      return replies[std::min(number, replies.size()) - 1];
    });
  }
  // A GET that honours Range on `object`.
  static Reply RangeReply(const SeenRequest& request, const std::string& object,
                          const std::string& etag = "E1") {
    uint64_t first = 0, last = 0;
    EXPECT_EQ(sscanf(request.Header("range").c_str(), "bytes=%lu-%lu", &first, &last), 2);
    Reply reply;
    reply.status = 206;
    reply.body = object.substr(first, last - first + 1);
    reply.headers = {{"ETag", "\"" + etag + "\""},
                     {"Content-Range", "bytes " + std::to_string(first) + "-" +
                                           std::to_string(first + reply.body.size() - 1) + "/" +
                                           std::to_string(object.size())}};
    return reply;
  }

  OssConfig config_;
  FixedCredentials credentials_;
  std::unique_ptr<FakeHttp> http_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace ossfs2::oss
