// FileSystem: the POSIX-like core over one bucket prefix, without FUSE.
//
// What it is: inodes, names, handles, attribute and listing caches. Frontends (FUSE, tests, tools) drive it; it drives
// the read and write engines and the object store.
//
// Threads: any. Methods named Try*, and Read, Forget, MakeLanding, KeepWaiting and NothingToFlush, never block:
// nullopt, false or a count that is too small means "call the plain method from a thread that may block". Plain methods
// may block on the network. No lock is held over the network.
// Inode numbers: 1 is the root; never reused while the mount lives; not pointers. A name keeps its number while the
// kernel knows it, and over rename. Handles are numbers, never reused.
// Ownership: the caller's data is copied or used up before a call returns; a reply to Read keeps its own memory.
// Errors: Error::errno_value goes to the caller; docs/semantics.md lists them.
// Times are nanoseconds since 1970. Validity of answers in seconds.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/landing.h"
#include "ossfs2/read_reply.h"
#include "ossfs2/status.h"

namespace ossfs2 {

using Ino = uint64_t;
using HandleId = uint64_t;
inline constexpr Ino kRootIno = 1;

struct Attr {
  Ino ino = 0;
  uint32_t mode = 0;  // type and permission bits
  uint32_t nlink = 1;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
};

struct Entry {
  Attr attr;  // attr.ino == 0: the name does not exist, remember that for entry_valid_s
  double attr_valid_s = 0;
  double entry_valid_s = 0;
};

struct AttrReply {
  Attr attr;
  double valid_s = 0;
};

struct Opened {
  HandleId handle = 0;
  bool keep_cache = false;  // the kernel's pages of this inode are still right
  bool direct_io = false;   // the page cache is to be passed by
};

struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t umask = 0;
};

// What SetAttr changes: only the fields that are set.
struct AttrChange {
  std::optional<uint32_t> mode;  // permission bits
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint64_t> size;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
};

struct DirEntry {
  std::string name;
  Entry entry;          // with plus: full and counted as a lookup; else ino and type only
  uint64_t cookie = 0;  // seekdir position after this entry
  // With plus; false: they were not asked for, or could not be. Only ino and type are meant, and it is not counted as a
  // lookup.
  bool has_attributes = true;
};

struct FsStat {
  uint64_t block_bytes = 4096;
  uint64_t blocks = 1ull << 48;
  uint64_t blocks_free = 1ull << 48;
  uint64_t files = 1ull << 40;
  uint64_t files_free = 1ull << 40;
  uint32_t name_bytes_max = 255;
};

// The kernel's caches, as the core sees them. Called from any thread without core locks; must not
// block on a request of the same mount (queue it).
class KernelNotifier {
 public:
  virtual ~KernelNotifier() = default;
  // The kernel asks for the attributes again; done when it returns, and it waits for no request.
  virtual void InvalidateAttributes(Ino ino) = 0;
  virtual void InvalidateInode(Ino ino) = 0;  // attributes and pages
  // Takes such a notice back unless it is being told: that is waited for, a moment at most. The answer to an open drops
  // the pages as well, and the kernel ignores the size that it asks for then if a notice comes between question and
  // answer (fuse_change_attributes).
  virtual void WithdrawInode(Ino ino) = 0;
  // Waits until such a notice was told. False: a moment has passed, since a read or write that waits for the network
  // holds a page.
  virtual bool AwaitInode(Ino) { return true; }
  virtual void InvalidateEntry(Ino parent, const std::string& name) = 0;
  // Those of them that the kernel was not told of yet.
  virtual size_t EntriesWaiting() { return 0; }
  // Puts bytes into the file's page cache (multiples of the page size). Unlike the others it may wait for
  // reads of these pages, so only threads that no request waits for call it. False: not possible.
  virtual bool StorePages(Ino, uint64_t /*offset*/, const std::vector<iovec>& /*parts*/) { return false; }
};

// Who wrote. Pages of a shared mapping come through any handle that the file was mapped with: they go where they
// belong also when that one appends, and the program that has it is not in the middle of writing.
enum class Writer { kCall, kMapping };

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual void SetNotifier(KernelNotifier* notifier) = 0;  // may be null; outlives use

  // --- names and attributes ---
  virtual std::optional<Result<Entry>> TryLookup(Ino parent, std::string_view name) = 0;
  virtual Result<Entry> Lookup(Ino parent, const std::string& name) = 0;
  virtual void Forget(Ino ino, uint64_t lookups) = 0;
  virtual std::optional<Result<AttrReply>> TryGetAttr(Ino ino, std::optional<HandleId> handle) = 0;
  virtual Result<AttrReply> GetAttr(Ino ino, std::optional<HandleId> handle) = 0;
  virtual Result<AttrReply> SetAttr(Ino ino, const AttrChange& change, std::optional<HandleId> handle) = 0;
  virtual Result<Entry> MakeDirectory(Ino parent, const std::string& name, uint32_t mode, const Caller& caller) = 0;
  virtual Result<Entry> MakeNode(Ino parent, const std::string& name, uint32_t mode, const Caller& caller) = 0;
  virtual Status Unlink(Ino parent, const std::string& name) = 0;
  virtual Status RemoveDirectory(Ino parent, const std::string& name) = 0;
  // flags: RENAME_NOREPLACE or 0; EINVAL for others.
  virtual Status Rename(Ino parent, const std::string& name, Ino new_parent, const std::string& new_name,
                        uint32_t flags) = 0;
  virtual Result<Entry> Symlink(Ino parent, const std::string& name, const std::string& target,
                                const Caller& caller) = 0;
  virtual Result<std::string> ReadLink(Ino ino) = 0;
  virtual Result<FsStat> StatFs() = 0;

  // --- files ---
  virtual std::optional<Result<Opened>> TryOpen(Ino ino, int flags) = 0;
  virtual Result<Opened> Open(Ino ino, int flags) = 0;
  virtual Result<std::pair<Entry, Opened>> Create(Ino parent, const std::string& name, uint32_t mode, int flags,
                                                  const Caller& caller) = 0;
  virtual void Read(HandleId handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) = 0;
  virtual Result<bool> TryWrite(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer writer) = 0;
  virtual Status Write(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer writer) = 0;
  // Memory to receive the next write into; null: none to spare now.
  virtual std::unique_ptr<Landing> MakeLanding() = 0;
  // As TryWrite, of `size` bytes that lie in the landing: the count that was taken from the front. The rest would have
  // to wait: it is for WriteLanded. What was taken may be kept, so its pieces may be missing afterwards.
  virtual Result<size_t> TryWriteLanded(HandleId handle, uint64_t offset, Landing& landing, size_t size,
                                        Writer writer) = 0;
  // That rest, from byte `from` of the landing on: how many of its `size` bytes are written now, fewer when an error
  // came after some.
  virtual Result<size_t> WriteLanded(HandleId handle, uint64_t offset, const Landing& landing, size_t from, size_t size,
                                     Writer writer) = 0;
  // Copies the bytes of a write that TryWrite did not take, Landing::kBytes at most, to where total_mem_limit counts
  // them. `may_run` is called once, now or later, on any thread; it must not block. What it gets brings the bytes into
  // memory, for WriteLanded.
  virtual void KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) = 0;
  // True when Flush or Release of this handle has nothing to do over the network.
  virtual bool NothingToFlush(HandleId handle) = 0;
  virtual Status Flush(HandleId handle) = 0;
  virtual Status Fsync(HandleId handle) = 0;
  virtual void Release(HandleId handle) = 0;
  virtual Status Allocate(HandleId handle, int mode, uint64_t offset, uint64_t length) = 0;
  virtual Result<size_t> CopyFileRange(HandleId source, uint64_t source_offset, HandleId target,
                                       uint64_t target_offset, size_t length) = 0;

  // --- directories ---
  virtual Result<HandleId> OpenDirectory(Ino ino) = 0;
  // Calls `add` for entries after `cookie` (0: from the start; "." and ".." included) until it returns
  // false or the directory ends. An entry that `add` refused is not counted as looked up.
  virtual Status ReadDirectory(HandleId handle, uint64_t cookie, bool plus,
                               const std::function<bool(const DirEntry&)>& add) = 0;
  virtual void ReleaseDirectory(HandleId handle) = 0;

  // --- extended attributes ---
  virtual Result<std::string> GetXattr(Ino ino, const std::string& name) = 0;
  virtual Result<std::vector<std::string>> ListXattr(Ino ino) = 0;
  virtual Status SetXattr(Ino ino, const std::string& name, std::string_view value, int flags) = 0;
  virtual Status RemoveXattr(Ino ino, const std::string& name) = 0;

  // --- operation ---
  // Facts about a path relative to the mount, for `ossfs2 explain`.
  virtual Result<std::vector<std::string>> Explain(const std::string& path) = 0;
  // Publishes every dirty file until the deadline; names those it could not save, with the reason.
  virtual std::vector<std::string> FlushAll(std::chrono::milliseconds deadline) = 0;
};

}  // namespace ossfs2
