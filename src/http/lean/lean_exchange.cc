#include "http/lean/lean_exchange.h"

#include <sys/uio.h>

#include <algorithm>

#include "base/values/str.h"
#include "http/net/socket.h"

namespace ossfs2::http {
namespace {

// One wake-up of a connection moves at most this much, so that others get their turn.
constexpr size_t kWakeBytesMax = 2u << 20;
constexpr size_t kSpansPerSend = 64;
// A chunk smaller than this is cheaper to copy than to receive with its own call.
constexpr uint64_t kDirectChunkBytesMin = 8u << 10;
// Heads of OSS have 400 to 800 bytes. What of the body comes along is copied once more.
constexpr size_t kHeadReadBytes = 4u << 10;

}  // namespace

LeanExchange::LeanExchange(LeanCall& call) : call_(call), receiver_(call.sink.get(), call.request.collect_bytes_max) {
  call_.progress.phase = Phase::kSend;
  call_.progress.cause = Cause::kOther;
  call_.progress.body_sent_bytes = 0;
  call_.progress.body_received_bytes = 0;
  call_.progress.unsent_bytes = 0;
}

void LeanExchange::Send(Transport& transport, SteadyTime now) {
  const auto& body = call_.request.body;
  size_t budget = kWakeBytesMax;
  while (sending_ && !sent_all()) {
    iovec pieces[kSpansPerSend];
    size_t count = 0;
    size_t asked = 0;
    if (sent_bytes_ < call_.head_text.size()) {
      pieces[count++] = {call_.head_text.data() + sent_bytes_, call_.head_text.size() - sent_bytes_};
      asked += pieces[0].iov_len;
    }
    for (size_t n = span_; n < body.size() && count < kSpansPerSend && asked < budget; ++n) {
      const auto piece = n == span_ ? body[n].subspan(span_offset_) : body[n];
      pieces[count++] = {const_cast<std::byte*>(piece.data()), std::min(piece.size(), budget - asked)};
      asked += pieces[count - 1].iov_len;
    }
    const IoStep step = transport.Send(std::span(pieces, count));
    // The answer may lie in the receive buffer already; Receive finds it or the end.
    if (step.state == IoStep::State::kFailed) return StopSending(transport);
    if (step.state != IoStep::State::kMoved) break;
    call_.progress.last_byte = now;
    CountSent(step.bytes);
    budget -= std::min(budget, step.bytes);
    if (step.bytes < asked || budget == 0) break;
  }
  if (sent_all() && transport.has_output()) {
    const IoStep step = transport.Flush();
    if (step.state == IoStep::State::kFailed) return StopSending(transport);
    if (step.state == IoStep::State::kMoved) call_.progress.last_byte = now;
  }
  if (call_.body_bytes > 0) call_.progress.unsent_bytes = UnsentBytes(transport.fd());
  if (sent_all() && !transport.has_output()) {
    sending_ = false;
    call_.progress.phase = Phase::kAnswer;
  }
}

void LeanExchange::StopSending(const Transport& transport) {
  send_failure_ = transport.failure();
  sending_ = false;
}

void LeanExchange::CountSent(size_t bytes) {
  const auto& body = call_.request.body;
  const uint64_t head_left = call_.head_text.size() - std::min<uint64_t>(call_.head_text.size(), sent_bytes_);
  sent_bytes_ += bytes;
  bytes -= static_cast<size_t>(std::min<uint64_t>(bytes, head_left));
  call_.progress.body_sent_bytes += bytes;
  while (span_ < body.size() && bytes >= body[span_].size() - span_offset_) {
    bytes -= body[span_++].size() - span_offset_;
    span_offset_ = 0;
  }
  span_offset_ += bytes;
}

LeanExchange::Step LeanExchange::Receive(Transport& transport, std::span<char> scratch, SteadyTime now) {
  for (size_t budget = kWakeBytesMax;;) {
    Got got;
    if (const Step step = ReadSome(transport, scratch, budget > 0, now, &got); step != Step::kContinue) return step;
    if (got.bytes == 0) return Step::kContinue;
    if (got.through_scratch) {
      const Step step = ConsumeInput({scratch.data(), got.bytes}, now);
      if (step != Step::kContinue) return step;
    } else if (decoder_.done()) {
      return OnDone();
    }
    budget -= std::min(budget, got.bytes);
    // No second call only to hear EAGAIN: the loop is level-triggered. It does not know
    // of bytes that the transport holds: those are taken beyond the budget.
    if (got.drained || (budget == 0 && !transport.has_input())) return Step::kContinue;
  }
}

// One step, into the sink when payload comes next. `got` stays empty when there is nothing more for now.
LeanExchange::Step LeanExchange::ReadSome(Transport& transport, std::span<char> scratch, bool from_socket,
                                          SteadyTime now, Got* got) {
  std::span<std::byte> room;
  if (!receiver_.has_head()) {
    // Just the head and what comes with it: the body goes to its place without a copy.
    if (receiver_.has_sink()) scratch = scratch.first(std::min(scratch.size(), kHeadReadBytes));
  } else if (kept_.empty()) {
    const uint64_t next = decoder_.payload_next();
    const bool direct = next >= kDirectChunkBytesMin || (next > 0 && decoder_.kind() != Framing::Kind::kChunked);
    if (direct) room = receiver_.Room(std::min<uint64_t>(next, kWakeBytesMax));
    // A body that ends with the connection may end here; otherwise a byte without room is sure to come.
    if (direct && room.empty() && decoder_.kind() != Framing::Kind::kUntilClose) return NoRoom(now);
  }
  const IoStep step = transport.Receive(room.empty() ? std::as_writable_bytes(scratch) : room, from_socket);
  if (step.state == IoStep::State::kWouldBlock) return Step::kContinue;
  if (step.state != IoStep::State::kMoved) return OnEnd(transport, step.state == IoStep::State::kFailed, now);
  any_answer_ = true;
  call_.progress.last_byte = now;
  *got = {step.bytes, step.drained, room.empty()};
  if (room.empty()) return Step::kContinue;
  decoder_.Take(step.bytes);
  receiver_.Filled(step.bytes);
  call_.progress.body_received_bytes += step.bytes;
  return Step::kContinue;
}

LeanExchange::Step LeanExchange::ConsumeInput(std::string_view fresh, SteadyTime now) {
  input_ = kept_.empty() ? fresh : kept_.append(fresh);
  Step step = Step::kContinue;
  for (size_t before = 0; step == Step::kContinue && !receiver_.has_head() && input_.size() != before;) {
    before = input_.size();
    step = ConsumeHead(now);
  }
  if (step == Step::kContinue && receiver_.has_head()) step = ConsumeBody(now);
  if (step != Step::kContinue) return step;
  if (input_.data() != kept_.data()) kept_ = std::string(input_);  // else nothing was consumed
  input_ = {};
  return step;
}

LeanExchange::Step LeanExchange::ConsumeHead(SteadyTime now) {
  const size_t size = FindHeadEnd(input_, head_searched_);
  if (std::min(size, input_.size()) > kHeadBytesMax) return Unavailable(now, "the answer's headers exceed 64 KiB");
  if (size == std::string::npos) {
    head_searched_ = input_.size();
    return Step::kContinue;
  }
  auto parsed = ParseHead(input_.substr(0, size));
  if (!parsed) {
    call_.progress.cause = Cause::kNotHttp;
    return Unavailable(now, parsed.error().text);
  }
  head_searched_ = 0;
  input_.remove_prefix(size);
  if (parsed->head.status >= 200) return OnFinalHead(std::move(*parsed), now);
  if (parsed->head.status == 101) return Unavailable(now, "the server wants to switch protocols");
  if (++interim_answers_ > kInterimAnswersMax) return Unavailable(now, "too many 1xx answers");
  return Step::kContinue;
}

LeanExchange::Step LeanExchange::OnFinalHead(ParsedHead parsed, SteadyTime now) {
  auto framing = FramingOf(parsed, call_.request.method);
  if (!framing) return Unavailable(now, framing.error().text);
  sending_ = false;
  call_.progress.phase = Phase::kBody;
  keep_alive_ = framing->keep_alive && sent_all();
  body_length_ = framing->kind == Framing::Kind::kLength ? framing->length : 0;
  decoder_ = BodyDecoder(*framing);
  switch (receiver_.OnHead(std::move(parsed.head), body_length_)) {
    case BodyReceiver::Verdict::kGo:
      return Step::kContinue;
    case BodyReceiver::Verdict::kCancel:
      return Fail(CanceledError(call_.request));
    case BodyReceiver::Verdict::kTooLong:
      return NoRoom(now);
  }
  return Step::kContinue;
}

LeanExchange::Step LeanExchange::ConsumeBody(SteadyTime now) {
  while (!input_.empty() && !decoder_.done()) {
    if (const uint64_t next = decoder_.payload_next(); next > 0) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(next, input_.size()));
      const auto payload = std::as_bytes(std::span(input_.data(), size));
      if (receiver_.Append(payload) != BodyReceiver::Verdict::kGo) return NoRoom(now);
      decoder_.Take(size);
      input_.remove_prefix(size);
      call_.progress.body_received_bytes += size;
      continue;
    }
    auto eaten = decoder_.FeedFraming(input_);
    if (!eaten) return Unavailable(now, eaten.error().text);
    input_.remove_prefix(*eaten);
  }
  return decoder_.done() ? OnDone() : Step::kContinue;
}

LeanExchange::Step LeanExchange::OnEnd(const Transport& transport, bool failed, SteadyTime now) {
  hung_up_ = true;
  if (failed) return Unavailable(now, transport.failure());
  if (receiver_.has_head() && decoder_.EndsWithClose()) {
    if (transport.ended_properly()) return OnDone();
    // Anybody on the way can close a TCP connection: the body may have been cut short.
    return Unavailable(now, "the connection was closed without the end of TLS (close_notify) that ends this body");
  }
  if (!receiver_.has_head() && !send_failure_.empty())
    return Unavailable(now, StrCat("the server closed the connection (", send_failure_, ")"));
  if (!any_answer_) return Unavailable(now, "the server closed the connection without an answer");
  if (!receiver_.has_head()) return Unavailable(now, "the server closed the connection inside the headers");
  if (body_length_ > 0)
    return Unavailable(now, StrCat("the server closed the connection after ", call_.progress.body_received_bytes,
                                   " of ", body_length_, " body bytes"));
  return Unavailable(now, "the server closed the connection inside the chunked body");
}

LeanExchange::Step LeanExchange::OnDone() {
  // Bytes after the end belong to no request of ours.
  reusable_ = keep_alive_ && !hung_up_ && input_.empty();
  return Step::kDone;
}

LeanExchange::Step LeanExchange::Fail(Error error) {
  error_ = std::move(error);
  return Step::kFailed;
}

LeanExchange::Step LeanExchange::Unavailable(SteadyTime now, std::string_view what) {
  return Fail(UnavailableError(call_.request, call_.progress, now, what));
}

LeanExchange::Step LeanExchange::NoRoom(SteadyTime now) {
  return Fail(CorruptError(call_.request, call_.progress, now, "more body bytes came than the caller has room for"));
}

}  // namespace ossfs2::http
