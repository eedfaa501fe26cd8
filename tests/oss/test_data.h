// Helpers of the oss tests: sinks, bodies and waiting for asynchronous calls.
#pragma once

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <string>

#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// Collects a GET in pieces of at most `piece` bytes; gives up after `limit` bytes.
class StringSink final : public DataSink {
 public:
  explicit StringSink(size_t piece = 1 << 20, size_t limit = SIZE_MAX)
      : buffer_(piece, '\0'), limit_(limit) {}
  std::span<std::byte> NextBuffer() override {
    if (text_.size() >= limit_) return {};
    return {reinterpret_cast<std::byte*>(buffer_.data()), std::min(buffer_.size(), limit_ - text_.size())};
  }
  void OnBytes(size_t size) override { text_.append(buffer_, 0, size); }
  const std::string& text() const { return text_; }

 private:
  std::string buffer_;
  std::string text_;
  size_t limit_;
};

inline UploadBody BodyOf(const std::string& text) {
  UploadBody body;
  body.spans.push_back(std::as_bytes(std::span(text.data(), text.size())));
  return body;
}

inline Status GetNow(ObjectStore& store, GetRequest request, std::shared_ptr<DataSink> sink) {
  std::promise<Status> promise;
  const auto call = store.GetAsync(std::move(request), std::move(sink),
                                   [&](Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

inline Result<WriteResult> PutNow(ObjectStore& store, const std::string& key, const std::string& text,
                                  WriteOptions options = {}, std::optional<uint64_t> crc64 = std::nullopt) {
  std::promise<Result<WriteResult>> promise;
  UploadBody body = BodyOf(text);
  body.crc64 = crc64;
  const auto call = store.PutAsync(key, body, std::move(options),
                                   [&](Result<WriteResult> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

inline Result<PartResult> PartNow(ObjectStore& store, const std::string& key, const std::string& upload_id,
                                  int number, const std::string& text,
                                  std::optional<uint64_t> crc64 = std::nullopt) {
  std::promise<Result<PartResult>> promise;
  UploadBody body = BodyOf(text);
  body.crc64 = crc64;
  const auto call = store.UploadPartAsync(
      key, upload_id, number, body, [&](Result<PartResult> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

}  // namespace ossfs2::oss
