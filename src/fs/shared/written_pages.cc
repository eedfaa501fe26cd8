#include "fs/shared/written_pages.h"

#include <algorithm>
#include <utility>

namespace ossfs2 {
namespace {

// Beside the bytes and the key of a file: nodes, ETag, reference counts.
constexpr uint64_t kFileOverheadBytes = 256;

uint64_t MemoryOf(const std::string& key, const std::vector<KeptPage>& pages) {
  uint64_t bytes = kFileOverheadBytes + 2 * key.size();
  for (const KeptPage& page : pages) bytes += page.bytes->capacity();
  return bytes;
}

}  // namespace

std::vector<KeptPage> WrittenPages::Take(Files::iterator found) {
  std::vector<KeptPage> pages = std::move(found->second.pages);
  bytes_ -= found->second.bytes;
  shown_.Add(-static_cast<int64_t>(found->second.bytes));
  order_.erase(found->second.place);
  files_.erase(found);
  return pages;
}

void WrittenPages::Put(const ObjectVersion& version, std::vector<KeptPage> pages) {
  std::vector<std::vector<KeptPage>> gone;  // freed without the lock
  MutexLock lock(mutex_);
  if (const auto found = files_.find(version.key); found != files_.end()) gone.push_back(Take(found));
  if (pages.empty()) return;
  const uint64_t bytes = MemoryOf(version.key, pages);
  const auto place = order_.insert(order_.end(), version.key);
  files_[version.key] = {version.etag, version.size, std::move(pages), bytes, place};
  bytes_ += bytes;
  shown_.Add(static_cast<int64_t>(bytes));
  while (files_.size() > kFilesMax || bytes_ > bytes_max_) gone.push_back(Take(files_.find(order_.front())));
}

std::vector<KeptPage> WrittenPages::TakeOf(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  const auto found = files_.find(version.key);
  if (found == files_.end() || found->second.etag != version.etag || found->second.size != version.size) return {};
  return Take(found);
}

void WrittenPages::Rebind(const ObjectVersion& before, const ObjectVersion& after) {
  if (std::vector<KeptPage> pages = TakeOf(before); !pages.empty()) Put(after, std::move(pages));
}

bool WrittenPages::Answer(const ObjectVersion& version, uint64_t offset, size_t size, ReadReply& reply) const {
  if (offset >= version.size) return false;
  const size_t count = static_cast<size_t>(std::min<uint64_t>(size, version.size - offset));
  const auto begin = static_cast<size_t>(offset % page_bytes_);
  if (begin + count > page_bytes_) return false;  // most reads
  std::shared_ptr<const std::vector<std::byte>> bytes;
  {
    MutexLock lock(mutex_);
    const auto found = files_.find(version.key);
    if (found == files_.end() || found->second.etag != version.etag || found->second.size != version.size) return false;
    const std::vector<KeptPage>& pages = found->second.pages;
    const auto page = std::lower_bound(pages.begin(), pages.end(), offset - begin,
                                       [](const KeptPage& kept, uint64_t wanted) { return kept.offset < wanted; });
    if (page == pages.end() || page->offset != offset - begin) return false;
    bytes = page->bytes;
  }
  if (begin + count > bytes->size()) return false;
  reply.bytes = count;
  reply.parts = {{const_cast<std::byte*>(bytes->data()) + begin, count}};
  reply.pin = std::move(bytes);
  return true;
}

}  // namespace ossfs2
