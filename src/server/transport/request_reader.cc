#include "server/transport/request_reader.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace ossfs2::server {
namespace {

// "GET /a?b HTTP/1.1". 0 or the status to answer.
int ParseRequestLine(std::string_view line, HttpRequest& request) {
  if (line.size() > kRequestLineBytesMax) return 414;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || first == 0) return 400;
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return version.starts_with("HTTP/") ? 501 : 400;
  request.keep_alive = version == "HTTP/1.1";
  request.method = std::string(line.substr(0, first));
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.starts_with("http://") || target.starts_with("https://")) {  // the absolute form of proxies
    const size_t path = target.find('/', target.find("//") + 2);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (target.empty() || target[0] != '/') return 400;
  const size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  request.query = mark == std::string_view::npos ? "" : std::string(target.substr(mark + 1));
  return 0;
}

int ParseHeaders(std::string_view head, HttpRequest& request) {
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line[colon - 1] == ' ') return 400;
    if (request.headers.size() >= kHeadersMax) return 431;
    request.headers.emplace_back(line.substr(0, colon), TrimSpace(line.substr(colon + 1)));
  }
  return 0;
}

// Framing and connection headers.
int Interpret(HttpRequest& request) {
  if (const auto* value = request.Header("Transfer-Encoding")) {
    if (!EqualsIgnoringCase(*value, "chunked")) return 501;
    request.chunked = true;
  }
  if (const auto* value = request.Header("Content-Length")) {
    uint64_t length = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), length);
    if (error != std::errc() || end != value->data() + value->size() || request.chunked) return 400;
    request.content_length = length;
  }
  if (const auto* value = request.Header("Expect")) {
    request.expect_continue = EqualsIgnoringCase(*value, "100-continue");
  }
  if (const auto* value = request.Header("Connection")) {
    if (EqualsIgnoringCase(*value, "close")) request.keep_alive = false;
    if (EqualsIgnoringCase(*value, "keep-alive")) request.keep_alive = true;
  }
  return 0;
}

}  // namespace

bool ConnectionReader::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const ssize_t n = stream_.Read(buffer_.data() + end_, buffer_.size() - end_);
  if (n <= 0) return false;
  end_ += static_cast<size_t>(n);
  return true;
}

int ConnectionReader::ReadHead(HttpRequest& request) {
  for (;;) {
    while (end_ - begin_ >= 2 && buffer_[begin_] == '\r' && buffer_[begin_ + 1] == '\n') begin_ += 2;
    const std::string_view seen(buffer_.data() + begin_, end_ - begin_);
    const size_t end = seen.find("\r\n\r\n");
    if (end != std::string_view::npos) {
      const size_t line_end = seen.find("\r\n");
      int status = ParseRequestLine(seen.substr(0, line_end), request);
      if (status == 0 && line_end < end) {
        status = ParseHeaders(seen.substr(line_end + 2, end - line_end - 2), request);
      }
      begin_ += end + 4;
      return status != 0 ? status : Interpret(request);
    }
    if (seen.size() >= kHeadBytesMax) return 431;
    if (!Fill()) return -1;
  }
}

ssize_t ConnectionReader::Read(void* data, size_t size) {
  if (begin_ < end_) {
    const size_t n = std::min(size, end_ - begin_);
    std::memcpy(data, buffer_.data() + begin_, n);
    begin_ += n;
    pacer_.Moved(n);
    return static_cast<ssize_t>(n);
  }
  const ssize_t n = stream_.Read(data, std::min(size, pacer_.StepBytes()));
  if (n > 0 && !pacer_.Moved(static_cast<size_t>(n))) return -1;
  return n;
}

bool ConnectionReader::ReadLine(std::string& line) {
  for (;;) {
    const std::string_view seen(buffer_.data() + begin_, end_ - begin_);
    const size_t end = seen.find("\r\n");
    if (end != std::string_view::npos) {
      line = std::string(seen.substr(0, end));
      begin_ += end + 2;
      return true;
    }
    if (seen.size() >= 4096 || !Fill()) return false;
  }
}

BodyReader::BodyReader(ConnectionReader& reader, const HttpRequest& request)
    : reader_(reader),
      waiting_for_continue_(request.expect_continue),
      chunked_(request.chunked),
      left_(request.chunked ? 0 : request.content_length.value_or(0)) {
  finished_ = !chunked_ && left_ == 0;
}

bool BodyReader::NextChunk() {
  std::string line;
  if (!first_chunk_ && (!reader_.ReadLine(line) || !line.empty())) return false;
  first_chunk_ = false;
  if (!reader_.ReadLine(line)) return false;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  const bool whole = end == line.data() + line.size() || *end == ';' || *end == ' ';
  if (error != std::errc() || !whole) return false;
  if (left_ > 0) return true;
  do {  // trailers
    if (!reader_.ReadLine(line)) return false;
  } while (!line.empty());
  finished_ = true;
  return true;
}

ssize_t BodyReader::ReadSome(void* data, size_t size) {
  if (chunked_ && left_ == 0 && !NextChunk()) return -1;
  if (finished_) return 0;
  errno = 0;
  const ssize_t n = reader_.Read(data, static_cast<size_t>(std::min<uint64_t>(size, left_)));
  if (n <= 0) {
    timed_out_ = errno == EAGAIN;
    return -1;
  }
  left_ -= static_cast<uint64_t>(n);
  bytes_read_ += static_cast<uint64_t>(n);
  if (!chunked_ && left_ == 0) finished_ = true;
  return n;
}

ssize_t BodyReader::Read(void* data, size_t size) {
  if (broken_) return -1;
  if (finished_ || size == 0) return 0;
  if (waiting_for_continue_) {
    waiting_for_continue_ = false;
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!reader_.stream().Write(kContinue.data(), kContinue.size(), false)) return broken_ = true, -1;
  }
  const ssize_t n = ReadSome(data, size);
  if (n < 0) broken_ = true;
  return n;
}

bool BodyReader::Drain(uint64_t limit) {
  if (broken_) return false;
  if (finished_) return true;
  // The client may or may not send the body that it was not invited to send.
  if (waiting_for_continue_) return false;
  if (!chunked_ && left_ > limit) return false;
  std::vector<char> waste(64 << 10);
  uint64_t total = 0;
  for (;;) {
    const ssize_t n = Read(waste.data(), waste.size());
    if (n <= 0) return n == 0;
    total += static_cast<uint64_t>(n);
    if (total > limit) return false;
  }
}

}  // namespace ossfs2::server
