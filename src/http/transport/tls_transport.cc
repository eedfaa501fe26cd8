#include "http/transport/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/values/str.h"
#include "http/transport/tls_context.h"

namespace ossfs2::http {
namespace {

constexpr size_t kRecordBytesMax = 16u << 10;  // of plain bytes
constexpr size_t kRecordExtraMax = 512;        // header, tag and the like
constexpr size_t kSmallOutputBytes = 4u << 10;  // of a request without body; not worth giving back

// Before each call into OpenSSL, which tells the outcome by the thread's error list. Clearing
// costs 0.4 us, as much as a system call, so only when there is something.
void ForgetErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

// BIO_meth_* only fail for lack of memory; BIO_new then fails for every connection.
BIO_METHOD* MakeMethod(int (*read)(BIO*, char*, int), int (*write)(BIO*, const char*, int),
                       long (*control)(BIO*, int, long, void*)) {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ossfs2 socket");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, read);
  BIO_meth_set_write(method, write);
  BIO_meth_set_ctrl(method, control);
  return method;
}

}  // namespace

const BIO_METHOD* TlsTransport::Method() {
  static const BIO_METHOD* const method = MakeMethod(&BioRead, &BioWrite, &BioControl);
  return method;
}

TlsTransport::TlsTransport(int fd, SSL* ssl, TlsContext& context, std::string host, std::string key)
    : Transport(fd), ssl_(ssl), context_(context), host_(std::move(host)), key_(std::move(key)) {
  SSL_set_app_data(ssl_, this);
  BIO* const bio = BIO_new(Method());
  if (bio == nullptr) return;  // the handshake fails for want of one
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

TlsTransport::~TlsTransport() { SSL_free(ssl_); }

void TlsTransport::KeepSession(SSL* ssl) {
  if (SSL_SESSION* const session = SSL_get0_session(ssl); SSL_SESSION_is_resumable(session) == 1)
    context_.sessions().Keep(key_, session);
}

int TlsTransport::BioRead(BIO* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  bool retry = false;
  const int got = static_cast<TlsTransport*>(BIO_get_data(bio))->TakeInput(to, static_cast<size_t>(size), &retry);
  if (retry) BIO_set_retry_read(bio);
  return got;
}

int TlsTransport::BioWrite(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  auto& self = *static_cast<TlsTransport*>(BIO_get_data(bio));
  if (size <= 0 || self.output_bytes() + static_cast<size_t>(size) > kOutputBytesMax) return -1;
  auto& output = self.output_;
  if (self.output_at_ > 0 && output.size() + static_cast<size_t>(size) > output.capacity()) {
    output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(self.output_at_));
    self.output_at_ = 0;
  }
  output.insert(output.end(), from, from + size);
  return size;
}

long TlsTransport::BioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;  // Flush sends when the call into OpenSSL is over
  if (command == BIO_CTRL_EOF) return static_cast<TlsTransport*>(BIO_get_data(bio))->end_of_input_ ? 1 : 0;
  return 0;
}

int TlsTransport::TakeInput(char* to, size_t size, bool* retry) {
  const size_t held = std::min(size, spare_end_ - spare_at_);
  memcpy(to, spare_.data() + spare_at_, held);
  spare_at_ += held;
  if (held == size) return static_cast<int>(held);
  const bool ended = end_of_input_ || receive_errno_ != 0;
  const ssize_t count = ended || socket_empty_ || !may_receive_ ? 0 : ReceiveInput(to + held, size - held);
  const auto got = static_cast<int>(held + static_cast<size_t>(count));
  if (got > 0) return got;
  if (end_of_input_) return 0;
  *retry = receive_errno_ == 0;
  return -1;
}

// The bytes that came for `to`; what is more lies in spare_. None: the members say why.
ssize_t TlsTransport::ReceiveInput(char* to, size_t size) {
  iovec pieces[2] = {{to, size}, {spare_.data(), spare_.size()}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  ssize_t count = 0;
  do {
    count = recvmsg(fd(), &message, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) socket_empty_ = true;
    else receive_errno_ = errno;
    return 0;
  }
  end_of_input_ = count == 0;
  const auto bytes = static_cast<size_t>(count);
  socket_empty_ = bytes < size + spare_.size();
  spare_at_ = 0;
  spare_end_ = bytes - std::min(bytes, size);
  return static_cast<ssize_t>(std::min(bytes, size));
}

std::string TlsTransport::WhyNot() const {
  const unsigned long code = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return StrCat("the certificate of ", host_,
                  " is not accepted: ", X509_verify_cert_error_string(SSL_get_verify_result(ssl_)),
                  " (trusted: ", context_.trust_place(), ")");
  return StrCat("TLS: ", reason != nullptr ? reason : "the protocol was broken");
}

// Of a handshake that OpenSSL gave up.
Cause TlsTransport::CauseOfHandshake() const {
  if (SSL_get_verify_result(ssl_) != X509_V_OK) return Cause::kCertificate;
  const unsigned long code = ERR_peek_error();
  const bool no_record = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER;
  return no_record ? Cause::kNotHttp : Cause::kOther;
}

IoStep TlsTransport::Outcome() {
  const int code = SSL_get_error(ssl_, 0);
  if (code == SSL_ERROR_WANT_READ) return {IoStep::State::kWouldBlock, 0, true};
  if (code == SSL_ERROR_ZERO_RETURN) {
    ended_properly_ = true;
    return {IoStep::State::kClosed};
  }
  broken_ = true;
  if (receive_errno_ != 0) return Fail(strerror(receive_errno_));
  if (end_of_input_) return {IoStep::State::kClosed};
  if (!established_) failure_cause_ = CauseOfHandshake();
  return Fail(WhyNot());
}

IoStep TlsTransport::Handshake() {
  ForgetErrors();
  const bool done = SSL_do_handshake(ssl_) == 1;
  socket_empty_ = false;
  if (done) {
    established_ = true;
    return {IoStep::State::kMoved};  // what it still has to send goes with the request
  }
  const IoStep step = Outcome();
  if (step.state == IoStep::State::kWouldBlock) {
    const IoStep sent = Flush();
    return sent.state == IoStep::State::kFailed ? sent : step;
  }
  context_.sessions().Forget(key_);
  std::string why = step.state == IoStep::State::kClosed ? "the server closed the connection" : failure();
  Flush();  // the alert that tells the server what was wrong
  return Fail(std::move(why));
}

IoStep TlsTransport::Receive(std::span<std::byte> room, bool from_socket) {
  if (held_back_.state != IoStep::State::kWouldBlock) return held_back_;
  may_receive_ = from_socket;
  IoStep step{IoStep::State::kMoved};
  // On with the next record as long as all of it is sure to fit: one split between two
  // rooms is copied in two pieces.
  do {
    size_t bytes = 0;
    ForgetErrors();
    if (SSL_read_ex(ssl_, room.data() + step.bytes, room.size() - step.bytes, &bytes) == 1) {
      step.bytes += bytes;
      continue;
    }
    const IoStep end = Outcome();
    if (end.state == IoStep::State::kWouldBlock) {
      step.drained = true;
      socket_empty_ = false;
    } else {
      held_back_ = end;
    }
    if (step.bytes == 0) step = end;
    break;
  } while (room.size() - step.bytes >= kRecordBytesMax);
  may_receive_ = true;
  return step;
}

bool TlsTransport::has_input() const {
  return spare_at_ < spare_end_ || held_back_.state != IoStep::State::kWouldBlock || SSL_pending(ssl_) > 0;
}

IoStep TlsTransport::Send(std::span<const iovec> pieces) {
  IoStep out;
  for (const iovec& piece : pieces) {
    for (size_t at = 0; at < piece.iov_len;) {
      if (output_bytes() >= kOutputBytes) {
        const IoStep flushed = Flush();
        if (flushed.state == IoStep::State::kFailed) return flushed;
        if (flushed.state == IoStep::State::kMoved) out.state = flushed.state;
        if (output_bytes() >= kOutputBytes) return out;
      }
      const size_t part = std::min(piece.iov_len - at, kRecordBytesMax);
      if (part == kRecordBytesMax) output_.reserve(kOutputBytes + kRecordBytesMax + kRecordExtraMax);
      size_t bytes = 0;
      ForgetErrors();
      if (SSL_write_ex(ssl_, static_cast<const char*>(piece.iov_base) + at, part, &bytes) != 1) {
        const IoStep step = Outcome();
        return step.state == IoStep::State::kFailed ? step : Fail("the connection is closed");
      }
      at += bytes;
      out.bytes += bytes;
      out.state = IoStep::State::kMoved;
    }
  }
  const IoStep flushed = Flush();
  return flushed.state == IoStep::State::kFailed ? flushed : out;
}

IoStep TlsTransport::Flush() {
  IoStep step;
  while (has_output()) {
    const ssize_t sent = send(fd(), output_.data() + output_at_, output_bytes(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return step;
    if (sent < 0) {
      broken_ = true;
      return Fail(strerror(errno));
    }
    step.state = IoStep::State::kMoved;
    const bool all = static_cast<size_t>(sent) == output_bytes();
    output_at_ += static_cast<size_t>(sent);
    if (!all) return step;
  }
  output_.clear();
  output_at_ = 0;
  return {IoStep::State::kMoved};
}

// Lets OpenSSL work on what is there; true when that was no end and no byte of an answer.
bool TlsTransport::QuietNow(bool from_socket) {
  if (broken_ || ended_properly_ || held_back_.state != IoStep::State::kWouldBlock) return false;
  if (!from_socket && !has_input()) return true;
  may_receive_ = from_socket;
  char byte = 0;
  size_t bytes = 0;
  ForgetErrors();
  const bool quiet = SSL_read_ex(ssl_, &byte, 1, &bytes) != 1 && Outcome().state == IoStep::State::kWouldBlock;
  may_receive_ = true;
  socket_empty_ = false;
  return quiet;
}

bool TlsTransport::Rest() {
  socket_empty_ = false;
  if (!QuietNow(false)) return false;
  // The answer to a key update may be left.
  if (has_output() && (Flush().state == IoStep::State::kFailed || has_output())) return false;
  SSL_free_buffers(ssl_);
  if (output_.capacity() > kSmallOutputBytes) output_ = {};
  return true;
}

bool TlsTransport::LooksAlive() {
  return QuietNow(true) && Rest();
}

void TlsTransport::SayGoodbye() {
  if (!established_ || broken_ || end_of_input_ || ended_properly_ || has_output()) return;
  ForgetErrors();
  SSL_shutdown(ssl_);
  Flush();
  broken_ = true;
}

}  // namespace ossfs2::http
