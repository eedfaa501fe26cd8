// AwsChunkedBody: the bytes inside an aws-chunked upload, with the signature of every chunk checked when
// the request is signed with STREAMING-AWS4-HMAC-SHA256-PAYLOAD. One chunk of at most 16 MiB is held in
// memory.
//
// Threads: the one of its connection.
#pragma once

#include <string>
#include <vector>

#include "oss/signing/s3_signing.h"
#include "server/transport/request_reader.h"

namespace ossfs2::server {

inline constexpr size_t kAwsChunkBytesMax = 16 << 20;

class AwsChunkedBody final : public BodySource {
 public:
  // `secret` empty: signatures of chunks are not looked at, and there may be none
  // (STREAMING-UNSIGNED-PAYLOAD-TRAILER); trailers are read and ignored.
  AwsChunkedBody(BodySource& source, std::string secret, oss::S3Scope scope, std::string seed_signature)
      : source_(source),
        secret_(std::move(secret)),
        scope_(std::move(scope)),
        previous_(std::move(seed_signature)) {}

  ssize_t Read(void* data, size_t size) override;

 private:
  bool ReadExactly(char* data, size_t size);
  bool ReadLine(std::string& line);
  bool NextChunk();

  BodySource& source_;
  const std::string secret_;
  const oss::S3Scope scope_;
  std::string previous_;
  std::vector<char> buffer_ = std::vector<char>(64 << 10);  // read ahead of the chunk headers
  size_t buffer_begin_ = 0;
  size_t buffer_end_ = 0;
  std::string chunk_;
  size_t chunk_at_ = 0;
  bool finished_ = false;
  bool broken_ = false;
};

}  // namespace ossfs2::server
