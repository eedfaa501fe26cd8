#include "data/content/write_staged.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/machine/page_size.h"
#include "base/values/size.h"
#include "base/values/str.h"

namespace ossfs2 {
Result<std::unique_ptr<WriteStaged>> WriteStaged::Open(WriteServices& services, uint64_t owner, std::string key,
                                                       ObjectVersion base, uint64_t base_bytes, uint64_t size,
                                                       WriteOptions options) {
  Result<std::shared_ptr<StagingFile>> file = StagingFile::Open(services.space);
  if (!file) return file.error();
  return std::make_unique<WriteStaged>(services, owner, std::move(key), std::move(base), base_bytes, size,
                                       std::move(options), std::move(*file));
}

WriteStaged::WriteStaged(WriteServices& services, uint64_t owner, std::string key, ObjectVersion base,
                         uint64_t base_bytes, uint64_t size, WriteOptions options,
                         std::shared_ptr<StagingFile> file)
    : services_(services),
      owner_(owner),
      key_(std::move(key)),
      base_(std::move(base)),
      base_bytes_(base_bytes),
      size_(size),
      options_(std::move(options)),
      file_(std::move(file)),
      share_(services.extents),
      changed_(size != base_.size || base_bytes != base_.size),
      data_changed_(base_bytes != base_.size) {
  services_.metrics.staged_files.Add(1);
}

WriteStaged::~WriteStaged() {
  if (upload_) upload_->Abort();
  services_.space.Release(extents_.LocalBytes());
  services_.metrics.staged_files.Add(-1);
}

Status WriteStaged::CheckRange(uint64_t end) const {
  const uint64_t bound = std::min(services_.options.staged_file_bytes_max, services_.cells.BytesMax());
  if (end <= bound) return {};
  return MakeError(EFBIG, ErrorKind::kNoSpace,
                   StrCat(key_, ": files written out of order may have at most ", FormatSize(bound),
                          " (random_write_max_file_size)"));
}

void WriteStaged::DropCached() {
  if (base_.key.empty()) return;  // nowhere else any more
  for (const ExtentMap::Run& run : extents_.Extents()) {
    if (run.kind != ExtentKind::kCached) continue;
    if (!file_->Punch(run.begin, run.end - run.begin)) return;
    extents_.Clear(run.begin, run.end);
    services_.space.Release(run.end - run.begin);
  }
  CountExtents();
}

Status WriteStaged::Reserve(uint64_t bytes) {
  Status status = services_.space.Reserve(bytes);
  if (status) return status;
  DropCached();
  return services_.space.Reserve(bytes);
}

Result<uint64_t> WriteStaged::ReserveMissing(uint64_t begin, uint64_t end) {
  const uint64_t missing = extents_.MissingBytes(begin, end);
  if (missing == 0) return missing;
  OSSFS2_RETURN_IF_ERROR(Reserve(missing));
  // Dropping cached ranges may have taken some of this one.
  const uint64_t now = extents_.MissingBytes(begin, end);
  if (now == missing) return missing;
  services_.space.Release(missing);
  OSSFS2_RETURN_IF_ERROR(services_.space.Reserve(now));
  return now;
}

Status WriteStaged::Refusal() const {
  if (!upload_) return {};
  Status status = upload_->failure();
  const bool refused = !status && (status.error().kind == ErrorKind::kAccessDenied ||
                                   status.error().kind == ErrorKind::kNoSpace);
  return refused ? status : Status();
}

Status WriteStaged::Write(uint64_t offset, std::span<const std::byte> data) {
  const uint64_t end = offset + data.size();
  OSSFS2_RETURN_IF_ERROR(CheckRange(end));
  OSSFS2_RETURN_IF_ERROR(Refusal());
  const Result<uint64_t> reserved = ReserveMissing(offset, end);
  if (!reserved) return reserved.error();
  Touch(offset, end);
  if (Status status = file_->Write(offset, data); !status) {
    services_.space.Release(*reserved);
    HideUnwritten(offset, end);
    return status;
  }
  extents_.Set(offset, end, ExtentKind::kData);
  CountExtents();
  size_ = std::max(size_, end);
  SendEarly(offset, end);
  return {};
}

// What was half written must not show up where the map says zeros, nor pass for bytes of the base.
void WriteStaged::HideUnwritten(uint64_t begin, uint64_t end) {
  for (const ExtentMap::Run& run : extents_.Runs(begin, end)) {
    const bool cached = run.kind == ExtentKind::kCached;
    if (run.kind == ExtentKind::kData || (cached && base_.key.empty())) continue;
    (void)file_->Punch(run.begin, run.end - run.begin);
    if (!cached) continue;
    extents_.Clear(run.begin, run.end);
    services_.space.Release(run.end - run.begin);
  }
  CountExtents();
}

Status WriteStaged::Truncate(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(CheckRange(size));
  if (size < size_) {
    OSSFS2_RETURN_IF_ERROR(file_->Truncate(size));
    if (size < WrittenEnd()) cut_end_ = size;
    const uint64_t before = extents_.LocalBytes();
    extents_.Clear(size, size_);
    CountExtents();
    services_.space.Release(before - extents_.LocalBytes());
    base_bytes_ = std::min(base_bytes_, size);
    Touch(size, size_);
  }
  if (size != size_) changed_ = true;
  size_ = size;
  return {};
}

Status WriteStaged::Zero(uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  OSSFS2_RETURN_IF_ERROR(file_->Punch(offset, length));
  Touch(offset, end);
  const uint64_t before = extents_.LocalBytes();
  extents_.Set(offset, end, ExtentKind::kZero);
  CountExtents();
  services_.space.Release(before - extents_.LocalBytes());
  return {};
}

std::vector<std::byte> WriteStaged::Tail() const {
  const uint64_t begin = PageDown(size_, services_.options.page_bytes);
  if (begin == size_) return {};
  for (const ExtentMap::Run& run : extents_.Runs(begin, std::max(begin, std::min(size_, base_bytes_))))
    if (!run.kind) return {};  // only in the base
  std::vector<std::byte> bytes(static_cast<size_t>(size_ - begin));
  if (!file_->Read(begin, bytes)) return {};
  return bytes;
}

void WriteStaged::Detach(const ObjectVersion& base) {
  if (upload_) upload_->Abort();
  upload_.reset();
  early_.clear();
  base_ = base;
  detached_ = true;
}

uint64_t WriteStaged::WrittenEnd() const {
  return std::min(size_, std::max({extents_.DirtyEnd(), base_bytes_, cut_end_}));
}

// --- early parts ---

uint64_t WriteStaged::Generation(size_t cell) const {
  const auto found = generations_.find(cell);
  return found == generations_.end() ? 0 : found->second;
}

void WriteStaged::Touch(uint64_t begin, uint64_t end) {
  changed_ = data_changed_ = true;
  if (early_.empty() || begin >= end || begin >= services_.cells.BytesMax()) return;
  const size_t last = services_.cells.IndexOf(std::min(end, services_.cells.BytesMax()) - 1);
  for (auto it = early_.lower_bound(services_.cells.IndexOf(begin)); it != early_.end() && it->first <= last; ++it)
    ++generations_[it->first];
}

void WriteStaged::SendEarly(uint64_t begin, uint64_t end) {
  if (detached_) return;
  const size_t last = services_.cells.IndexOf(end - 1);
  for (size_t cell = services_.cells.IndexOf(begin); cell <= last; ++cell) {
    const uint64_t cell_begin = services_.cells.Begin(cell);
    const uint64_t cell_end = services_.cells.End(cell);
    // A file of one cell is one PUT at its end.
    if (size_ <= services_.part_bytes || early_.contains(cell)) continue;
    if (extents_.Covers(cell_begin, cell_end, ExtentKind::kData)) SendCellEarly(cell);
  }
}

void WriteStaged::SendCellEarly(size_t cell) {
  const uint64_t begin = services_.cells.Begin(cell);
  const uint64_t end = services_.cells.End(cell);
  if (end - begin > UsablePartBytes(end - begin, services_.pool.limit_bytes())) return;
  if (upload_ && (!upload_->failure() ||
                  upload_->Outstanding() > static_cast<size_t>(services_.options.concurrency)))
    return;
  // Never waits: when memory is short, the cell is sent at Publish.
  std::vector<BlockRef> blocks = services_.memory.TryAcquire(PartBuffer::BlocksFor(end - begin, 0));
  if (blocks.empty()) return;
  const auto buffer = std::make_shared<PartBuffer>(begin, end - begin, services_.options.check_crc64);
  buffer->AddBlocks(blocks);
  buffer->Grow(end - begin);
  early_[cell] = Generation(cell);
  upload_ = upload_ ? upload_ : MultipartUpload::Begin(services_, owner_, key_, options_);
  auto load = [file = file_, buffer]() -> Result<std::shared_ptr<PartBuffer>> {
    OSSFS2_RETURN_IF_ERROR(buffer->Fill([&](uint64_t position, std::span<std::byte> window) {
      return file->Read(buffer->offset() + position, window);
    }));
    return buffer;
  };
  upload_->SendLater(services_.cells.FirstNumber(cell), std::move(load));
}

}  // namespace ossfs2
