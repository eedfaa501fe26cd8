#include "tests/server/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::server {

std::string Answer::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return {};
}

std::string Answer::Code() const { return Element("Code"); }

std::string Answer::Element(std::string_view name) const {
  const std::string open = StrCat("<", name, ">");
  const size_t start = body.find(open);
  if (start == std::string::npos) return {};
  const size_t end = body.find(StrCat("</", name, ">"), start);
  return body.substr(start + open.size(), end - start - open.size());
}

RawConnection::RawConnection(uint16_t port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{20, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

RawConnection::~RawConnection() { ::close(fd_); }

void RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void RawConnection::FinishSending() { ::shutdown(fd_, SHUT_WR); }

bool RawConnection::Fill() {
  char chunk[64 << 10];
  const ssize_t n = ::recv(fd_, chunk, sizeof(chunk), 0);
  if (n <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(n));
  return true;
}

std::string RawConnection::ReadSome(size_t size) {
  while (buffer_.size() < size && Fill()) {
  }
  std::string out = buffer_.substr(0, size);
  buffer_.erase(0, out.size());
  return out;
}

Answer RawConnection::Read(bool head_only) {
  Answer answer;
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return answer;
  }
  std::string_view head(buffer_.data(), end);
  answer.status = std::atoi(buffer_.c_str() + 9);
  for (size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    const size_t next = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, next == std::string_view::npos ? next : next - at - 2);
    const size_t colon = line.find(": ");
    answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    at = next;
  }
  buffer_.erase(0, end + 4);
  if (head_only || answer.status == 100) return answer;
  const size_t length = std::strtoull(answer.Header("Content-Length").c_str(), nullptr, 10);
  answer.body = ReadSome(length);
  answer.whole = answer.body.size() == length;
  return answer;
}

ServerTest::ServerTest() {
  options_.root = folder_.path() + "/root";
  options_.buckets = {"bkt"};
  options_.access_key_id = "test-id";
  options_.access_key_secret = "test-secret";
}

ServerTest::~ServerTest() { Stop(); }

void ServerTest::Start() {
  auto server = OssServer::Start(options_);
  ASSERT_TRUE(server) << server.error().text;
  server_ = std::move(*server);
}

void ServerTest::Stop() {
  EXPECT_TRUE(server_ == nullptr || server_->Stop());
  server_.reset();
}

std::string ServerTest::Build(const std::string& method, const std::string& key, const NameValues& query,
                              const std::string& body, NameValues headers) {
  oss::SignableRequest request{method, bucket_, key, query, std::move(headers)};
  oss::SignRequest(request, keys_, signing_, "cn-hangzhou", std::time(nullptr) + clock_shift_s_);
  std::string text = StrCat(method, " /", bucket_, "/", oss::PercentEncodePath(key));
  char separator = '?';
  for (const auto& [name, value] : query) {
    text += StrCat(separator, oss::PercentEncode(name), value.empty() ? "" : "=",
                   oss::PercentEncode(value));
    separator = '&';
  }
  text += " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  bool chunked = false;
  for (const auto& [name, value] : request.headers) {
    text += StrCat(name, ": ", value, "\r\n");
    chunked = chunked || name == "Transfer-Encoding";
  }
  if (!chunked) text += StrCat("Content-Length: ", body.size(), "\r\n");
  return StrCat(text, "\r\n", body);
}

Answer ServerTest::Do(const std::string& method, const std::string& key, const NameValues& query,
                      const std::string& body, NameValues headers) {
  RawConnection connection(port());
  connection.Send(Build(method, key, query, body, std::move(headers)));
  return connection.Read(method == "HEAD");
}

Answer ServerTest::Admin(const std::string& method, const std::string& target, const std::string& body) {
  RawConnection connection(port());
  connection.Send(
      StrCat(method, " ", target, " HTTP/1.1\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  return connection.Read();
}

uint64_t ServerTest::Stat(const std::string& name) {
  const std::string body = Admin("GET", "/-/stats").body;
  const size_t at = body.find(StrCat("\"", name, "\":"));
  EXPECT_NE(at, std::string::npos) << name;
  return std::strtoull(body.c_str() + at + name.size() + 3, nullptr, 10);
}

std::string ServerTest::NewUpload(const std::string& key) {
  return Do("POST", key, {{"uploads", ""}}).Element("UploadId");
}

}  // namespace ossfs2::server
