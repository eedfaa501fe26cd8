// Response: the answer to a Request, and BodySink: who takes its body, when it is not to be collected in memory.
//
// Threads: a sink is called by one event loop of the client, one call after the other, and must not block.
// Ownership: the client shares the sink until Done has run; the memory of NextBuffer stays valid until then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/message/response_headers.h"

namespace ossfs2::http {

struct ResponseHead {
  int status = 0;
  ResponseHeaders headers;
  std::optional<std::string_view> Find(std::string_view name) const { return headers.Find(name); }
};

class BodySink {
 public:
  enum class Use : uint8_t {
    kStream,   // the body goes to NextBuffer/OnBytes
    kCollect,  // the body goes to Response::body (error documents)
    kCancel,   // stop here; Done gets kCanceled
  };
  virtual ~BodySink() = default;
  // Once, when the head of the final answer (not 1xx) is complete.
  virtual Use OnHead(const ResponseHead& head) = 0;
  // Where the next body bytes go. The same span may be asked for again until OnBytes.
  // Empty: no more bytes are wanted; the call ends with kCorrupt if more arrive.
  virtual std::span<std::byte> NextBuffer() = 0;
  // `size` bytes now lie at the front of the last NextBuffer.
  virtual void OnBytes(size_t size) = 0;
};

struct Response {
  ResponseHead head;
  std::string body;              // what did not go to a sink
  uint64_t streamed_bytes = 0;   // what went to the sink
  std::string remote_address;    // "10.0.0.1:80", for messages
};

}  // namespace ossfs2::http
