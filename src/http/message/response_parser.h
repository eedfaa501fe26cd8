// The receiving half of HTTP/1.1: heads, and for LeanClient also body framings (libcurl undoes them itself).
//
// Pure: bytes in, facts out; no sockets, no payload copies. Errors are kUnavailable
// with the reason alone as text; the caller adds host and phase.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/message/response.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

inline constexpr size_t kHeadBytesMax = 64u << 10;  // status line and headers, and chunk trailers
inline constexpr int kInterimAnswersMax = 16;       // 1xx before the real answer

// The size of the head including its empty line, or npos when it is not complete.
// `searched` bytes were looked at before without success.
size_t FindHeadEnd(std::string_view bytes, size_t searched);

struct ParsedHead {
  ResponseHead head;
  int minor_version = 1;
};
// `text` is a complete head. Folded headers and control characters are refused.
Result<ParsedHead> ParseHead(std::string_view text);

struct Framing {
  enum class Kind : uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  uint64_t length = 0;      // of kLength
  bool keep_alive = false;  // the connection may carry another request
};
Result<Framing> FramingOf(const ParsedHead& head, std::string_view method);

// Follows a body through its framing. Payload bytes are the caller's to move:
// while payload_next() > 0 that many bytes of payload come next, and Take tells how
// many were moved; otherwise FeedFraming eats chunk sizes and trailers.
class BodyDecoder {
 public:
  BodyDecoder() : BodyDecoder(Framing{}) {}
  explicit BodyDecoder(const Framing& framing);
  bool done() const { return state_ == State::kDone; }
  uint64_t payload_next() const { return state_ == State::kPayload ? left_ : 0; }
  Framing::Kind kind() const { return kind_; }
  void Take(uint64_t bytes);
  // The number of bytes eaten; stops at the first payload byte and at the end.
  Result<size_t> FeedFraming(std::string_view bytes);
  // The peer closed: the end of a kUntilClose body, else too early.
  bool EndsWithClose() const { return done() || kind_ == Framing::Kind::kUntilClose; }

 private:
  enum class State : uint8_t { kSize, kExtension, kPayload, kPayloadEnd, kTrailer, kDone };
  const char* Step(char byte);  // nullptr, or what is wrong
  const char* EndOfSizeLine();

  Framing::Kind kind_;
  State state_;
  uint64_t left_ = 0;          // payload of this chunk or body
  int digits_ = 0;             // of the chunk size so far
  size_t line_bytes_ = 0;      // of the trailer line so far
  size_t framing_bytes_ = 0;   // extensions and trailers so far, bounded
};

}  // namespace ossfs2::http
