// Reading HTTP/1.1 requests from a stream: heads (ConnectionReader) and bodies (BodyReader).
//
// Threads: the one of the connection; reads block, for kSocketTimeoutSeconds at most.
// Limits: kHeadBytesMax, kRequestLineBytesMax, kHeadersMax.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/transport/http_message.h"
#include "server/transport/stream.h"

namespace ossfs2::server {

inline constexpr size_t kHeadBytesMax = 64 << 10;
inline constexpr size_t kRequestLineBytesMax = 16 << 10;
inline constexpr size_t kHeadersMax = 200;

// A buffer over the stream, so that pipelined requests and bodies share what was read.
class ConnectionReader {
 public:
  ConnectionReader(Stream& stream, Pacer& pacer) : stream_(stream), pacer_(pacer), buffer_(kHeadBytesMax) {}

  // 0: a request was read. -1: the peer is gone or idle too long. Otherwise the HTTP status to answer
  // before closing (400, 414, 431, 501).
  int ReadHead(HttpRequest& request);
  // Up to `size` body bytes: buffered ones first, then straight from the stream. As Stream::Read.
  ssize_t Read(void* data, size_t size);
  // One line of the body without CRLF, at most 4 KiB. False: broken or gone.
  bool ReadLine(std::string& line);
  Stream& stream() { return stream_; }

 private:
  bool Fill();

  Stream& stream_;
  Pacer& pacer_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Where the bytes of an upload come from.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Bytes read (> 0), 0 at the end of the body, -1 when it broke off or is malformed.
  virtual ssize_t Read(void* data, size_t size) = 0;
  // After -1: all bytes came, but they are not those that were signed.
  virtual bool wrong_hash() const { return false; }
};

// The body of one request, by Content-Length or HTTP chunks. Sends "100 Continue" at the first Read
// when the client waits for it.
class BodyReader final : public BodySource {
 public:
  BodyReader(ConnectionReader& reader, const HttpRequest& request);

  ssize_t Read(void* data, size_t size) override;
  // True when nothing came within the socket's time-out (then Read gave -1).
  bool timed_out() const { return timed_out_; }
  // Reads what the handler left, at most `limit`. False: the connection cannot be used again.
  bool Drain(uint64_t limit);
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  ssize_t ReadSome(void* data, size_t size);
  bool NextChunk();

  ConnectionReader& reader_;
  bool waiting_for_continue_;
  bool chunked_;
  bool finished_ = false;
  bool broken_ = false;
  bool timed_out_ = false;
  bool first_chunk_ = true;
  uint64_t left_ = 0;  // of the body, or of the current chunk
  uint64_t bytes_read_ = 0;
};

}  // namespace ossfs2::server
