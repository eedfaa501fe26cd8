#include "http/client/body_receiver.h"

#include <algorithm>
#include <cstring>

namespace ossfs2::http {
namespace {
constexpr size_t kCollectStepBytes = 64u << 10;
}

BodyReceiver::Verdict BodyReceiver::OnHead(ResponseHead head, uint64_t length) {
  has_head_ = true;
  response_.head = std::move(head);
  if (sink_ != nullptr) {
    const BodySink::Use use = sink_->OnHead(response_.head);
    if (use == BodySink::Use::kCancel) return Verdict::kCancel;
    stream_ = use == BodySink::Use::kStream;
  }
  if (stream_) return Verdict::kGo;
  if (length > collect_bytes_max_) return Verdict::kTooLong;
  response_.body.reserve(static_cast<size_t>(length));
  return Verdict::kGo;
}

std::span<std::byte> BodyReceiver::Room(uint64_t wanted) {
  if (stream_) {
    const auto room = sink_->NextBuffer();
    return room.first(static_cast<size_t>(std::min<uint64_t>(room.size(), wanted)));
  }
  const size_t step = static_cast<size_t>(std::min<uint64_t>(wanted, kCollectStepBytes));
  const size_t size = std::min(step, collect_bytes_max_ - collected_);
  if (response_.body.size() < collected_ + size) response_.body.resize(collected_ + size);
  return {reinterpret_cast<std::byte*>(response_.body.data()) + collected_, size};
}

void BodyReceiver::Filled(size_t bytes) {
  if (stream_) {
    response_.streamed_bytes += bytes;
    sink_->OnBytes(bytes);
  } else {
    collected_ += bytes;
  }
}

BodyReceiver::Verdict BodyReceiver::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto room = Room(bytes.size());
    if (room.empty()) return Verdict::kTooLong;
    memcpy(room.data(), bytes.data(), room.size());
    Filled(room.size());
    bytes = bytes.subspan(room.size());
  }
  return Verdict::kGo;
}

Response BodyReceiver::Take() {
  response_.body.resize(collected_);
  return std::move(response_);
}

}  // namespace ossfs2::http
