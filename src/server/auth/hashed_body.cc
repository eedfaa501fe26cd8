#include "server/auth/hashed_body.h"

#include <openssl/evp.h>

#include "oss/signing/encoding.h"

namespace ossfs2::server {

struct HashedBody::Digest {
  Digest() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  ~Digest() { EVP_MD_CTX_free(context); }
  std::string Raw() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context, bytes, &size);
    return std::string(reinterpret_cast<char*>(bytes), size);
  }
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

HashedBody::HashedBody(BodySource& source, std::string hex)
    : source_(source), expected_(std::move(hex)), digest_(std::make_unique<Digest>()) {}

HashedBody::~HashedBody() = default;

ssize_t HashedBody::Read(void* data, size_t size) {
  if (wrong_) return -1;
  if (finished_) return 0;
  const ssize_t n = source_.Read(data, size);
  if (n > 0) EVP_DigestUpdate(digest_->context, data, static_cast<size_t>(n));
  if (n != 0) return n;
  finished_ = true;
  wrong_ = oss::HexEncode(digest_->Raw()) != expected_;
  return wrong_ ? -1 : 0;
}

}  // namespace ossfs2::server
