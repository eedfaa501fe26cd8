// FileHandle: an open file, from open to release (handle_table.h has all of them, open_directories.h the directories).
//
// Ownership: shared by the table and by calls that are under way. The file system pins its node until release.
// Threads: what open sets does not change; the rest is atomic or guarded by `mutex`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/threads/mutex.h"
#include "data/read/read_engine.h"
#include "fs/handles/open_file.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

struct FileHandle {
  HandleId id = 0;
  Ino ino = 0;
  int flags = 0;
  bool readable = false;
  bool writable = false;
  bool append = false;
  bool direct = false;  // what it reads passes by the page cache, unless it is mapped
  bool stores = false;  // its close stores the file: it is writable, or truncated the file when it was opened
  std::shared_ptr<OpenFile> file;
  uint32_t replaced = 0;  // OpenFile::replaced when it was opened
  std::atomic<bool> released{false};   // what a killed program left may still be at work
  std::atomic<bool> unflushed{false};  // wrote since it was last flushed, synced or found with nothing to store
  // Node::pages_made of the open, which drops older pages, until it surely has; -1: nothing.
  std::atomic<int32_t> drops_pages{-1};
  // That a direct handle is mapped needs no new note (FsContext::mapped_folders) until then.
  std::atomic<int64_t> map_known_until_ns{INT64_MIN};
  std::atomic<bool> closing{false};  // flushed once: counted in OpenFile::closing
  Mutex mutex;
  std::shared_ptr<ReadFile> reader GUARDED_BY(mutex);  // of the version this handle reads
  uint64_t reader_version GUARDED_BY(mutex) = 0;       // OpenFile::version when it was taken

  // Another host has replaced the version that it was opened at. It may have read that from the page cache only.
  bool outdated() const { return file->replaced != replaced; }

  // Bytes were written through it, now: by a call, whose close stores them, or as pages that the kernel writes back.
  void NoteWrite(int64_t now_ns, Writer writer = Writer::kCall) {
    file->last_write_ns = now_ns;
    if (file->told) file->told = false;
    if (writer == Writer::kCall && !unflushed.exchange(true)) file->unflushed.fetch_add(1);
    if (released) NoteFlushed();  // no close of this handle will come
  }
  // Its close is no longer what stores the file.
  void NoteFlushed() {
    if (unflushed.exchange(false)) file->unflushed.fetch_sub(1);
  }
};

}  // namespace ossfs2
