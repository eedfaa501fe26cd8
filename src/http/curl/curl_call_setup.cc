// What a request sets on its easy handle before the transfer.
#include <algorithm>

#include "base/values/str.h"
#include "http/curl/curl_call.h"
#include "http/message/request_text.h"

namespace ossfs2::http {
namespace {

// The largest that libcurl 7.88 takes; for data only, since each transfer owns one.
constexpr long kDataBufferBytes = 512 << 10;
constexpr long kSmallBufferBytes = 64 << 10;
constexpr uint64_t kUploadBufferBytesMin = 16u << 10;
constexpr uint64_t kUploadBufferBytesMax = 2u << 20;

}  // namespace

void CurlCall::Prepare(CURL* handle, CurlShared& shared) {
  easy = handle;
  progress.phase = Phase::kDns;
  span_ = 0;
  span_offset_ = 0;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, sink != nullptr ? kDataBufferBytes : kSmallBufferBytes);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlCall::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlCall::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &CurlCall::OnSend);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  SetMethod();
  SetUrl(shared);
  SetHeaders();
  SetConnection(shared);
}

void CurlCall::SetMethod() {
  const auto length = static_cast<curl_off_t>(body_bytes_);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
    if (body_bytes_ == 0) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
      // libcurl would repeat it on a fresh connection if a kept one died unanswered; a
      // body stops that (OnSeek), nothing else does.
      curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
  } else if (request.method == "PUT" || body_bytes_ > 0) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, length);
    if (request.method != "PUT") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (request.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (body_bytes_ == 0) return;
  const uint64_t buffer = std::clamp(body_bytes_, kUploadBufferBytesMin, kUploadBufferBytesMax);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(buffer));
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, &CurlCall::OnRead);
  curl_easy_setopt(easy, CURLOPT_READDATA, this);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, &CurlCall::OnSeek);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
}

void CurlCall::SetUrl(const CurlShared& shared) {
  const std::string url = StrCat(request.tls ? "https://" : "http://", BracketedHost(request.host), ":", request.port,
                                 request.target);
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  // Byte for byte what was signed; a proxy for plain HTTP needs the absolute form instead.
  if (shared.config.proxy.empty() || request.tls)
    curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, request.target.c_str());
}

void CurlCall::SetHeaders() {
  const auto add = [this](const std::string& line) {
    if (curl_slist* const longer = curl_slist_append(header_list_, line.c_str())) header_list_ = longer;
  };
  ResponseHeaders given;
  for (const Header& header : request.headers) {
    // "Name;" is libcurl's way to send a header without value.
    add(header.value.empty() ? StrCat(header.name, ";") : StrCat(header.name, ": ", header.value));
    given.Add(header.name, header.value);
  }
  // What libcurl would add by itself is not signed and not wanted.
  for (const char* own : {"Expect", "Accept", "Content-Type"})
    if (!given.Find(own)) add(StrCat(own, ":"));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_);
}

void CurlCall::SetConnection(CurlShared& shared) {
  const HttpConfig& config = shared.config;
  const auto seconds = [](std::chrono::seconds value) { return static_cast<long>(value.count()); };
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<int64_t>(1, request.connect_timeout.count())));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, seconds(config.idle_connection_max));
  curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, seconds(config.connection_age_max));
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, seconds(config.dns_cache_ttl));
  curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
  curl_easy_setopt(easy, CURLOPT_IPRESOLVE,
                   static_cast<long>(config.ipv6 ? CURL_IPRESOLVE_WHATEVER : CURL_IPRESOLVE_V4));
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &CurlCall::OnOpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  has_proxy_ = !config.proxy.empty();
  // Empty texts keep the environment (http_proxy, no_proxy) out.
  curl_easy_setopt(easy, CURLOPT_PROXY, config.proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!shared.ca.file.empty() || !shared.ca.dir.empty()) {
    // A null one also drops the place that this libcurl was built with.
    curl_easy_setopt(easy, CURLOPT_CAINFO, shared.ca.file.empty() ? nullptr : shared.ca.file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, shared.ca.dir.empty() ? nullptr : shared.ca.dir.c_str());
  }
  source_ = shared.sources.Next(AF_UNSPEC);
  if (!source_) return;
  std::string text = source_->ToString();
  text.resize(text.rfind(':'));
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  curl_easy_setopt(easy, CURLOPT_INTERFACE, StrCat("host!", text).c_str());
}

}  // namespace ossfs2::http
