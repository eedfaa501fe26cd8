// FakeFileSystem: a root with one file "data" and one directory "sub", in memory, that records what it was
// asked and can be told to answer slowly. For tests of the FUSE frontend.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "base/threads/executor.h"
#include "base/threads/mutex.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

// Keeps nothing: each landing can be used again at once.
class FakeLanding final : public Landing {
 public:
  std::span<std::byte> Piece(size_t index) const override {
    return {memory_.get() + index * kPieceBytes, kPieceBytes};
  }
  bool Refill() override { return true; }

 private:
  std::unique_ptr<std::byte[]> memory_ = std::make_unique<std::byte[]>(kBytes);
};

// Calls wait in Pass while it is closed.
class Gate {
 public:
  void Close() { Set(true); }
  void Open() { Set(false); }
  int waiting() {
    MutexLock lock(mutex_);
    return waiting_;
  }
  void Pass() {
    MutexLock lock(mutex_);
    ++waiting_;
    while (closed_) changed_.Wait(lock);
    --waiting_;
  }

 private:
  void Set(bool closed) {
    MutexLock lock(mutex_);
    closed_ = closed;
    changed_.NotifyAll();
  }
  Mutex mutex_;
  CondVar changed_;
  bool closed_ GUARDED_BY(mutex_) = false;
  int waiting_ GUARDED_BY(mutex_) = 0;
};

class FakeFileSystem final : public FileSystem {
 public:
  static constexpr Ino kDataIno = 2;
  static constexpr Ino kSubIno = 3;

  // --- what tests set and see ---
  std::atomic<bool> fast_lookups{true};
  std::atomic<bool> fast_opens{true};
  std::atomic<Executor*> slow_reads{nullptr};  // where reads are answered, if not at once
  Gate gate;                                   // for what is not fast, and for listings
  Gate write_gate;                             // for writes that are not fast
  std::atomic<int> write_error{0};             // of them
  Gate flush_gate;
  std::atomic<int> opens{0};  // that were fast
  bool direct_io = false;
  std::atomic<ReadInto> last_read_into{ReadInto::kPageCache};
  bool park_writes = false;
  Gate keep_gate;  // for parked writes, before they may run
  bool give_landings = true;
  size_t take_of_landed = Landing::kBytes;  // of each landed write; the rest must be parked
  std::atomic<int> landed_writes{0};
  double valid_s = 0;
  uint64_t shown_bytes = 0;  // the size of "data", when it is not that of its content
  std::string content;  // before the mount; afterwards through locked access
  std::string Content() {
    MutexLock lock(mutex);
    return content;
  }
  void SetContent(std::string text) {
    MutexLock lock(mutex);
    content = std::move(text);
  }
  int64_t Forgotten() {
    MutexLock lock(mutex);
    return forgotten;
  }
  int Releases() {
    MutexLock lock(mutex);
    return releases;
  }
  std::atomic<KernelNotifier*> notifier{nullptr};
  Mutex mutex;
  int64_t forgotten = 0;
  int releases = 0;
  std::atomic<int> slow_lookups{0};
  std::atomic<int64_t> chosen_atime_ns{0};  // of the last SetAttr
  std::atomic<int64_t> chosen_mtime_ns{0};
  std::map<std::string, std::string> xattrs;

  // --- FileSystem ---
  void SetNotifier(KernelNotifier* to) override { notifier = to; }
  std::optional<Result<Entry>> TryLookup(Ino parent, std::string_view name) override {
    if (!fast_lookups) return std::nullopt;
    return LookupNow(parent, name);
  }
  Result<Entry> Lookup(Ino parent, const std::string& name) override {
    ++slow_lookups;
    gate.Pass();
    return LookupNow(parent, name);
  }
  void Forget(Ino, uint64_t lookups) override {
    MutexLock lock(mutex);
    forgotten += static_cast<int64_t>(lookups);
  }
  std::optional<Result<AttrReply>> TryGetAttr(Ino ino, std::optional<HandleId>) override {
    return Result<AttrReply>(AttrReply{AttrOf(ino), valid_s});
  }
  Result<AttrReply> GetAttr(Ino ino, std::optional<HandleId>) override { return AttrReply{AttrOf(ino), valid_s}; }
  Result<AttrReply> SetAttr(Ino ino, const AttrChange& change, std::optional<HandleId>) override {
    if (change.size) {
      MutexLock lock(mutex);
      content.resize(*change.size);
    }
    chosen_atime_ns = change.atime_ns.value_or(0);
    chosen_mtime_ns = change.mtime_ns.value_or(0);
    return AttrReply{AttrOf(ino), 0};
  }
  Result<Entry> MakeDirectory(Ino, const std::string&, uint32_t, const Caller&) override { return Refuse(EROFS); }
  Result<Entry> MakeNode(Ino, const std::string&, uint32_t, const Caller&) override { return Refuse(EROFS); }
  Status Unlink(Ino, const std::string&) override { return Refuse(EROFS); }
  Status RemoveDirectory(Ino, const std::string&) override { return Refuse(ENOTEMPTY); }
  Status Rename(Ino, const std::string&, Ino, const std::string&, uint32_t) override { return Refuse(EXDEV); }
  Result<Entry> Symlink(Ino, const std::string&, const std::string&, const Caller&) override { return Refuse(EROFS); }
  Result<std::string> ReadLink(Ino) override { return Refuse(EINVAL); }
  Result<FsStat> StatFs() override { return FsStat{}; }
  std::optional<Result<Opened>> TryOpen(Ino, int) override {
    if (!fast_opens) return std::nullopt;
    ++opens;
    return Result<Opened>(Opened{next_++, true, direct_io});
  }
  Result<Opened> Open(Ino, int) override {
    gate.Pass();
    return Opened{next_++, true, direct_io};
  }
  Result<std::pair<Entry, Opened>> Create(Ino, const std::string&, uint32_t, int, const Caller&) override {
    return Refuse(EROFS);
  }
  void Read(HandleId, uint64_t offset, size_t size, ReadInto into, ReadDone done) override {
    last_read_into = into;
    auto copy = std::make_shared<std::string>();
    {
      MutexLock lock(mutex);
      if (offset < content.size()) *copy = content.substr(offset, size);
    }
    ReadReply reply;
    if (!copy->empty()) reply.parts.push_back({copy->data(), copy->size()});
    reply.bytes = copy->size();
    reply.pin = copy;
    if (slow_reads == nullptr) return done(std::move(reply));
    slow_reads.load()->Run([this, reply = std::move(reply), done = std::move(done)] {
      gate.Pass();
      done(reply);
    });
  }
  Result<bool> TryWrite(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer) override {
    if (park_writes) return false;
    Store(handle, offset, data);
    return true;
  }
  Status Write(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer) override {
    write_gate.Pass();
    if (const int error = write_error; error != 0) return Refuse(error);
    Store(handle, offset, data);
    return {};
  }
  std::unique_ptr<Landing> MakeLanding() override {
    return give_landings ? std::make_unique<FakeLanding>() : nullptr;
  }
  Result<size_t> TryWriteLanded(HandleId handle, uint64_t offset, Landing& landing, size_t size, Writer) override {
    ++landed_writes;
    const size_t taken = park_writes ? 0 : std::min(size, take_of_landed);
    for (size_t at = 0; at < taken; at += Landing::kPieceBytes)
      Store(handle, offset + at,
            landing.Piece(at / Landing::kPieceBytes).first(std::min(Landing::kPieceBytes, taken - at)));
    return taken;
  }
  Result<size_t> WriteLanded(HandleId handle, uint64_t offset, const Landing& landing, size_t from, size_t size,
                             Writer writer) override {
    size_t at = from;
    while (at < size) {
      const auto rest = landing.Piece(at / Landing::kPieceBytes).subspan(at % Landing::kPieceBytes);
      const auto data = rest.first(std::min(rest.size(), size - at));
      const Status written = Write(handle, offset + at, data, writer);
      if (!written && at == 0) return written.error();
      if (!written) break;
      at += data.size();
    }
    return at;
  }
  void KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) override {
    auto landing = std::make_shared<FakeLanding>();
    memcpy(landing->Piece(0).data(), bytes.data(), bytes.size());  // its pieces are one row
    may_run([this, landing]() -> Result<std::shared_ptr<Landing>> {
      keep_gate.Pass();
      return landing;
    });
  }
  bool NothingToFlush(HandleId) override { return false; }
  Status Flush(HandleId) override {
    flush_gate.Pass();
    return {};
  }
  Status Fsync(HandleId) override { return Refuse(EDQUOT); }
  void Release(HandleId) override {
    MutexLock lock(mutex);
    ++releases;
  }
  Status Allocate(HandleId, int, uint64_t, uint64_t) override { return Refuse(EOPNOTSUPP); }
  Result<size_t> CopyFileRange(HandleId, uint64_t, HandleId, uint64_t, size_t length) override { return length; }
  Result<HandleId> OpenDirectory(Ino) override { return next_++; }
  Status ReadDirectory(HandleId, uint64_t cookie, bool, const std::function<bool(const DirEntry&)>& add) override {
    gate.Pass();
    const char* names[] = {".", "..", "data", "sub"};
    const Ino inos[] = {kRootIno, kRootIno, kDataIno, kSubIno};
    for (uint64_t i = cookie; i < 4; ++i) {
      DirEntry entry;
      entry.name = names[i];
      entry.entry = {AttrOf(inos[i]), valid_s, valid_s};
      entry.cookie = i + 1;
      if (!add(entry)) break;
    }
    return {};
  }
  void ReleaseDirectory(HandleId) override {}
  Result<std::string> GetXattr(Ino, const std::string& name) override {
    const auto it = xattrs.find(name);
    if (it == xattrs.end()) return Refuse(ENODATA);
    return it->second;
  }
  Result<std::vector<std::string>> ListXattr(Ino) override {
    std::vector<std::string> names;
    for (const auto& [name, value] : xattrs) names.push_back(name);
    return names;
  }
  Status SetXattr(Ino, const std::string& name, std::string_view value, int) override {
    xattrs[name] = value;
    return {};
  }
  Status RemoveXattr(Ino, const std::string& name) override {
    return xattrs.erase(name) > 0 ? Status() : Status(Refuse(ENODATA));
  }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  std::vector<std::string> FlushAll(std::chrono::milliseconds) override { return {}; }

 private:
  static Error Refuse(int code) { return MakeError(code, ErrorKind::kOther, ""); }

  Result<Entry> LookupNow(Ino parent, std::string_view name) {
    if (parent == kRootIno && name == "data") return Entry{AttrOf(kDataIno), valid_s, valid_s};
    if (parent == kRootIno && name == "sub") return Entry{AttrOf(kSubIno), valid_s, valid_s};
    return Refuse(ENOENT);
  }

  Attr AttrOf(Ino ino) {
    Attr attr;
    attr.ino = ino;
    attr.mode = ino == kDataIno ? S_IFREG | 0644 : S_IFDIR | 0755;
    if (ino == kDataIno) attr.size = shown_bytes != 0 ? shown_bytes : Content().size();
    return attr;
  }

  void Store(HandleId, uint64_t offset, std::span<const std::byte> data) {
    MutexLock lock(mutex);
    if (content.size() < offset + data.size()) content.resize(offset + data.size());
    memcpy(content.data() + offset, data.data(), data.size());
  }

  std::atomic<HandleId> next_{1};
};

}  // namespace ossfs2
