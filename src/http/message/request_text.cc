#include "http/message/request_text.h"

#include <strings.h>

#include <algorithm>
#include <cerrno>

#include "base/values/str.h"

namespace ossfs2::http {
namespace {

bool IsTokenChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
}

bool IsToken(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar); }

bool HasBreak(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool HasSpaceOrControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

}  // namespace

Status CheckRequest(const Request& request) {
  const auto bad = [](std::string_view why) {
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat("not sent, the HTTP request is malformed: ", why));
  };
  if (!IsToken(request.method)) return bad("the method is no token");
  if (request.host.empty() || HasSpaceOrControl(request.host) ||
      request.host.find_first_of("/?#@\\") != std::string::npos)
    return bad("the host name is empty or has characters that no host name has");
  if (request.port == 0) return bad("port 0");
  if (request.target.empty() || request.target[0] != '/') return bad("the target does not begin with '/'");
  if (HasSpaceOrControl(request.target) || request.target.find('#') != std::string::npos)
    return bad("the target is not percent-encoded");
  for (const Header& header : request.headers) {
    if (!IsToken(header.name)) return bad("a header name is no token");
    if (HasBreak(header.value)) return bad(StrCat("a line break in header ", header.name));
    for (const char* own : {"Host", "Content-Length", "Transfer-Encoding", "Connection"})
      if (strcasecmp(header.name.c_str(), own) == 0) return bad(StrCat("header ", own, " belongs to the client"));
  }
  return {};
}

std::string BracketedHost(const std::string& host) {
  return host.find(':') != std::string::npos && host[0] != '[' ? StrCat("[", host, "]") : host;
}

std::string HostHeader(const Request& request) {
  const uint16_t default_port = request.tls ? 443 : 80;
  const std::string host = BracketedHost(request.host);
  return request.port == default_port ? host : StrCat(host, ":", request.port);
}

uint64_t BodyBytes(const Request& request) {
  uint64_t sum = 0;
  for (const auto& span : request.body) sum += span.size();
  return sum;
}

bool SendsLength(const Request& request, uint64_t body_bytes) {
  return body_bytes > 0 || request.method == "PUT" || request.method == "POST";
}

bool MayRepeat(const Request& request) {
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
    if (request.method == method) return true;
  return false;
}

std::string RequestHeadText(const Request& request, uint64_t body_bytes) {
  std::string out;
  size_t size = request.target.size() + request.host.size() + 128;
  for (const Header& header : request.headers) size += header.name.size() + header.value.size() + 4;
  out.reserve(size);
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
  out.append(HostHeader(request)).append("\r\n");
  for (const Header& header : request.headers)
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  if (SendsLength(request, body_bytes)) out.append(StrCat("Content-Length: ", body_bytes, "\r\n"));
  return out.append("\r\n");
}

}  // namespace ossfs2::http
