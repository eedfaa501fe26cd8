// HashedBody: an upload whose SHA-256 the client signed (x-amz-content-sha256 with a real hash). The bytes
// pass through; the end of the body is an error when the hash differs.
//
// Threads: the one of its connection.
#pragma once

#include <memory>
#include <string>

#include "server/transport/request_reader.h"

namespace ossfs2::server {

class HashedBody final : public BodySource {
 public:
  // `hex`: 64 lower-case digits.
  HashedBody(BodySource& source, std::string hex);
  ~HashedBody() override;
  HashedBody(const HashedBody&) = delete;
  HashedBody& operator=(const HashedBody&) = delete;

  ssize_t Read(void* data, size_t size) override;
  bool wrong_hash() const override { return wrong_; }

 private:
  struct Digest;
  BodySource& source_;
  const std::string expected_;
  std::unique_ptr<Digest> digest_;
  bool finished_ = false;
  bool wrong_ = false;
};

}  // namespace ossfs2::server
