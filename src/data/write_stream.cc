#include "data/write_stream.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "data/write_transfer.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr size_t kAppendPieceBytes = 1u << 20;  // memory for so much is asked at once
}  // namespace

WriteStream::WriteStream(WriteServices& services, uint64_t owner, std::string key, WriteOptions options)
    : services_(services), owner_(owner), key_(std::move(key)), options_(std::move(options)) {}

WriteStream::~WriteStream() {
  if (upload_ && !completed_) upload_->Abort();
}

void WriteStream::SeedByCopy(const ObjectVersion& base) {
  seed_bytes_ = base.size;
  seed_crc_ = base.crc64;
  for (const auto& [begin, end] : CopyRuns(0, base.size)) {
    sent_.push_back({next_number_, begin, end - begin, {}, base, begin});
    Upload().Copy(next_number_++, base, begin, end - begin);
  }
}

Status WriteStream::SeedByDownload(const ObjectVersion& base) {
  OSSFS2_RETURN_IF_ERROR(GrowHead(base.size));
  for (uint64_t at = 0; at < base.size;) {
    const std::span<std::byte> window = head_->Window(at, base.size - at);
    if (Status status = FetchRange(services_.store, base, at, window); !status) {
      head_.reset();
      next_number_ = 1;
      return status;
    }
    at += window.size();
  }
  head_->Patched(0);
  return {};
}

uint64_t WriteStream::end() const {
  if (tail_) return tail_->end();
  uint64_t end = head_ ? head_->end() : 0;
  if (!sent_.empty()) end = std::max(end, sent_.back().offset + sent_.back().size);
  return end;
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
  const uint64_t room = current ? current->Room() : 0;
  return bytes <= room ? 0 : static_cast<size_t>((bytes - room + kBlock - 1) / kBlock);
}

bool WriteStream::OutOfNumbers() const { return next_number_ + 8 > kPartsMax; }

bool WriteStream::MayTake() const {
  if (spilled_ != nullptr || OutOfNumbers()) return false;
  return !upload_ || upload_->Outstanding() < OutstandingMax();
}

MultipartUpload& WriteStream::Upload() {
  if (!upload_) upload_ = MultipartUpload::Begin(services_, owner_, key_, options_);
  return *upload_;
}

PartBuffer& WriteStream::OpenBuffer() {
  if (PartBuffer* current = Current()) return *current;
  const uint64_t offset = end();
  const uint64_t capacity = StreamPartBytes(services_.part_bytes, offset, services_.pool.limit_bytes());
  auto buffer = std::make_shared<PartBuffer>(offset, capacity, services_.options.check_crc64);
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

void WriteStream::Take(std::span<const std::byte> data) {
  auto next_spare = spare_.begin();
  while (!data.empty()) {
    PartBuffer& buffer = OpenBuffer();
    if (buffer.Room() == 0) buffer.AddBlock(std::move(*next_spare++));
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(data.size(), buffer.Room()));
    buffer.Append(data.first(piece));
    data = data.subspan(piece);
    if (tail_ && tail_->full()) SendTail();
  }
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

Result<bool> WriteStream::TryAppend(std::span<const std::byte> data, BlockRef* filled) {
  OSSFS2_RETURN_IF_ERROR(failure());
  if (spilled_ != nullptr && !TryUnspill()) return false;
  if (!MayTake()) return false;
  if (filled != nullptr && TryKeep(*filled)) return true;
  const size_t needed = BlocksNeeded(data.size());
  if (needed > 0) {
    spare_ = services_.memory.TryAcquire(needed);
    if (spare_.size() != needed) {
      spare_.clear();
      return false;
    }
  }
  Take(data);
  return true;
}

Status WriteStream::Append(std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), kAppendPieceBytes));
    Result<bool> taken = TryAppend(piece);
    if (!taken) return taken.error();
    if (*taken) {
      data = data.subspan(piece.size());
    } else if (OutOfNumbers()) {
      return MakeError(EFBIG, ErrorKind::kOther, "the part numbers of an upload are used up");
    } else if (upload_ && upload_->Outstanding() >= OutstandingMax()) {
      upload_->WaitBelow(OutstandingMax());
    } else {
      OSSFS2_RETURN_IF_ERROR(AppendWaiting(piece));
      data = data.subspan(piece.size());
    }
  }
  return {};
}

Status WriteStream::AppendWaiting(std::span<const std::byte> data) {
  // Whoever waits for memory holds none that could be freed; all of it is asked for at once.
  ReleaseMemory(true);
  const size_t reload = SpilledBlocks();
  const uint64_t room = spilled_ ? reload * kBlock - spilled_->size() : 0;
  const size_t more = spilled_ == nullptr ? BlocksNeeded(data.size())
                      : data.size() <= room ? 0
                                            : static_cast<size_t>((data.size() - room + kBlock - 1) / kBlock);
  Result<std::vector<BlockRef>> given = services_.memory.Acquire(reload + more);
  if (!given) return given.error();
  std::vector<BlockRef>& blocks = *given;
  const auto border = blocks.begin() + static_cast<std::ptrdiff_t>(reload);
  std::vector<BlockRef> rest(std::make_move_iterator(border), std::make_move_iterator(blocks.end()));
  blocks.resize(reload);
  if (spilled_ != nullptr) OSSFS2_RETURN_IF_ERROR(Reload(std::move(blocks)));
  OSSFS2_RETURN_IF_ERROR(failure());
  spare_ = std::move(rest);
  Take(data);
  return {};
}

// --- sending ---

void WriteStream::SendBuffer(int number, std::shared_ptr<PartBuffer> buffer) {
  const SentPart part{number, buffer->offset(), buffer->size(), buffer, std::nullopt, 0};
  const auto after = std::find_if(sent_.begin(), sent_.end(),
                                  [&part](const SentPart& other) { return other.offset > part.offset; });
  sent_.insert(after, part);
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

Result<bool> WriteStream::AppendCopy(const ObjectVersion& source, uint64_t offset, uint64_t length) {
  OSSFS2_RETURN_IF_ERROR(failure());
  const auto runs = CopyRuns(offset, offset + length);
  if (length < kPartBytesMin || next_number_ + static_cast<int>(runs.size()) + 8 > kPartsMax) return false;
  OSSFS2_RETURN_IF_ERROR(Unspill());
  if (head_ && head_->size() == 0) head_.reset();
  if (head_ && head_->size() < kPartBytesMin) return false;
  if (tail_ && tail_->size() < kPartBytesMin) return false;
  if (tail_) SendTail();
  // The head keeps its place and number; nothing is appended to it any more once something follows.
  if (head_ && !head_->full()) SendHead();
  for (const auto& [begin, run_end] : runs) {
    sent_.push_back({next_number_, end(), run_end - begin, {}, source, begin});
    Upload().Copy(next_number_++, source, begin, run_end - begin);
  }
  return true;
}

// --- memory ---

uint64_t WriteStream::MemoryBytes() const {
  return ((head_ ? head_->block_count() : 0) + (tail_ ? tail_->block_count() : 0)) * kBlock;
}

void WriteStream::ReleaseMemory(bool may_spill) {
  if (spilled_ == nullptr || spilled_ != tail_.get()) {
    if (tail_ && tail_->size() >= kPartBytesMin)
      SendTail();
    else if (tail_ && may_spill)
      SpillBuffer(*tail_);
  }
  if (!head_ || spilled_ == head_.get()) return;
  if (head_->size() >= kPartBytesMin)
    SendHead();
  else if (may_spill)
    SpillBuffer(*head_);
}

void WriteStream::SpillBuffer(PartBuffer& buffer) {
  if (spilled_ != nullptr || buffer.size() == 0) return;
  if (!spill_) {
    Result<std::shared_ptr<StagingFile>> file = StagingFile::Open(services_.space);
    if (!file) return services_.memory.NoteSpillFailure(file.error());
    spill_ = std::move(*file);
  }
  uint64_t at = 0;
  for (const auto span : buffer.Spans()) {
    if (Status status = spill_->Write(at, span); !status) {
      spill_.reset();  // half of it is of no use, and takes space
      return services_.memory.NoteSpillFailure(status);
    }
    at += span.size();
  }
  buffer.DropBlocks();
  spilled_ = &buffer;
}

Status WriteStream::Reload(std::vector<BlockRef> blocks) {
  for (BlockRef& block : blocks) spilled_->AddBlock(std::move(block));
  for (uint64_t at = 0; at < spilled_->size();) {
    const std::span<std::byte> window = spilled_->Window(at, spilled_->size() - at);
    OSSFS2_RETURN_IF_ERROR(spill_->Read(at, window));
    at += window.size();
  }
  spilled_ = nullptr;
  return {};
}

size_t WriteStream::SpilledBlocks() const {
  return spilled_ == nullptr ? 0 : static_cast<size_t>((spilled_->size() + kBlock - 1) / kBlock);
}

bool WriteStream::TryUnspill() {
  const size_t count = SpilledBlocks();
  std::vector<BlockRef> blocks = services_.memory.TryAcquire(count);
  return blocks.size() == count && Reload(std::move(blocks)).has_value();
}

Status WriteStream::Unspill() {
  if (spilled_ == nullptr) return {};
  Result<std::vector<BlockRef>> blocks = services_.memory.Acquire(SpilledBlocks());
  if (!blocks) return blocks.error();
  return Reload(std::move(*blocks));
}

// --- patching and reading ---

PartBuffer* WriteStream::Holding(uint64_t offset) const {
  if (head_ && offset < head_->end()) return head_.get();
  if (tail_ && offset >= tail_->offset() && offset < tail_->end()) return tail_.get();
  return nullptr;
}

bool WriteStream::CanPatch(uint64_t offset, uint64_t length) const {
  if (whole_in_memory()) {
    const uint64_t capacity =
        head_ ? head_->capacity() : StreamPartBytes(services_.part_bytes, 0, services_.pool.limit_bytes());
    if (!tail_) return offset + length <= capacity;
  }
  while (length > 0) {
    const PartBuffer* buffer = Holding(offset);
    if (buffer == nullptr) return false;
    const uint64_t piece = std::min(length, buffer->end() - offset);
    offset += piece;
    length -= piece;
  }
  return true;
}

Status WriteStream::GrowHead(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(Unspill());
  if (!head_) OpenBuffer();
  if (head_->size() >= size) return {};
  const uint64_t missing = size - head_->size();
  const uint64_t room = head_->Room();
  const size_t needed = missing <= room ? 0 : static_cast<size_t>((missing - room + kBlock - 1) / kBlock);
  if (needed > 0) {
    std::vector<BlockRef> blocks = services_.memory.TryAcquire(needed);
    if (blocks.size() != needed) {
      // Whoever waits for memory holds none: the head goes to disk meanwhile, or all may wait for each other.
      SpillBuffer(*head_);
      const size_t reload = SpilledBlocks();
      Result<std::vector<BlockRef>> given = services_.memory.Acquire(reload + needed);
      if (!given) return given.error();
      blocks = std::move(*given);
      const auto border = blocks.begin() + static_cast<std::ptrdiff_t>(reload);
      std::vector<BlockRef> own(std::make_move_iterator(blocks.begin()), std::make_move_iterator(border));
      blocks.erase(blocks.begin(), border);
      if (spilled_ != nullptr) OSSFS2_RETURN_IF_ERROR(Reload(std::move(own)));
    }
    for (BlockRef& block : blocks) head_->AddBlock(std::move(block));
  }
  head_->AppendZeros(missing);
  return {};
}

Result<bool> WriteStream::TryPatch(uint64_t offset, std::span<const std::byte> data) {
  if (spilled_ != nullptr || offset + data.size() > end()) return false;
  OSSFS2_RETURN_IF_ERROR(failure());
  while (!data.empty()) {
    PartBuffer* buffer = Holding(offset);
    if (buffer == nullptr) return false;
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(data.size(), buffer->end() - offset));
    buffer->Patch(offset - buffer->offset(), data.first(piece));
    offset += piece;
    data = data.subspan(piece);
  }
  return true;
}

Status WriteStream::Patch(uint64_t offset, std::span<const std::byte> data) {
  OSSFS2_RETURN_IF_ERROR(Unspill());
  if (offset + data.size() > end()) OSSFS2_RETURN_IF_ERROR(GrowHead(offset + data.size()));
  Result<bool> patched = TryPatch(offset, data);
  if (!patched) return patched.error();
  return {};
}

Result<bool> WriteStream::TryCut(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(Unspill());
  if (size >= end()) return true;
  if (tail_ && size >= tail_->offset()) {
    tail_->Cut(size - tail_->offset());
    if (tail_->size() == 0) tail_.reset();
    return true;
  }
  if (!sent_.empty() || !head_) return false;
  // Only head and tail: the tail was never sent, so its number is free again.
  tail_.reset();
  head_->Cut(size);
  return true;
}

Result<bool> WriteStream::Read(uint64_t offset, std::span<std::byte> out) {
  OSSFS2_RETURN_IF_ERROR(Unspill());
  while (!out.empty()) {
    size_t piece = 0;
    if (const PartBuffer* buffer = Holding(offset)) {
      piece = static_cast<size_t>(std::min<uint64_t>(out.size(), buffer->end() - offset));
      buffer->Read(offset - buffer->offset(), out.first(piece));
    } else {
      auto part = std::upper_bound(sent_.begin(), sent_.end(), offset,
                                   [](uint64_t at, const SentPart& sent) { return at < sent.offset; });
      if (part == sent_.begin()) return false;
      --part;
      const uint64_t inside = offset - part->offset;
      if (inside >= part->size) return false;
      piece = static_cast<size_t>(std::min<uint64_t>(out.size(), part->size - inside));
      if (part->source) {
        OSSFS2_RETURN_IF_ERROR(
            FetchRange(services_.store, *part->source, part->source_offset + inside, out.first(piece)));
      } else {
        const std::shared_ptr<PartBuffer> memory = part->memory.lock();
        if (!memory) return false;
        memory->Read(inside, out.first(piece));
      }
    }
    offset += piece;
    out = out.subspan(piece);
  }
  return true;
}

std::string WriteStream::Tail() const {
  const uint64_t begin = end() / kTailPageBytes * kTailPageBytes;
  const PartBuffer* buffer = begin == end() || spilled_ != nullptr ? nullptr : Holding(begin);
  if (buffer == nullptr || !buffer->resident()) return {};
  std::string bytes(static_cast<size_t>(end() - begin), '\0');
  buffer->Read(begin - buffer->offset(), std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

bool WriteStream::Lossless() const {
  return std::all_of(sent_.begin(), sent_.end(), [this](const SentPart& part) {
    return part.source && part.offset + part.size <= seed_bytes_;
  });
}

Status WriteStream::EachResident(
    const std::function<Status(uint64_t offset, std::span<const std::byte> data)>& take) {
  OSSFS2_RETURN_IF_ERROR(Unspill());
  for (const auto& buffer : {head_, tail_}) {
    if (!buffer) continue;
    uint64_t at = buffer->offset();
    for (const auto span : buffer->Spans()) {
      OSSFS2_RETURN_IF_ERROR(take(at, span));
      at += span.size();
    }
  }
  return {};
}

}  // namespace ossfs2
