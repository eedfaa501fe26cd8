// LeanExchange: one request and its answer over a connected Transport.
//
// Send gives head and body spans to the transport until the socket is full; Receive
// reads heads through a scratch buffer and bodies straight into the sink's memory.
// An answer may come before the request is out (an early refusal): sending stops and
// the connection is not used again. Loop thread only; owns nothing but the answer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/client/body_receiver.h"
#include "http/lean/lean_call.h"
#include "http/message/response_parser.h"
#include "http/transport/transport.h"

namespace ossfs2::http {

class LeanExchange {
 public:
  enum class Step : uint8_t { kContinue, kDone, kFailed };

  explicit LeanExchange(LeanCall& call);

  void Send(Transport& transport, SteadyTime now);
  Step Receive(Transport& transport, std::span<char> scratch, SteadyTime now);

  // Wants to be told when the socket takes more, be it the transport's own rest.
  bool sending() const { return sending_; }
  bool sent_all() const { return sent_bytes_ == call_.head_text.size() + call_.body_bytes; }
  // Not even the first byte of an answer came, and the peer hung up.
  bool died_unanswered() const { return hung_up_ && !any_answer_; }
  bool reusable() const { return reusable_; }
  // After kDone; remote_address is the caller's to fill in.
  Response TakeResponse() { return receiver_.Take(); }
  // After kFailed.
  Error TakeError() { return std::move(*error_); }

 private:
  struct Got {
    size_t bytes = 0;    // 0: nothing there for now
    bool drained = false;  // the socket is empty
    bool through_scratch = false;
  };
  void CountSent(size_t bytes);
  void StopSending(const Transport& transport);
  Step ReadSome(Transport& transport, std::span<char> scratch, bool from_socket, SteadyTime now, Got* got);
  Step ConsumeInput(std::string_view fresh, SteadyTime now);
  Step ConsumeHead(SteadyTime now);
  Step ConsumeBody(SteadyTime now);
  Step OnFinalHead(ParsedHead parsed, SteadyTime now);
  Step OnEnd(const Transport& transport, bool failed, SteadyTime now);
  Step OnDone();
  Step Fail(Error error);
  Step Unavailable(SteadyTime now, std::string_view what);
  Step NoRoom(SteadyTime now);

  LeanCall& call_;
  BodyReceiver receiver_;
  // Sending.
  bool sending_ = true;
  uint64_t sent_bytes_ = 0;  // of head and body together
  size_t span_ = 0;          // the body span that comes next
  size_t span_offset_ = 0;
  std::string send_failure_;
  // Receiving.
  std::string_view input_;   // what came through the scratch buffer and is not consumed, while Receive runs
  std::string kept_;         // the same between two calls: the begin of a head or of a chunk's frame
  size_t head_searched_ = 0;
  int interim_answers_ = 0;
  BodyDecoder decoder_;
  uint64_t body_length_ = 0;  // of kLength
  bool keep_alive_ = false;
  bool any_answer_ = false;
  bool hung_up_ = false;
  bool reusable_ = false;
  std::optional<Error> error_;
};

}  // namespace ossfs2::http
