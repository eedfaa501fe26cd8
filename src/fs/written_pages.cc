#include "fs/tails.h"

#include <algorithm>
#include <utility>

#include "data/write_engine.h"

namespace ossfs2 {

void Tails::Put(const ObjectVersion& version, std::string bytes) {
  MutexLock lock(mutex_);
  const auto found = tails_.find(version.key);
  if (bytes.empty()) {
    if (found != tails_.end()) found->second.bytes.reset();  // its place in the order goes in turn
    return;
  }
  if (found == tails_.end()) {
    order_.push_back(version.key);
    if (order_.size() > kFilesMax) {
      tails_.erase(order_.front());
      order_.pop_front();
    }
  }
  tails_[version.key] = {version.etag, version.size, std::make_shared<std::string>(std::move(bytes))};
}

void Tails::Rebind(const ObjectVersion& before, const ObjectVersion& after) {
  std::string bytes;
  {
    MutexLock lock(mutex_);
    const auto found = tails_.find(before.key);
    if (found == tails_.end() || !found->second.bytes) return;
    if (found->second.etag != before.etag || found->second.size != before.size) return;
    bytes = *found->second.bytes;
    if (before.key != after.key) found->second.bytes.reset();
  }
  Put(after, std::move(bytes));
}

bool Tails::Answer(const ObjectVersion& version, uint64_t offset, size_t size, ReadReply& reply) const {
  if (offset >= version.size || version.size - offset >= kTailPageBytes) return false;  // of most reads
  std::shared_ptr<std::string> bytes;
  {
    MutexLock lock(mutex_);
    const auto found = tails_.find(version.key);
    if (found == tails_.end() || found->second.etag != version.etag || found->second.size != version.size) return false;
    bytes = found->second.bytes;
  }
  const uint64_t left = version.size - offset;
  if (!bytes || left > bytes->size()) return false;
  reply.bytes = std::min<size_t>(size, static_cast<size_t>(left));
  reply.parts = {{bytes->data() + (bytes->size() - left), reply.bytes}};
  reply.pin = std::move(bytes);
  return true;
}

}  // namespace ossfs2
