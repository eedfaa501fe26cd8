#include "server/operations/upload_body.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

constexpr size_t kReceiveBytes = 256 << 10;

class Md5Sum {
 public:
  explicit Md5Sum(bool wanted) : context_(wanted ? EVP_MD_CTX_new() : nullptr) {
    if (context_ != nullptr) EVP_DigestInit_ex(context_, EVP_md5(), nullptr);
  }
  ~Md5Sum() { EVP_MD_CTX_free(context_); }
  Md5Sum(const Md5Sum&) = delete;
  Md5Sum& operator=(const Md5Sum&) = delete;

  void Add(const void* data, size_t size) {
    if (context_ != nullptr) EVP_DigestUpdate(context_, data, size);
  }
  void GiveUp() {
    EVP_MD_CTX_free(context_);
    context_ = nullptr;
  }
  // 16 bytes; empty when not wanted.
  std::string Raw() {
    if (context_ == nullptr) return {};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_, digest, &size);
    return std::string(reinterpret_cast<char*>(digest), size);
  }

 private:
  EVP_MD_CTX* context_;
};

// The file that gets the bytes. A blob that is not finished goes away with its file.
class Target {
 public:
  Target(HandlerContext& context, const Extent* tail) : context_(context), tail_(tail) {}
  ~Target() {
    if (fd_ >= 0) ::close(fd_);
    if (continues_) blob_->claimed = false;
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  Status Write(const char* data, size_t size) {
    if (blob_ == nullptr) OSSFS2_RETURN_IF_ERROR(Open());
    if (fd_ < 0) {
      size_ += size;
      return {};
    }
    while (size > 0) {
      const ssize_t n = ::pwrite(fd_, data, size, static_cast<off_t>(offset_ + size_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return ErrnoError(errno, "store an upload");
      data += n;
      size -= static_cast<size_t>(n);
      size_ += static_cast<uint64_t>(n);
    }
    return {};
  }

  std::vector<Extent> Finish(uint64_t crc64) {
    if (blob_ == nullptr) return {};
    if (blob_->kind() == BlobKind::kFile) blob_->end = offset_ + size_;
    return {Extent{blob_, offset_, size_, crc64, true}};
  }

 private:
  Status Open() {
    BlobStore& blobs = context_.storage.blobs();
    if (context_.discard) {
      blob_ = blobs.Discarded();
      return {};
    }
    if (tail_ != nullptr && tail_->blob->kind() == BlobKind::kFile && ClaimTail()) {
      fd_ = blobs.OpenForWriting(*blob_);
      if (fd_ < 0) return ErrnoError(errno, "open stored data for an append");
      return {};
    }
    auto blob = blobs.Create(fd_);
    if (!blob) return std::move(blob.error());
    blob_ = std::move(*blob);
    return {};
  }

  // Whether this append may write where the tail ends: nothing else refers to bytes there, nor will.
  bool ClaimTail() {
    bool free = false;
    if (!tail_->blob->claimed.compare_exchange_strong(free, true)) return false;
    if (tail_->blob->end != tail_->offset + tail_->size) {
      tail_->blob->claimed = false;
      return false;
    }
    blob_ = tail_->blob;
    offset_ = tail_->offset + tail_->size;
    continues_ = true;
    return true;
  }

  HandlerContext& context_;
  const Extent* const tail_;
  std::shared_ptr<Blob> blob_;
  int fd_ = -1;
  uint64_t offset_ = 0;
  uint64_t size_ = 0;
  bool continues_ = false;
};

Failure BrokenBody(const Exchange& e) {
  if (e.body->wrong_hash()) {
    return Fail(400, "XAmzContentSHA256Mismatch",
                "The provided x-amz-content-sha256 header does not match what was computed.");
  }
  if (e.raw_body.timed_out()) {
    return Fail(400, "RequestTimeout",
                "Your socket connection to the server was not read from or written to "
                "within the timeout period.");
  }
  return Fail(400, "IncompleteBody", "The request body terminated unexpectedly.");
}

Reply<void> CheckMd5(const Exchange& e, const std::string& raw) {
  const std::string* given = e.http.Header("Content-MD5");
  if (given == nullptr || raw.empty()) return {};
  if (oss::Base64Encode(raw) == *given) return {};
  return Fail(400, "InvalidDigest", "The Content-MD5 you specified is not valid for the content received.");
}

Reply<void> CheckCrc(const Exchange& e, uint64_t crc64) {
  const std::string* given = e.dialect.s3 ? nullptr : e.OwnHeader("hash-crc64ecma");
  if (given == nullptr || *given == StrCat(crc64)) return {};
  return Fail(
      400, "InvalidCRC64",
      StrCat("The CRC64 you specified, ", *given, ", is not that of the content received, ", crc64, "."));
}

}  // namespace

Reply<ReceivedBody> ReceiveBody(HandlerContext& context, Exchange& e, const Extent* tail) {
  if (!e.body_bytes && !e.http.chunked) {
    return Fail(411, "MissingContentLength", "You must provide the Content-Length HTTP header.");
  }
  if (e.body_bytes.value_or(0) > kPutBytesMax) {
    return Fail(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.");
  }
  const bool md5_needed = !context.discard && (e.dialect.s3 || e.http.Header("Content-MD5") != nullptr);
  Md5Sum md5(md5_needed || e.body_bytes.value_or(0) <= kMd5BytesMax);
  Target target(context, tail);
  ReceivedBody received;
  std::vector<char> buffer(std::min<uint64_t>(kReceiveBytes, e.body_bytes.value_or(kReceiveBytes) + 1));
  for (;;) {
    const ssize_t n = e.body->Read(buffer.data(), buffer.size());
    if (n < 0) return BrokenBody(e);
    if (n == 0) break;
    const size_t size = static_cast<size_t>(n);
    if (e.corrupt_upload && received.size == 0) buffer[size / 2] = static_cast<char>(buffer[size / 2] ^ 0x20);
    context.stats.put_bytes.fetch_add(size, std::memory_order_relaxed);
    received.size += size;
    received.crc64 = Crc64(received.crc64, buffer.data(), size);
    if (!md5_needed && received.size > kMd5BytesMax) md5.GiveUp();
    md5.Add(buffer.data(), size);
    if (received.size > kPutBytesMax) {
      return Fail(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.");
    }
    if (const Status stored = target.Write(buffer.data(), size); !stored) return Internal(stored.error());
  }
  if (e.body_bytes && *e.body_bytes != received.size) return BrokenBody(e);
  const std::string raw_md5 = md5.Raw();
  if (auto good = CheckMd5(e, raw_md5); !good) return Failure(good.error());
  if (auto good = CheckCrc(e, received.crc64); !good) return Failure(good.error());
  received.etag = raw_md5.empty() ? OpaqueEtag(received.crc64, received.size) : oss::HexEncodeUpper(raw_md5);
  if (!raw_md5.empty()) received.content_md5 = oss::Base64Encode(raw_md5);
  received.extents = target.Finish(received.crc64);
  return received;
}

Reply<std::string> ReceiveText(Exchange& e, size_t bytes_max, std::string_view code) {
  std::string text;
  char buffer[16 << 10];
  for (;;) {
    const ssize_t n = e.body->Read(buffer, sizeof(buffer));
    if (n < 0) return BrokenBody(e);
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > bytes_max) return Fail(400, code, "The request body is too large.");
  }
  if (auto good = CheckMd5(e, oss::Md5(text)); !good) return Failure(good.error());
  return text;
}

}  // namespace ossfs2::server
