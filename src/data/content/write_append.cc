#include "data/content/write_append.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "data/content/fetch_range.h"
#include "data/upload/upload_zeros.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr uint64_t kZeroAppendBytes = 64ull << 20;

}  // namespace

Result<WriteResult> AppendBody(WriteServices& services, ObjectVersion& version, UploadBody body, uint64_t size,
                               const WriteOptions& options) {
  services.completing.fetch_add(1, std::memory_order_relaxed);
  Result<WriteResult> result = services.store.Append(version.key, version.size, body, options);
  services.completing.fetch_sub(1, std::memory_order_relaxed);
  if (!result) return result;
  version.size += size;
  version.etag = result->etag;
  version.crc64 = result->crc64;
  return result;
}

WriteAppend::WriteAppend(WriteServices& services, ObjectVersion base, bool exists, WriteOptions options)
    : services_(services), base_(std::move(base)), exists_(exists), options_(std::move(options)) {}

bool WriteAppend::TryAppend(std::span<const std::byte> data) {
  if (!failure_) return false;
  if (!buffer_) OpenBuffer(data.size());
  if (buffer_->size() + data.size() > buffer_->capacity()) return false;
  if (const size_t count = PartBuffer::BlocksFor(data.size(), buffer_->Room()); count > 0) {
    std::vector<BlockRef> blocks = services_.memory.TryAcquire(count);
    if (blocks.size() != count) return false;
    for (BlockRef& block : blocks) buffer_->AddBlock(std::move(block));
  }
  buffer_->Append(data);
  return true;
}

void WriteAppend::OpenBuffer(uint64_t bytes) {
  const uint64_t needed = PartBuffer::BlocksFor(bytes, 0) * kBlock;
  buffer_ = std::make_unique<PartBuffer>(base_.size, std::max(services_.part_bytes, needed),
                                         services_.options.check_crc64);
}

Status WriteAppend::Append(std::span<const std::byte> data) {
  if (!failure_) return failure_;
  if (TryAppend(data)) return {};
  // Full, or no memory: what is here goes out, and then all of it is waited for with nothing held.
  if (buffer_->size() > 0) OSSFS2_RETURN_IF_ERROR(Flush());
  OpenBuffer(data.size());
  Result<std::vector<BlockRef>> blocks = services_.memory.Acquire(PartBuffer::BlocksFor(data.size(), 0));
  if (!blocks) return blocks.error();
  buffer_->AddBlocks(*blocks);
  buffer_->Append(data);
  return {};
}

Status WriteAppend::Flush() {
  if (!failure_) return failure_;
  const uint64_t size = buffer_ ? buffer_->size() : 0;
  if (size == 0 && exists_) {
    buffer_.reset();
    return {};
  }
  UploadBody body;
  if (size > 0) body.spans = buffer_->Spans();
  if (services_.options.check_crc64) body.crc64 = size > 0 ? buffer_->Crc() : 0;
  Result<WriteResult> result = AppendBody(services_, base_, std::move(body), size, options_);
  if (!result) {
    failure_ = result.error();
    return failure_;
  }
  made_ = made_ || !exists_;
  exists_ = appended_ = true;
  mtime_s_ = result->mtime_s;
  buffer_.reset();
  return {};
}

Status WriteAppend::Read(uint64_t offset, std::span<std::byte> out) {
  if (offset < base_.size) {
    const auto stored = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), base_.size - offset)));
    OSSFS2_RETURN_IF_ERROR(FetchRange(services_.store, base_, offset, stored));
    out = out.subspan(stored.size());
    offset += stored.size();
  }
  if (!out.empty()) buffer_->Read(offset - base_.size, out);
  return {};
}

Result<ObjectVersion> WriteAppend::Publish(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(Flush());
  while (base_.size < size) {
    const uint64_t piece = std::min(size - base_.size, kZeroAppendBytes);
    UploadBody zeros;
    AddZeroSpans(zeros.spans, piece);
    if (services_.options.check_crc64) zeros.crc64 = ZeroCrc64(piece);
    Result<WriteResult> result = AppendBody(services_, base_, std::move(zeros), piece, options_);
    if (!result) {
      failure_ = result.error();
      return result.error();
    }
    mtime_s_ = result->mtime_s;
  }
  appended_ = false;
  services_.metrics.published_append.Add();
  return base_;
}

}  // namespace ossfs2
