#include "oss/exchange/get_delivery.h"

#include <algorithm>

#include "base/values/crc64.h"

namespace ossfs2::oss {

void GetDelivery::Begin(const RangePromise& promise) {
  if (etag_.empty()) etag_ = promise.etag;
  if (bytes_ > 0) return;
  is_whole_ = check_crc64_ && offset_ == 0 && promise.total == size_;
  expected_crc_ = promise.crc64;
  crc_ = 0;
}

std::span<std::byte> GetDelivery::NextBuffer() {
  const uint64_t missing = size_ - bytes_;
  if (missing == 0) return {};
  const std::span<std::byte> buffer = sink_->NextBuffer();
  sink_gave_up_ = buffer.empty();
  buffer_ = buffer.first(std::min<uint64_t>(buffer.size(), missing));
  return buffer_;
}

void GetDelivery::OnBytes(size_t size) {
  if (is_whole_) crc_ = Crc64(crc_, buffer_.data(), size);
  bytes_ += size;
  sink_->OnBytes(size);
}

}  // namespace ossfs2::oss
