// BodyReceiver: where the bytes of an answer go, the same for both clients: into the
// sink's memory, or collected into Response::body up to collect_bytes_max.
//
// Loop thread only. Ownership: of the answer until Take; the sink, null or not, outlives the receiver. Bytes for which
// there is no room are not taken: the caller makes kCorrupt of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "http/message/response.h"

namespace ossfs2::http {

class BodyReceiver {
 public:
  enum class Verdict : uint8_t { kGo, kCancel, kTooLong };

  BodyReceiver(BodySink* sink, size_t collect_bytes_max) : sink_(sink), collect_bytes_max_(collect_bytes_max) {}

  // `length`: of the body when known, else 0. kTooLong: it cannot be collected.
  Verdict OnHead(ResponseHead head, uint64_t length);
  // Memory for the next bytes, at most `wanted`; empty: there is no room for a byte.
  std::span<std::byte> Room(uint64_t wanted);
  void Filled(size_t bytes);
  // Copies; kTooLong when there is no room for all of them.
  Verdict Append(std::span<const std::byte> bytes);

  bool has_sink() const { return sink_ != nullptr; }
  bool has_head() const { return has_head_; }
  uint64_t bytes() const { return response_.streamed_bytes + collected_; }
  Response Take();

 private:
  BodySink* const sink_;
  const size_t collect_bytes_max_;
  bool has_head_ = false;
  bool stream_ = false;
  size_t collected_ = 0;  // bytes of response_.body that are real; the rest is room
  Response response_;
};

}  // namespace ossfs2::http
