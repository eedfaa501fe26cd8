// WriteFile: one file that is open for writing, shared by all its handles.
//
// Its state: clean -> streaming -> staged -> clean.
//   clean      nothing unpublished; reads go to the ReadEngine.
//   streaming  bytes came in order; full parts upload while later bytes arrive; a truncate or
//              fallocate beyond the end is only a logical size. A small file is one PUT at
//              Publish. Appending to an existing object seeds the upload with a part copy, once.
//   staged     out-of-order bytes, shrink, patch: the file lives in a sparse local file without a
//              name, base bytes are fetched only where needed; Publish uploads dirty parts and
//              copies clean ranges server-side.
// Invariants: the object under the key is replaced only by Publish, after the CRC64 of what was
// sent was compared; a failed Publish leaves the old object, keeps the data and can be repeated;
// unrecoverable failures stick: every later Write and Publish returns the error until the last close.
//
// Threads: any; calls on one file are serialised inside. TryWrite and TryWriteLanded never block; all others
// may block on the network or for memory: executor threads only. No lock is held over the network
// that those or size() need.
// Ownership: shared; it must not outlive its engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/object_version.h"
#include "data/recovery/parking.h"
#include "data/write/kept_page.h"
#include "ossfs2/landing.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

struct WriteTarget {
  uint64_t file_id = 0;
  ObjectVersion base;        // key always; size, etag when the object exists
  bool exists = false;       // false: a new file; Publish makes even an empty object
  bool exclusive = false;    // first Publish of a new file uses forbid-overwrite (O_EXCL)
};

// What Publish stored.
struct Published {
  ObjectVersion version;
  int64_t mtime_s = 0;   // of the answer; 0 when unknown
  bool changed = false;  // false: there was nothing to publish
  std::vector<KeptPage> pages{};  // those at hand that the kernel does not keep, by offset
  bool options_stored = true;  // false: the object has other metadata than was given; the caller must store it
};

// A stream that has sent more is not completed and copied just because it might still be read after it lost its
// name: whoever breaks a large download off and removes it should not wait for that.
inline constexpr uint64_t kDetachedStoreBytes = 1ull << 30;

// How a file that is open loses its name (unlink, or a rename onto it): WriteFile::Detach.
struct NameLoss {
  std::string parking_folder;  // ends in '/', or empty: where kParkedNameStart objects go
  Parking::Copy park;
  // Deletes or replaces the object under the name. `parked`: where the bytes that are only in the bucket are read
  // from now on; no key: none are needed. `stored`: there is an object under the name, maybe only since now.
  std::function<Status(const ObjectVersion& parked, bool stored)> take;
};

// Where a write goes: to its offset, or to the end of the file, whatever its offset (O_APPEND).
enum class WritePlace : uint8_t { kOffset, kEnd };

class WriteFile {
 public:
  virtual ~WriteFile() = default;

  // Takes all of `data` (copied) and returns true, or takes nothing and returns false when it
  // would have to wait.
  virtual Result<bool> TryWrite(uint64_t offset, std::span<const std::byte> data, WritePlace place) = 0;
  // As TryWrite, of `size` bytes that lie in a landing of this engine: the count that was taken from the front. The
  // rest, which would have to wait, is the caller's to pass to WriteLanded. Pieces of what was taken may be kept.
  virtual Result<size_t> TryWriteLanded(uint64_t offset, Landing& landing, size_t size, WritePlace place) = 0;
  // That rest, from byte `from` of the landing on: how many of its `size` bytes are written now, fewer when an error
  // came after some.
  virtual Result<size_t> WriteLanded(uint64_t offset, const Landing& landing, size_t from, size_t size,
                                     WritePlace place) = 0;
  virtual Status Write(uint64_t offset, std::span<const std::byte> data, WritePlace place) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  // fallocate modes 0 and KEEP_SIZE, and PUNCH_HOLE|KEEP_SIZE (zeros); EOPNOTSUPP for others.
  virtual Status Allocate(int mode, uint64_t offset, uint64_t length) = 0;
  // Server-side when the source is a clean object and this file is appended to or replaced; returns
  // false when the caller must copy by reading and writing.
  virtual Result<bool> CopyRange(const ObjectVersion& source, uint64_t source_offset, uint64_t offset,
                                 uint64_t length) = 0;
  // Bytes as written so far: from part buffers, the staging file, or the published version (it may
  // publish first when the range is uploaded and no longer here). Short at the end.
  virtual Result<size_t> Read(uint64_t offset, std::span<std::byte> out) = 0;

  // Makes everything written so far the object (fsync, close). Writers may go on afterwards.
  // `options` carry metadata and content type for the new object.
  virtual Result<Published> Publish(const WriteOptions& options) = 0;
  // For fsync, beside Publish for close: stores all bytes written so far, but not yet the zeros of space that
  // was only allocated (ftruncate, fallocate) behind the last written byte: a downloader that allocates
  // 10 GiB and calls fsync must not send 10 GiB of zeros first. The object may then be shorter than size(),
  // and the file stays dirty.
  virtual Result<Published> Sync(const WriteOptions& options) { return Publish(options); }
  // What Publish will be given, if known before: an upload is opened with it. Options that differ
  // at Publish cost one more server-side copy, tried once (Published::options_stored). Cheap; call it at open and
  // when attributes change.
  virtual void SetOptions(const WriteOptions& options) { (void)options; }
  // Discard follows: whoever opens the file from now on gets another WriteFile, whose data that must not take along.
  // Never waits.
  virtual void GiveUp() = 0;
  // Drops unpublished data and its upload (unlink, O_TRUNC follows with Truncate(0)). When an unfinished version is
  // stored under the key, the old one comes back: that blocks, must not run beside a writer of the same name, and
  // whoever opens the file afterwards gets another WriteFile.
  virtual void Discard() = 0;
  // An unfinished version is stored under the key. Never waits.
  virtual bool provisional() const = 0;
  // The file goes on without a name, as POSIX wants it: it stays readable and writable until its end, nothing of it
  // is published any more (Publish and Sync return "unchanged"), and its end frees everything. What it holds
  // moves to a staging file; what is only in the object is copied to a parked object first (the journal knows it),
  // and parts already sent become readable by a provisional publication, up to kDetachedStoreBytes; reads of
  // more than that give ESTALE. Then `take` runs. Its error is returned, and the file keeps its name. So is an error
  // of the parking, unless the object is gone or may not be copied: then its bytes give ESTALE.
  // Without staging space the content is given up, and every later call gives that error.
  virtual Status Detach(const NameLoss& loss) = 0;
  virtual bool detached() const = 0;
  // The base object changed name or was made anew while this file is clean.
  virtual void Rebind(const ObjectVersion& version, bool exists) = 0;

  virtual uint64_t size() const = 0;   // the logical size
  // Publish would send something; detached: it is no longer just the parked version. Then reads must come here.
  virtual bool dirty() const = 0;
  virtual Status sticky_error() const = 0;
};

}  // namespace ossfs2
