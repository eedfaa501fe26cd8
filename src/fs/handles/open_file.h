// OpenFile: what all open handles of one inode share: its WriteFile, its write gate, and who still has to
// flush.
//
// It lives while handles are open or data is unpublished. The counts of handles, `writer_etag`, `successor` and
// `shown_size` are guarded by Tree::mutex; the rest is thread-safe. Writers pass the gate; a rename closes it, so that
// no byte is written under the old key while the object gets its new one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/threads/few_threads.h"
#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class OpenFile {
 public:
  // What a rename here has put in its place.
  struct Successor {
    Ino ino;
    std::string etag;
    SteadyTime since;
  };

  explicit OpenFile(Ino ino) : ino_(ino) {}

  Ino ino() const { return ino_; }
  // The writer; null when nothing was opened for writing.
  std::shared_ptr<WriteFile> writer() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return writer_;
  }
  // The writer, made from the target when there is none.
  std::shared_ptr<WriteFile> EnsureWriter(WriteEngine& engine, const WriteTarget& target) EXCLUDES(mutex_);
  // Keeps what HoldFilling gave for as long as the file is open.
  void KeepHold(std::shared_ptr<const void> filling) EXCLUDES(mutex_);
  bool dirty() const EXCLUDES(mutex_);
  // The writer knows more than the node: not stored, or stored just now (`storing`).
  bool ahead() const EXCLUDES(mutex_) { return storing || dirty(); }

  // Its name is gone in the bucket. After an unlink or a replacing rename here the handles go on without a name; this
  // file has nowhere to go.
  bool removed_remotely() const EXCLUDES(mutex_);

  // --- the gate ---
  bool TryEnter() EXCLUDES(mutex_);  // false: a rename is running, or wait in Enter
  void Enter() EXCLUDES(mutex_);
  void Leave() EXCLUDES(mutex_);
  void Freeze() EXCLUDES(mutex_);  // waits for writers inside; one at a time
  void Thaw() EXCLUDES(mutex_);

  // --- losing its name (detacher.h) ---
  void NoteClosed() EXCLUDES(mutex_);  // the last handle
  bool WaitClosed(std::chrono::milliseconds wait) EXCLUDES(mutex_);
  // Where readers go instead of the object that had the name.
  void Park(const ObjectVersion& place) EXCLUDES(mutex_);
  std::optional<ObjectVersion> parked() const EXCLUDES(mutex_);

  std::atomic<int64_t> last_write_ns{0};  // newest write since the last publish; 0: none
  std::atomic<int> unflushed{0};          // handles that wrote and have yet to store it
  std::atomic<bool> told{false};          // a close said that the data could not be stored; nothing came since
  std::atomic<bool> lost{false};          // the last handle has gone, and what was not stored with it
  std::atomic<uint64_t> version{0};       // counts versions made here: handles then take the new reader
  std::atomic<uint32_t> replaced{0};      // counts versions of other hosts: handles of before read nothing more
  std::atomic<bool> storing{false};       // a publication is under way, or the node does not know its result yet
  std::atomic<bool> unlinked{false};
  std::atomic<int> closing{0};            // handles that flushed: their close may be on its way
  FewThreads dirty_reads;                 // reads that the writer answers
  int handles = 0;
  int writable_handles = 0;
  int page_cache_handles = 0;  // that read and write by it
  int direct_writers = 0;      // that pass it by
  std::string writer_etag;  // the version the writer stands on, when it is clean
  std::optional<Successor> successor;
  // Of the version before, while the kernel may have its last page, whose rest it has filled with zeros: with the new
  // size it would give them to whoever has the file open. Unset: the node's size.
  std::optional<uint64_t> shown_size;

 private:
  const Ino ino_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<WriteFile> writer_ GUARDED_BY(mutex_);
  std::shared_ptr<const void> filling_ GUARDED_BY(mutex_);
  int inside_ GUARDED_BY(mutex_) = 0;
  bool frozen_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::optional<ObjectVersion> parked_ GUARDED_BY(mutex_);
};

// Holds the gate for a scope.
class GatePass {
 public:
  explicit GatePass(OpenFile& file) : file_(file) { file_.Enter(); }
  ~GatePass() { file_.Leave(); }
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;

 private:
  OpenFile& file_;
};

}  // namespace ossfs2
