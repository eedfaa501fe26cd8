// What the kernel's page cache may keep of a file when the Opener opens it, and which opens pass it by.
#include "fs/files/opener.h"

namespace ossfs2 {
namespace {

int64_t Ns(SteadyTime time) { return std::chrono::nanoseconds(time.time_since_epoch()).count(); }

}  // namespace

// Until one of them has surely reached the kernel, all answers to opens let it drop the pages: another one might
// overtake the first, and its program would read pages of the old version.
bool Opener::KeepsCache(const Node* node, FileHandle& handle) {
  if (node->pages_stale()) handle.drops_pages = node->pages_made;
  return !node->pages_stale();
}

void Opener::NoteAnswered(FileHandle& handle) {
  if (handle.drops_pages.load(std::memory_order_relaxed) < 0) return;
  const int32_t dropped = handle.drops_pages.exchange(-1);
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(handle.ino);
  // Not for what is newer than the open.
  if (node != nullptr && node->pages_made == dropped) node->pages_dropped = node->pages_made;
}

// On direct_io mounts. A map reads through the page cache all the same, and whenever a program maps a file that was
// opened to pass it by, the kernel drops the pages that are there (fuse_file_mmap): ranks that map the same files would
// take them from each other. So files beside one that was mapped lately are opened for the page cache. But not to read
// by it what others write past it: kernels before 6.18 drop the pages before such a write and not after it, and those
// of the old bytes that a read brings in between would stay.
bool Opener::PassesPageCache(const Node* node, int flags) const {
  if (!context_.options.direct_io) return false;
  const OpenFile* file = node->extra ? node->extra->open.get() : nullptr;
  if (Changes(flags)) return file == nullptr || file->page_cache_handles == 0;
  if (node->parent == nullptr || (file != nullptr && file->direct_writers > 0)) return true;
  return !context_.mapped_folders.NotedSince(node->parent->ino, Ns(context_.clock.NowSteady() - kMappedTime));
}

void Opener::NoteMapped(FileHandle& handle) {
  if (!handle.direct) return;
  const SteadyTime now = context_.clock.NowSteady();
  if (Ns(now) < handle.map_known_until_ns.load(std::memory_order_relaxed)) return;
  handle.map_known_until_ns.store(Ns(now + kNoteMapTime), std::memory_order_relaxed);
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  if (node != nullptr && node->parent != nullptr) context_.mapped_folders.Note(node->parent->ino, Ns(now));
}

}  // namespace ossfs2
