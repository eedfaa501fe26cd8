#include "http/curl/curl_call.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/values/str.h"
#include "http/message/request_text.h"
#include "http/message/response_parser.h"
#include "http/net/socket.h"

namespace ossfs2::http {
namespace {

bool IsTlsFailure(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return true;
    default:
      return false;
  }
}

}  // namespace

CurlCall::CurlCall(Request call_request, std::shared_ptr<BodySink> call_sink, Done call_done)
    : LoopCall{std::move(call_request), std::move(call_sink), std::move(call_done)},
      body_bytes_(BodyBytes(request)),
      receiver_(sink.get(), request.collect_bytes_max) {}

CurlCall::~CurlCall() { curl_slist_free_all(header_list_); }

CURL* CurlCall::Release() {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  return std::exchange(easy, nullptr);
}

curl_socket_t CurlCall::OnOpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
  const SocketAddress peer = SocketAddress::FromSockaddr(&address->addr, address->addrlen);
  static_cast<CurlCall*>(self)->progress.address = peer.ToString();
  const auto fd = OpenStreamSocket(peer);
  return fd ? *fd : CURL_SOCKET_BAD;
}

size_t CurlCall::OnHeader(char* data, size_t size, size_t count, void* self) {
  auto* const call = static_cast<CurlCall*>(self);
  call->progress.last_byte = Clock::Real().NowSteady();
  return call->TakeHeaderLine({data, size * count}) ? size * count : 0;
}

// False stops the transfer; error_ says why.
bool CurlCall::TakeHeaderLine(std::string_view line) {
  if (receiver_.has_head()) return true;  // a trailer of a chunked body
  const auto unavailable = [this](std::string_view what) {
    return Stop(UnavailableError(request, progress, progress.last_byte, what));
  };
  progress.phase = Phase::kAnswer;
  head_text_.append(line);
  if (head_text_.size() > kHeadBytesMax) return unavailable("the answer's headers exceed 64 KiB");
  if (line != "\r\n" && line != "\n") return true;
  auto parsed = ParseHead(head_text_);
  head_text_.clear();
  if (!parsed) {
    progress.cause = Cause::kNotHttp;
    return unavailable(parsed.error().text);
  }
  if (parsed->head.status < 200) {
    if (parsed->head.status == 101) return unavailable("the server wants to switch protocols");
    return ++interim_answers_ <= kInterimAnswersMax || unavailable("too many 1xx answers");
  }
  const auto framing = FramingOf(*parsed, request.method);
  if (!framing) return unavailable(framing.error().text);
  progress.phase = Phase::kBody;
  const uint64_t length = framing->kind == Framing::Kind::kLength ? framing->length : 0;
  switch (receiver_.OnHead(std::move(parsed->head), length)) {
    case BodyReceiver::Verdict::kGo:
      return true;
    case BodyReceiver::Verdict::kCancel:
      return Stop(CanceledError(request));
    case BodyReceiver::Verdict::kTooLong:
      break;
  }
  return Stop(CorruptError(request, progress, progress.last_byte, "more body bytes came than the caller has room for"));
}

size_t CurlCall::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* const call = static_cast<CurlCall*>(self);
  call->progress.last_byte = Clock::Real().NowSteady();
  return call->TakeBody(std::as_bytes(std::span(data, size * count))) ? size * count : 0;
}

bool CurlCall::TakeBody(std::span<const std::byte> bytes) {
  progress.body_received_bytes += bytes.size();
  if (receiver_.Append(bytes) == BodyReceiver::Verdict::kGo) return true;
  return Stop(CorruptError(request, progress, progress.last_byte, "more body bytes came than the caller has room for"));
}

bool CurlCall::Stop(Error error) {
  if (!error_) error_ = std::move(error);
  return false;
}

size_t CurlCall::OnRead(char* buffer, size_t size, size_t count, void* self) {
  auto* const call = static_cast<CurlCall*>(self);
  call->progress.last_byte = Clock::Real().NowSteady();
  const size_t room = size * count;
  size_t filled = 0;
  const auto& body = call->request.body;
  while (filled < room && call->span_ < body.size()) {
    const auto left = body[call->span_].subspan(call->span_offset_);
    const size_t part = std::min(left.size(), room - filled);
    if (part > 0) memcpy(buffer + filled, left.data(), part);
    filled += part;
    call->span_offset_ += part;
    if (call->span_offset_ == body[call->span_].size()) {
      ++call->span_;
      call->span_offset_ = 0;
    }
  }
  call->progress.body_sent_bytes += filled;
  return filled;
}

// Before every request that libcurl sends, also when it repeats one whose kept connection died unanswered.
int CurlCall::OnSend(void* self, char*, char*, int, int) {
  auto* const call = static_cast<CurlCall*>(self);
  call->NoteUnanswered();
  call->unanswered_ = true;
  return CURL_PREREQFUNC_OK;
}

void CurlCall::NoteUnanswered() {
  const bool sent_all = span_ == request.body.size();
  if (std::exchange(unanswered_, false) && sent_all) ++progress.answers_lost;
}

// libcurl rewinds to repeat a request whose kept connection died unanswered.
int CurlCall::OnSeek(void* self, curl_off_t offset, int origin) {
  auto* const call = static_cast<CurlCall*>(self);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  const bool sent_all = call->span_ == call->request.body.size();
  if (sent_all && !MayRepeat(call->request)) return CURL_SEEKFUNC_FAIL;
  call->NoteUnanswered();
  call->span_ = 0;
  call->span_offset_ = 0;
  call->progress.body_sent_bytes = 0;
  return CURL_SEEKFUNC_OK;
}

void CurlCall::UpdatePhase() {
  if (easy == nullptr || receiver_.has_head()) return;
  const auto time_of = [this](CURLINFO info) {
    curl_off_t us = 0;
    curl_easy_getinfo(easy, info, &us);
    return us;
  };
  const curl_off_t ready_us = time_of(CURLINFO_PRETRANSFER_TIME_T);
  if (ready_us > 0) {
    progress.phase = progress.body_sent_bytes < body_bytes_ ? Phase::kSend : Phase::kAnswer;
    progress.last_byte = std::max(progress.last_byte, progress.started + std::chrono::microseconds(ready_us));
  } else if (request.tls && time_of(CURLINFO_CONNECT_TIME_T) > 0) {
    progress.phase = Phase::kTls;
  } else if (time_of(CURLINFO_NAMELOOKUP_TIME_T) > 0) {
    progress.phase = Phase::kConnect;
  }
  if (has_proxy_) progress.cause = progress.phase <= Phase::kConnect ? Cause::kProxy : Cause::kOther;
}

std::string CurlCall::What(CURLcode code) const {
  const std::string detail = error_text_[0] != 0 ? error_text_ : curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return StrCat("cannot resolve the host name: ", detail);
    case CURLE_COULDNT_RESOLVE_PROXY:
      return StrCat("cannot resolve the name of the proxy: ", detail);
    case CURLE_COULDNT_CONNECT: {
      long errno_value = 0;
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errno_value);
      return errno_value == 0 ? detail : StrCat(detail, ": ", strerror(static_cast<int>(errno_value)));
    }
    case CURLE_INTERFACE_FAILED:
      return StrCat("source address ", source_ ? source_->ToString() : std::string(), ": ", detail);
    case CURLE_GOT_NOTHING:
      return "the server closed the connection without an answer";
    case CURLE_PARTIAL_FILE:
      return StrCat("the server closed the connection inside the body: ", detail);
    default:
      return detail;
  }
}

Cause CurlCall::CauseOf(CURLcode code) const {
  if (IsTlsFailure(code)) return Cause::kCertificate;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Cause::kName;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Cause::kProxy;
    case CURLE_COULDNT_CONNECT: {
      if (has_proxy_) return Cause::kProxy;
      long errno_value = 0;
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errno_value);
      return CauseOfConnectError(static_cast<int>(errno_value));
    }
    case CURLE_OPERATION_TIMEDOUT:
      if (progress.phase >= Phase::kSend) return Cause::kOther;
      if (has_proxy_ && progress.phase <= Phase::kConnect) return Cause::kProxy;
      return progress.phase == Phase::kDns ? Cause::kName : Cause::kUnreachable;
    case CURLE_SSL_CONNECT_ERROR:
      // The one thing that only its text tells; no host name is in it then.
      return std::string_view(error_text_).ends_with("wrong version number") ? Cause::kNotHttp : Cause::kOther;
    case CURLE_UNSUPPORTED_PROTOCOL:  // "HTTP/0.9"
    case CURLE_WEIRD_SERVER_REPLY:
      return Cause::kNotHttp;
    default:
      return Cause::kOther;
  }
}

Result<Response> CurlCall::Outcome(CURLcode code, SteadyTime now) {
  if (error_) {
    NoteUnanswered();
    return std::move(*error_);
  }
  if (code == CURLE_OK && receiver_.has_head()) {
    Response response = receiver_.Take();
    char* ip = nullptr;
    long port = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    if (ip != nullptr) response.remote_address = StrCat(BracketedHost(ip), ":", port);
    return response;
  }
  NoteUnanswered();
  UpdatePhase();
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) progress.phase = Phase::kDns;
  if (IsTlsFailure(code)) progress.phase = Phase::kTls;
  progress.cause = CauseOf(code);
  Error error = UnavailableError(request, progress, now, What(code));
  if (IsTlsFailure(code)) error.retryable = false;  // a certificate does not become right by asking again
  return error;
}

}  // namespace ossfs2::http
