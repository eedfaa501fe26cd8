#include "data/content/sent_parts.h"

#include <algorithm>
#include <utility>

#include "data/content/fetch_range.h"

namespace ossfs2 {

void SentParts::AddBuffer(int number, const std::shared_ptr<PartBuffer>& buffer) {
  const uint64_t offset = buffer->offset();
  const auto after =
      std::find_if(parts_.begin(), parts_.end(), [offset](const Part& other) { return other.offset > offset; });
  parts_.insert(after, {number, offset, buffer->size(), buffer});
}

void SentParts::AddCopy(int number, uint64_t offset, uint64_t size, const ObjectVersion& source,
                        uint64_t source_offset) {
  parts_.push_back({number, offset, size, {}, source, source_offset});
}

void SentParts::AddZeros(int number, uint64_t offset, uint64_t size) { parts_.push_back({number, offset, size}); }

void SentParts::Remove(int number) {
  std::erase_if(parts_, [number](const Part& part) { return part.number == number; });
}

void SentParts::RemoveFrom(int first_number) {
  std::erase_if(parts_, [first_number](const Part& part) { return part.number >= first_number; });
}

std::vector<int> SentParts::Numbers() const {
  std::vector<int> numbers;
  numbers.reserve(parts_.size());
  for (const Part& part : parts_) numbers.push_back(part.number);
  return numbers;
}

size_t SentParts::CountBelow(uint64_t offset) const {
  return static_cast<size_t>(
      std::count_if(parts_.begin(), parts_.end(), [offset](const Part& part) { return part.offset < offset; }));
}

bool SentParts::AreCopiesUpTo(uint64_t offset) const {
  return std::all_of(parts_.begin(), parts_.end(),
                     [offset](const Part& part) { return part.source && part.offset + part.size <= offset; });
}

Result<size_t> SentParts::Read(ObjectStore& store, uint64_t offset, std::span<std::byte> out) const {
  auto part = std::upper_bound(parts_.begin(), parts_.end(), offset,
                               [](uint64_t at, const Part& other) { return at < other.offset; });
  if (part == parts_.begin()) return size_t{0};
  --part;
  const uint64_t inside = offset - part->offset;
  if (inside >= part->size) return size_t{0};
  out = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), part->size - inside)));
  if (part->source) {
    OSSFS2_RETURN_IF_ERROR(FetchRange(store, *part->source, part->source_offset + inside, out));
    return out.size();
  }
  const std::shared_ptr<PartBuffer> memory = part->memory.lock();
  if (!memory) return size_t{0};
  memory->Read(inside, out);
  return out.size();
}

}  // namespace ossfs2
