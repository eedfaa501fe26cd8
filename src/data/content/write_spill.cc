#include "data/content/write_spill.h"

#include <span>
#include <utility>

namespace ossfs2 {

void WriteSpill::Spill(PartBuffer& buffer) {
  if (buffer_ != nullptr || buffer.size() == 0) return;
  if (Status stored = Store(buffer); !stored) {
    FreeSpace();  // half of it is of no use
    return services_.memory.NoteSpillFailure(stored);
  }
  buffer.DropBlocks();
  buffer_ = &buffer;
}

Status WriteSpill::Store(const PartBuffer& buffer) {
  if (!file_) {
    Result<std::shared_ptr<StagingFile>> file = StagingFile::Open(services_.space);
    if (!file) return file.error();
    file_ = std::move(*file);
  }
  OSSFS2_RETURN_IF_ERROR(services_.space.Reserve(buffer.size()));
  reserved_ = buffer.size();
  uint64_t at = 0;
  for (const auto span : buffer.Spans()) {
    OSSFS2_RETURN_IF_ERROR(file_->Write(at, span));
    at += span.size();
  }
  return {};
}

// A file that cannot be cut goes.
void WriteSpill::FreeSpace() {
  if (file_ && !file_->Truncate(0)) file_.reset();
  services_.space.Release(std::exchange(reserved_, 0));
}

size_t WriteSpill::BlocksNeeded() const {
  return buffer_ == nullptr ? 0 : PartBuffer::BlocksFor(buffer_->size(), 0);
}

uint64_t WriteSpill::Room() const {
  return buffer_ == nullptr ? 0 : BlocksNeeded() * MemoryPool::kBlockBytes - buffer_->size();
}

bool WriteSpill::TryBringBack() {
  const size_t needed = BlocksNeeded();
  std::vector<BlockRef> blocks = services_.memory.TryAcquire(needed);
  return blocks.size() == needed && BringBack(blocks).has_value();
}

Status WriteSpill::BringBack() {
  if (buffer_ == nullptr) return {};
  Result<std::vector<BlockRef>> blocks = services_.memory.Acquire(BlocksNeeded());
  if (!blocks) return blocks.error();
  return BringBack(*blocks);
}

Status WriteSpill::BringBack(std::vector<BlockRef>& blocks) {
  if (buffer_ == nullptr) return {};
  const auto border = blocks.begin() + static_cast<std::ptrdiff_t>(BlocksNeeded());
  for (auto block = blocks.begin(); block != border; ++block) buffer_->AddBlock(std::move(*block));
  blocks.erase(blocks.begin(), border);
  const Status read =
      buffer_->Fill([this](uint64_t position, std::span<std::byte> window) { return file_->Read(position, window); });
  if (!read) {
    buffer_->DropBlocks();  // still away; a later try begins anew
    return read;
  }
  buffer_ = nullptr;
  FreeSpace();
  return {};
}

}  // namespace ossfs2
