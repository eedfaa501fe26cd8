#include "server/auth/aws_chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "oss/signing/encoding.h"

namespace ossfs2::server {

bool AwsChunkedBody::ReadExactly(char* data, size_t size) {
  while (size > 0) {
    if (buffer_begin_ < buffer_end_) {
      const size_t n = std::min(size, buffer_end_ - buffer_begin_);
      std::memcpy(data, buffer_.data() + buffer_begin_, n);
      buffer_begin_ += n;
      data += n;
      size -= n;
      continue;
    }
    const bool direct = size >= buffer_.size();
    const ssize_t n = direct ? source_.Read(data, size) : source_.Read(buffer_.data(), buffer_.size());
    if (n <= 0) return false;
    if (direct) {
      data += n;
      size -= static_cast<size_t>(n);
    } else {
      buffer_begin_ = 0;
      buffer_end_ = static_cast<size_t>(n);
    }
  }
  return true;
}

bool AwsChunkedBody::ReadLine(std::string& line) {
  line.clear();
  char c = 0;
  while (line.size() < 4096 && ReadExactly(&c, 1)) {
    line.push_back(c);
    if (line.ends_with("\r\n")) {
      line.resize(line.size() - 2);
      return true;
    }
  }
  return false;
}

// "10000;chunk-signature=<hex>" CRLF, the bytes, CRLF.
bool AwsChunkedBody::NextChunk() {
  std::string line;
  if (!ReadLine(line)) return false;
  size_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (error != std::errc() || size > kAwsChunkBytesMax) return false;
  chunk_.resize(size);
  chunk_at_ = 0;
  if (!ReadExactly(chunk_.data(), size)) return false;
  if (!secret_.empty()) {
    static constexpr std::string_view kName = ";chunk-signature=";
    const size_t at = line.find(kName);
    if (at == std::string::npos) return false;
    const std::string expected =
        oss::S3ChunkSignature(secret_, scope_, previous_, oss::HexEncode(oss::Sha256(chunk_)));
    if (line.substr(at + kName.size()) != expected) return false;
    previous_ = expected;
  }
  if (size > 0) return ReadLine(line) && line.empty();
  finished_ = true;
  while (ReadLine(line) && !line.empty()) {  // trailers, up to an empty line or the end
  }
  return true;
}

ssize_t AwsChunkedBody::Read(void* data, size_t size) {
  if (broken_) return -1;
  while (chunk_at_ == chunk_.size()) {
    if (finished_) return 0;
    if (!NextChunk()) return broken_ = true, -1;
  }
  const size_t n = std::min(size, chunk_.size() - chunk_at_);
  std::memcpy(data, chunk_.data() + chunk_at_, n);
  chunk_at_ += n;
  return static_cast<ssize_t>(n);
}

}  // namespace ossfs2::server
