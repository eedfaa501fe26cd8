#include "fs/files/read_engine_host.h"

#include "fs/files/opener.h"
#include "fs/tree/names.h"

namespace ossfs2 {

void ReadEngineHost::Attach() {
  context_.reads.SetNextFileResolver([this](uint64_t file_id) { return NextShard(file_id); });
  context_.reads.SetGoneListener(
      [this](uint64_t file_id, const ObjectVersion& version) { NoteGone(file_id, version); });
}

void ReadEngineHost::Detach() {
  context_.reads.SetNextFileResolver(nullptr);
  context_.reads.SetGoneListener(nullptr);
  SetNotifier(nullptr);
}

void ReadEngineHost::SetNotifier(KernelNotifier* notifier) {
  if (notifier != nullptr) context_.notifier = notifier;
  context_.reads.SetKernelPages(notifier == nullptr ? nullptr : this);
  context_.notifier = notifier;
}

bool ReadEngineHost::Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) {
  KernelNotifier* notifier = context_.notifier;
  return notifier != nullptr && notifier->StorePages(file_id, offset, parts);
}

void ReadEngineHost::Drop(uint64_t file_id) {
  if (KernelNotifier* notifier = context_.notifier) notifier->InvalidateInode(file_id);
}

void ReadEngineHost::NoteGone(uint64_t file_id, const ObjectVersion& version) {
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(file_id);
  if (node != nullptr && !node->unlinked && node->etag.Equals(version.etag)) node->valid_until = {};
}

std::optional<std::pair<uint64_t, ObjectVersion>> ReadEngineHost::NextShard(uint64_t file_id) {
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(file_id);
  if (node == nullptr || node->parent == nullptr) return std::nullopt;
  const auto name = NextShardName(node->name);
  if (!name) return std::nullopt;
  Node* next = context_.tree.Child(node->parent, *name);
  if (next == nullptr || next->type != NodeType::kFile || !next->published || next->size == 0)
    return std::nullopt;
  if (next->extra && next->extra->open && next->extra->open->ahead()) return std::nullopt;
  if (Opener::IsUnavailableArchive(next)) return std::nullopt;
  return std::make_pair(next->ino, context_.VersionOf(next));
}

}  // namespace ossfs2
