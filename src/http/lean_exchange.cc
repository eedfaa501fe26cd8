#include "http/lean_exchange.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/str.h"
#include "http/socket.h"

namespace ossfs2::http {
namespace {

// One wake-up of a connection moves at most this much, so that others get their turn.
constexpr size_t kWakeBytesMax = 2u << 20;
constexpr size_t kSpansPerSend = 64;
// A chunk smaller than this is cheaper to copy than to receive with its own call.
constexpr uint64_t kDirectChunkBytesMin = 8u << 10;

}  // namespace

Exchange::Exchange(LeanCall& call) : call_(call), receiver_(call.sink.get(), call.request.collect_bytes_max) {
  call_.progress.phase = Phase::kSend;
  call_.progress.body_sent_bytes = 0;
  call_.progress.body_received_bytes = 0;
  call_.progress.unsent_bytes = 0;
}

void Exchange::Send(int fd, SteadyTime now) {
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
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      // The answer may lie in the receive buffer already; Receive finds it or the end.
      send_errno_ = errno;
      sending_ = false;
      return;
    }
    call_.progress.last_byte = now;
    auto left = static_cast<size_t>(sent);
    const size_t of_head = sent_bytes_ < call_.head_text.size()
                               ? std::min<size_t>(left, call_.head_text.size() - static_cast<size_t>(sent_bytes_)) : 0;
    sent_bytes_ += left;
    left -= of_head;
    call_.progress.body_sent_bytes += left;
    while (span_ < body.size() && left >= body[span_].size() - span_offset_) {
      left -= body[span_++].size() - span_offset_;
      span_offset_ = 0;
    }
    span_offset_ += left;
    if (static_cast<size_t>(sent) < asked) break;
    budget -= std::min(budget, static_cast<size_t>(sent));
    if (budget == 0) break;
  }
  if (call_.body_bytes > 0) call_.progress.unsent_bytes = UnsentBytes(fd);
  if (sent_all()) {
    sending_ = false;
    call_.progress.phase = Phase::kAnswer;
  }
}

Exchange::Step Exchange::Receive(int fd, std::span<char> scratch, SteadyTime now) {
  for (size_t budget = kWakeBytesMax;;) {
    Got got;
    if (const Step step = ReadSome(fd, scratch, now, &got); step != Step::kContinue) return step;
    if (got.bytes == 0) return Step::kContinue;
    if (const Step step = ConsumeInput(now); step != Step::kContinue) return step;
    // No second call only to hear EAGAIN: the loop is level-triggered.
    if (got.short_of || got.bytes >= budget) return Step::kContinue;
    budget -= got.bytes;
  }
}

// One recv, into the sink when payload comes next. `got` stays empty when there is nothing more for now.
Exchange::Step Exchange::ReadSome(int fd, std::span<char> scratch, SteadyTime now, Got* got) {
  std::span<std::byte> room;
  if (receiver_.has_head() && input_at_ == input_.size()) {
    const uint64_t next = decoder_.payload_next();
    const bool direct = next >= kDirectChunkBytesMin || (next > 0 && decoder_.kind() != Framing::Kind::kChunked);
    if (direct) room = receiver_.Room(std::min<uint64_t>(next, kWakeBytesMax));
    // A body that ends with the connection may end here; otherwise a byte without room is sure to come.
    if (direct && room.empty() && decoder_.kind() != Framing::Kind::kUntilClose) return NoRoom(now);
  }
  void* const to = room.empty() ? static_cast<void*>(scratch.data()) : room.data();
  const size_t size = room.empty() ? scratch.size() : room.size();
  ssize_t count = 0;
  do {
    count = recv(fd, to, size, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Step::kContinue : OnReadError(errno, now);
  if (count == 0) return OnEnd(now);
  any_answer_ = true;
  call_.progress.last_byte = now;
  const auto bytes = static_cast<size_t>(count);
  *got = {bytes, bytes < size};
  if (room.empty()) {
    input_.append(scratch.data(), bytes);
    return Step::kContinue;
  }
  decoder_.Take(bytes);
  receiver_.Filled(bytes);
  call_.progress.body_received_bytes += bytes;
  return Step::kContinue;
}

Exchange::Step Exchange::ConsumeInput(SteadyTime now) {
  while (!receiver_.has_head()) {
    const size_t before = input_.size();
    if (const Step step = ConsumeHead(now); step != Step::kContinue) return step;
    if (!receiver_.has_head() && input_.size() == before) return Step::kContinue;  // wants more
  }
  return ConsumeBody(now);
}

Exchange::Step Exchange::ConsumeHead(SteadyTime now) {
  const size_t size = FindHeadEnd(input_, head_searched_);
  if (std::min(size, input_.size()) > kHeadBytesMax) return Unavailable(now, "the answer's headers exceed 64 KiB");
  if (size == std::string::npos) {
    head_searched_ = input_.size();
    return Step::kContinue;
  }
  auto parsed = ParseHead(std::string_view(input_).substr(0, size));
  if (!parsed) return Unavailable(now, parsed.error().text);
  head_searched_ = 0;
  if (parsed->head.status >= 200) {
    input_at_ = size;
    return OnFinalHead(std::move(*parsed), now);
  }
  if (parsed->head.status == 101) return Unavailable(now, "the server wants to switch protocols");
  if (++interim_answers_ > kInterimAnswersMax) return Unavailable(now, "too many 1xx answers");
  input_.erase(0, size);
  return Step::kContinue;
}

Exchange::Step Exchange::OnFinalHead(ParsedHead parsed, SteadyTime now) {
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

Exchange::Step Exchange::ConsumeBody(SteadyTime now) {
  while (input_at_ < input_.size() && !decoder_.done()) {
    const std::string_view left = std::string_view(input_).substr(input_at_);
    if (const uint64_t next = decoder_.payload_next(); next > 0) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(next, left.size()));
      if (receiver_.Append(std::as_bytes(std::span(left.data(), size))) != BodyReceiver::Verdict::kGo) return NoRoom(now);
      decoder_.Take(size);
      input_at_ += size;
      call_.progress.body_received_bytes += size;
      continue;
    }
    auto eaten = decoder_.FeedFraming(left);
    if (!eaten) return Unavailable(now, eaten.error().text);
    input_at_ += *eaten;
  }
  if (decoder_.done()) return OnDone();
  input_.clear();
  input_at_ = 0;
  return Step::kContinue;
}

Exchange::Step Exchange::OnEnd(SteadyTime now) {
  hung_up_ = true;
  if (receiver_.has_head() && decoder_.EndsWithClose()) return OnDone();
  if (!receiver_.has_head() && send_errno_ != 0)
    return Unavailable(now, StrCat("the server closed the connection (", strerror(send_errno_), ")"));
  if (!any_answer_) return Unavailable(now, "the server closed the connection without an answer");
  if (!receiver_.has_head()) return Unavailable(now, "the server closed the connection inside the headers");
  if (body_length_ > 0)
    return Unavailable(now, StrCat("the server closed the connection after ", call_.progress.body_received_bytes,
                                   " of ", body_length_, " body bytes"));
  return Unavailable(now, "the server closed the connection inside the chunked body");
}

Exchange::Step Exchange::OnReadError(int errno_value, SteadyTime now) {
  hung_up_ = true;
  return Unavailable(now, strerror(errno_value));
}

Exchange::Step Exchange::OnDone() {
  // Bytes after the end belong to no request of ours.
  reusable_ = keep_alive_ && !hung_up_ && input_at_ == input_.size();
  return Step::kDone;
}

Exchange::Step Exchange::Fail(Error error) {
  error_ = std::move(error);
  return Step::kFailed;
}

Exchange::Step Exchange::Unavailable(SteadyTime now, std::string_view what) {
  return Fail(UnavailableError(call_.request, call_.progress, now, what));
}

Exchange::Step Exchange::NoRoom(SteadyTime now) {
  return Fail(CorruptError(call_.request, call_.progress, now, "more body bytes came than the caller has room for"));
}

}  // namespace ossfs2::http
