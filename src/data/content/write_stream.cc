#include "data/content/write_stream.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "data/content/fetch_range.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr size_t kAppendPieceBytes = 1u << 20;  // memory for so much is asked at once
}  // namespace

WriteStream::WriteStream(WriteServices& services, uint64_t owner, std::string key, WriteOptions options)
    : services_(services), owner_(owner), key_(std::move(key)), options_(std::move(options)), spill_(services) {}

WriteStream::~WriteStream() {
  if (upload_ && !completed_) upload_->Abort();
}

void WriteStream::SeedByCopy(const ObjectVersion& base) {
  seed_bytes_ = base.size;
  seed_crc_ = base.crc64;
  for (const auto& [begin, run_end] : CopyRuns(0, base.size)) SendCopy(base, begin, run_end - begin);
}

Status WriteStream::SeedByDownload(const ObjectVersion& base) {
  OSSFS2_RETURN_IF_ERROR(GrowHead(base.size));
  const Status fetched = head_->Fill([this, &base](uint64_t position, std::span<std::byte> window) {
    return FetchRange(services_.store, base, position, window);
  });
  if (!fetched) {
    head_.reset();
    next_number_ = 1;
    return fetched;
  }
  head_->Patched(0);
  return {};
}

uint64_t WriteStream::end() const {
  if (tail_) return tail_->end();
  return std::max(head_ ? head_->end() : 0, sent_.end());
}

size_t WriteStream::OutstandingMax() const {
  return static_cast<size_t>(std::max(services_.options.concurrency.value(), 1)) + 2;
}

PartBuffer* WriteStream::Current() const {
  if (tail_) return tail_.get();
  if (head_ && !head_->full()) return head_.get();
  return nullptr;
}

size_t WriteStream::BlocksNeeded(uint64_t bytes) const {
  // Parts end where blocks end, so a part border inside `bytes` changes nothing.
  const PartBuffer* current = Current();
  const uint64_t room = !spill_.empty() ? spill_.Room() : current ? current->Room() : 0;
  return PartBuffer::BlocksFor(bytes, room);
}

bool WriteStream::OutOfNumbers() const { return next_number_ + 8 > kPartsMax; }

bool WriteStream::MayTake() const {
  if (!spill_.empty() || OutOfNumbers()) return false;
  return !upload_ || upload_->Outstanding() < OutstandingMax();
}

MultipartUpload& WriteStream::Upload() {
  if (!upload_) upload_ = MultipartUpload::Begin(services_, owner_, key_, options_);
  return *upload_;
}

PartBuffer& WriteStream::OpenBuffer() {
  if (PartBuffer* current = Current()) return *current;
  const uint64_t offset = end();
  auto buffer =
      std::make_shared<PartBuffer>(offset, services_.PartBytesAt(offset), services_.options.check_crc64);
  if (offset == 0) {
    next_number_ = 2;
    head_ = std::move(buffer);
    return *head_;
  }
  // More than one part: the id will be needed, so it is asked for while the part fills.
  Upload();
  tail_ = std::move(buffer);
  return *tail_;
}

void WriteStream::Take(std::span<const std::byte> data, size_t more) {
  auto next_spare = spare_.begin();
  while (!data.empty()) {
    PartBuffer& buffer = OpenBuffer();
    if (buffer.Room() == 0) buffer.AddBlock(std::move(*next_spare++));
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(data.size(), buffer.Room()));
    buffer.Append(data.first(piece));
    data = data.subspan(piece);
    if (tail_ && tail_->full()) SendTail();
  }
  spare_.erase(spare_.begin(), next_spare);
  if (more != 0) return;
  spare_.clear();
  YieldTail();
}

void WriteStream::YieldTail() {
  if (tail_ && tail_->size() >= kPartBytesMin && services_.memory.HasWaiters()) SendTail();
}

bool WriteStream::TryKeep(BlockRef& block) {
  // Whoever waits for memory comes first; keeping a block would overtake them.
  if (services_.pool.UnderPressure()) return false;
  PartBuffer& buffer = OpenBuffer();
  if (buffer.Room() != 0) return false;
  services_.pool.Retag(*block, MemoryTag::kUpload);
  buffer.AppendBlock(std::move(block));
  if (tail_ && tail_->full()) SendTail();
  YieldTail();
  return true;
}

Result<bool> WriteStream::TryAppend(std::span<const std::byte> data, BlockRef* filled, size_t more) {
  OSSFS2_RETURN_IF_ERROR(failure());
  if (!spill_.empty() && !spill_.TryBringBack()) return false;
  if (!MayTake()) return false;
  if (filled != nullptr && TryKeep(*filled)) return true;
  return TryTake(data, more);
}

bool WriteStream::TryTake(std::span<const std::byte> data, size_t more) {
  const size_t needed = BlocksNeeded(data.size() + more);
  if (needed > spare_.size()) {
    const size_t missing = needed - spare_.size();
    std::vector<BlockRef> blocks = services_.memory.TryAcquire(missing);
    if (blocks.size() != missing) return false;
    std::move(blocks.begin(), blocks.end(), std::back_inserter(spare_));
  }
  Take(data, more);
  return true;
}

Status WriteStream::Append(std::span<const std::byte> data, size_t more) {
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), kAppendPieceBytes));
    const size_t follows = std::min(more + data.size(), kAppendPieceBytes) - piece.size();
    Result<bool> taken = TryAppend(piece, nullptr, follows);
    if (!taken) return taken.error();
    if (*taken) {
      data = data.subspan(piece.size());
    } else if (OutOfNumbers()) {
      return MakeError(EFBIG, ErrorKind::kOther, "the part numbers of an upload are used up");
    } else if (upload_ && upload_->Outstanding() >= OutstandingMax()) {
      upload_->WaitBelow(OutstandingMax());
    } else {
      OSSFS2_RETURN_IF_ERROR(AppendWaiting(piece, follows));
      data = data.subspan(piece.size());
    }
  }
  return {};
}

Status WriteStream::AppendWaiting(std::span<const std::byte> data, size_t more) {
  // Whoever waits for memory holds none that could be freed; all of it is asked for at once.
  DropSpare();
  ReleaseMemory(Release::kBySendingOrSpilling);
  Result<std::vector<BlockRef>> blocks =
      services_.memory.Acquire(spill_.BlocksNeeded() + BlocksNeeded(data.size() + more));
  if (!blocks) return blocks.error();
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack(*blocks));
  OSSFS2_RETURN_IF_ERROR(failure());
  spare_ = std::move(*blocks);
  Take(data, more);
  return {};
}

// --- sending ---

void WriteStream::SendBuffer(int number, std::shared_ptr<PartBuffer> buffer) {
  sent_.AddBuffer(number, buffer);
  Upload().Send(number, std::move(buffer));
}

void WriteStream::SendHead() {
  if (!head_) return;
  SendBuffer(1, std::move(head_));
  head_.reset();
}

void WriteStream::SendTail() {
  SendBuffer(next_number_++, std::move(tail_));
  tail_.reset();
}

void WriteStream::SendCopy(const ObjectVersion& source, uint64_t offset, uint64_t length) {
  sent_.AddCopy(next_number_, end(), length, source, offset);
  Upload().Copy(next_number_++, source, offset, length);
}

Result<bool> WriteStream::AppendCopy(const ObjectVersion& source, uint64_t offset, uint64_t length) {
  OSSFS2_RETURN_IF_ERROR(failure());
  const auto runs = CopyRuns(offset, offset + length);
  if (length < kPartBytesMin || next_number_ + static_cast<int>(runs.size()) + 8 > kPartsMax) return false;
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  if (head_ && head_->size() == 0) head_.reset();
  if (head_ && head_->size() < kPartBytesMin) return false;
  if (tail_ && tail_->size() < kPartBytesMin) return false;
  if (tail_) SendTail();
  // The head keeps its place and number; nothing is appended to it any more once something follows.
  if (head_ && !head_->full()) SendHead();
  // What is on its way would fail with a copy that does, and be lost.
  if (upload_) OSSFS2_RETURN_IF_ERROR(upload_->Wait());
  const int first = next_number_;
  for (const auto& [begin, run_end] : runs) SendCopy(source, begin, run_end - begin);
  // Whoever was told that the bytes are copied may remove or replace the source.
  const Status copied = upload_->Wait();
  if (copied) return true;
  const ErrorKind kind = copied.error().kind;
  const bool source_gone = kind == ErrorKind::kVersionChanged || kind == ErrorKind::kNotFound;
  if (TakeBackCopies(first) && source_gone) return false;
  return copied.error();
}

// False: the upload is of no use any more.
bool WriteStream::TakeBackCopies(int first_number) {
  sent_.RemoveFrom(first_number);
  next_number_ = first_number;
  if (!sent_.empty()) return upload_->ClearFailure();
  upload_->Abort();
  upload_.reset();
  return true;
}

// --- memory ---

uint64_t WriteStream::MemoryBytes() const {
  return ((head_ ? head_->block_count() : 0) + (tail_ ? tail_->block_count() : 0)) * kBlock;
}

void WriteStream::ReleaseMemory(Release how) {
  const bool may_spill = how == Release::kBySendingOrSpilling;
  if (tail_ && spill_.buffer() != tail_.get()) {
    if (tail_->size() >= kPartBytesMin)
      SendTail();
    else if (may_spill)
      spill_.Spill(*tail_);
  }
  if (head_ && spill_.buffer() != head_.get()) {
    if (head_->size() >= kPartBytesMin)
      SendHead();
    else if (may_spill)
      spill_.Spill(*head_);
  }
}

}  // namespace ossfs2
