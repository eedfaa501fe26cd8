#include "data/write/write_staged.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/page_size.h"
#include "base/size.h"
#include "base/str.h"
#include "data/write/fetch_range.h"

namespace ossfs2 {
namespace {
// Reads of the base are rounded to this: a database that reads pages would ask for each one.
constexpr uint64_t kFetchBytes = 1u << 20;
}  // namespace

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
}

Status WriteStaged::Reserve(uint64_t bytes) {
  Status status = services_.space.Reserve(bytes);
  if (status) return status;
  DropCached();
  return services_.space.Reserve(bytes);
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
  uint64_t missing = extents_.MissingBytes(offset, end);
  if (missing > 0) {
    OSSFS2_RETURN_IF_ERROR(Reserve(missing));
    // Dropping cached ranges may have taken some that this write covers.
    if (const uint64_t now = extents_.MissingBytes(offset, end); now != missing) {
      services_.space.Release(missing);
      missing = now;
      OSSFS2_RETURN_IF_ERROR(services_.space.Reserve(missing));
    }
  }
  Touch(offset, end);
  if (Status status = file_->Write(offset, data); !status) {
    services_.space.Release(missing);
    HideUnwritten(offset, end);
    return status;
  }
  extents_.Set(offset, end, ExtentKind::kData);
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
}

Status WriteStaged::Truncate(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(CheckRange(size));
  if (size < size_) {
    OSSFS2_RETURN_IF_ERROR(file_->Truncate(size));
    const uint64_t before = extents_.LocalBytes();
    extents_.Clear(size, size_);
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
  services_.space.Release(before - extents_.LocalBytes());
  return {};
}

std::vector<std::byte> WriteStaged::Tail() const {
  const uint64_t begin = PageDown(size_, services_.seams.page_bytes());
  if (begin == size_) return {};
  for (const ExtentMap::Run& run : extents_.Runs(begin, std::max(begin, std::min(size_, base_bytes_))))
    if (!run.kind) return {};  // only in the base
  std::vector<std::byte> bytes(static_cast<size_t>(size_ - begin));
  if (!file_->Read(begin, bytes)) return {};
  return bytes;
}

Status WriteStaged::Read(uint64_t offset, std::span<std::byte> out) {
  const uint64_t end = offset + out.size();
  for (const ExtentMap::Run& run : extents_.Runs(offset, std::min(end, base_bytes_)))
    if (!run.kind) OSSFS2_RETURN_IF_ERROR(FetchMissing(run.begin, run.end));
  // Everything is local now, or zeros, or there was no room to keep it.
  for (const ExtentMap::Run& run : extents_.Runs(offset, end)) {
    const auto piece = out.subspan(run.begin - offset, run.end - run.begin);
    if (run.kind || run.begin >= base_bytes_) {
      OSSFS2_RETURN_IF_ERROR(file_->Read(run.begin, piece));
      continue;
    }
    const uint64_t from_base = std::min(run.end, base_bytes_) - run.begin;
    OSSFS2_RETURN_IF_ERROR(FetchRange(services_.store, base_, run.begin, piece.first(from_base)));
    OSSFS2_RETURN_IF_ERROR(file_->Read(run.begin + from_base, piece.subspan(from_base)));
  }
  return {};
}

Status WriteStaged::FetchMissing(uint64_t begin, uint64_t end) {
  begin = begin / kFetchBytes * kFetchBytes;
  end = std::min((end + kFetchBytes - 1) / kFetchBytes * kFetchBytes, base_bytes_);
  for (const ExtentMap::Run& run : extents_.Runs(begin, end)) {
    if (run.kind) continue;
    for (uint64_t at = run.begin; at < run.end;) {
      const size_t piece = static_cast<size_t>(std::min<uint64_t>(kFetchBytes, run.end - at));
      // A cache only: without room or memory for it the bytes are fetched each time.
      if (!services_.space.Reserve(piece)) return {};
      // The memory is waited for while nothing else is held.
      const size_t count = PartBuffer::BlocksFor(piece, 0);
      Result<std::vector<BlockRef>> blocks = services_.memory.Acquire(count);
      if (!blocks) {
        services_.space.Release(piece);
        return {};
      }
      PartBuffer buffer(at, count * MemoryPool::kBlockBytes, false);
      buffer.AddBlocks(*blocks);
      buffer.Grow(piece);
      Status kept;
      const Status done = buffer.Fill([this, at, &kept](uint64_t position, std::span<std::byte> window) -> Status {
        OSSFS2_RETURN_IF_ERROR(FetchRange(services_.store, base_, at + position, window));
        kept = file_->Write(at + position, window);
        return kept;
      });
      if (!done) {
        services_.space.Release(piece);
        (void)file_->Punch(at, piece);
        return kept ? done : Status();
      }
      extents_.Set(at, at + piece, ExtentKind::kCached);
      at += piece;
    }
  }
  return {};
}

bool WriteStaged::NeedsBase() const {
  const std::vector<ExtentMap::Run> runs = extents_.Runs(0, base_bytes_);
  return std::any_of(runs.begin(), runs.end(), [](const ExtentMap::Run& run) { return !run.kind; });
}

void WriteStaged::Detach(const ObjectVersion& base) {
  if (upload_) upload_->Abort();
  upload_.reset();
  early_.clear();
  base_ = base;
  detached_ = true;
}

uint64_t WriteStaged::WrittenEnd() const {
  return std::min(size_, std::max(extents_.DirtyEnd(), base_bytes_));
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
