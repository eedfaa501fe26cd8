// TestMount: a FileSystem over a MemoryStore with the real engines, driven by paths; every call gives an
// errno.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/threads/executor.h"
#include "base/time/clock.h"
#include "data/memory/memory_pool.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "fs/make_file_system.h"
#include "oss/fakes/memory_store.h"
#include "tests/support/temp_folder.h"

namespace ossfs2::test {

class RecordingNotifier : public KernelNotifier {
 public:
  void InvalidateAttributes(Ino ino) override {
    std::lock_guard lock(mutex_);
    attributes_.push_back(ino);
  }
  void InvalidateInode(Ino ino) override {
    std::lock_guard lock(mutex_);
    inodes_.push_back(ino);
  }
  void WithdrawInode(Ino ino) override {
    std::lock_guard lock(mutex_);
    std::erase(inodes_, ino);
  }
  void InvalidateEntry(Ino, const std::string& name) override {
    std::lock_guard lock(mutex_);
    names_.push_back(name);
  }
  std::vector<Ino> attributes() {
    std::lock_guard lock(mutex_);
    return attributes_;
  }
  std::vector<Ino> inodes() {
    std::lock_guard lock(mutex_);
    return inodes_;
  }
  std::vector<std::string> names() {
    std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  std::mutex mutex_;
  std::vector<Ino> attributes_;
  std::vector<Ino> inodes_;
  std::vector<std::string> names_;
};

// One mount: its own caches and engines over a store that may be shared.
class TestMount {
 public:
  explicit TestMount(ObjectStore& store, FsOptions options = {}, Clock& clock = Clock::Real(),
                     const std::string& journal_dir = {}, bool appendable = false)
      : pool_(64ull << 20), executor_("fs-test", 32), clock_(clock) {
    UploadOptions upload;
    upload.staging_dir = staging_.path();
    upload.staging_free_bytes_min = 0;
    upload.part_bytes = 1u << 20;
    upload.journal_dir = journal_dir;
    upload.appendable = appendable;
    reads_ = MakeReadEngine(store, pool_, ReadOptions{});
    writes_ = MakeWriteEngine(store, pool_, upload);
    fs_ = MakeFileSystem(store, *reads_, *writes_, executor_, options, clock_);
    fs_->SetNotifier(&notifier);
  }
  ~TestMount() {
    fs_->FlushAll(std::chrono::seconds(20));
    fs_.reset();
    writes_->Shutdown();
    reads_->Shutdown();
    executor_.Shutdown();
  }

  FileSystem& fs() { return *fs_; }
  // As where not one thread can be made: tasks run in who wants them.
  void LoseThreads() { executor_.Shutdown(); }
  RecordingNotifier notifier;

  // --- paths ---
  Result<Entry> Find(const std::string& path) {
    Entry entry;
    entry.attr.ino = kRootIno;
    size_t start = 0;
    while (start < path.size()) {
      const size_t slash = std::min(path.find('/', start), path.size());
      const std::string name = path.substr(start, slash - start);
      start = slash + 1;
      Result<Entry> next = Lookup(entry.attr.ino, name);
      if (!next) return next;
      entry = *next;
    }
    return entry;
  }
  // As a kernel without an entry cache would.
  Result<Entry> Lookup(Ino parent, const std::string& name) {
    auto fast = fs_->TryLookup(parent, name);
    Result<Entry> entry = fast ? *fast : fs_->Lookup(parent, name);
    if (entry && entry->attr.ino == 0) return MakeError(ENOENT, ErrorKind::kNotFound, "absent");
    return entry;
  }
  Ino InoOf(const std::string& path) {
    Result<Entry> entry = Find(path);
    EXPECT_TRUE(entry) << path << ": " << (entry ? "" : entry.error().ToString());
    return entry ? entry->attr.ino : 0;
  }
  std::pair<Ino, std::string> Split(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash);
    Result<Entry> parent = Find(directory);
    return {parent ? parent->attr.ino : 0, path.substr(slash == std::string::npos ? 0 : slash + 1)};
  }
  Result<Attr> Stat(const std::string& path) {
    Result<Entry> entry = Find(path);
    if (!entry) return entry.error();
    auto fast = fs_->TryGetAttr(entry->attr.ino, std::nullopt);
    Result<AttrReply> attr = fast ? *fast : fs_->GetAttr(entry->attr.ino, std::nullopt);
    if (!attr) return attr.error();
    return attr->attr;
  }

  // --- whole operations; 0 or an errno ---
  int Mkdir(const std::string& path, uint32_t mode = 0777) {
    const auto [parent, name] = Split(path);
    if (parent == 0) return ENOENT;
    return ErrnoOf(ToStatus(fs_->MakeDirectory(parent, name, mode, Caller{})));
  }
  int Rmdir(const std::string& path) {
    const auto [parent, name] = Split(path);
    return parent == 0 ? ENOENT : ErrnoOf(fs_->RemoveDirectory(parent, name));
  }
  int Unlink(const std::string& path) {
    const auto [parent, name] = Split(path);
    return parent == 0 ? ENOENT : ErrnoOf(fs_->Unlink(parent, name));
  }
  int Rename(const std::string& from, const std::string& to, uint32_t flags = 0) {
    const auto [parent, name] = Split(from);
    const auto [new_parent, new_name] = Split(to);
    if (parent == 0 || new_parent == 0) return ENOENT;
    return ErrnoOf(fs_->Rename(parent, name, new_parent, new_name, flags));
  }
  int Symlink(const std::string& target, const std::string& path) {
    const auto [parent, name] = Split(path);
    return parent == 0 ? ENOENT : ErrnoOf(ToStatus(fs_->Symlink(parent, name, target, Caller{})));
  }
  // open(2) with O_CREAT: looks up first, as the kernel does.
  Result<HandleId> OpenPath(const std::string& path, int flags, uint32_t mode = 0777) {
    const auto [parent, name] = Split(path);
    if (parent == 0) return MakeError(ENOENT, ErrorKind::kNotFound, "parent");
    Result<Entry> entry = Lookup(parent, name);
    if (entry && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
      return MakeError(EEXIST, ErrorKind::kAlreadyExists, "exists");
    if (!entry && (entry.error().errno_value != ENOENT || (flags & O_CREAT) == 0)) return entry.error();
    if (!entry) {
      auto made = fs_->Create(parent, name, mode, flags & ~O_CREAT, Caller{});
      if (!made) return made.error();
      return made->second.handle;
    }
    auto fast = fs_->TryOpen(entry->attr.ino, flags);
    Result<Opened> opened = fast ? *fast : fs_->Open(entry->attr.ino, flags & ~(O_CREAT | O_EXCL));
    if (!opened) return opened.error();
    return opened->handle;
  }
  Status Write(HandleId handle, uint64_t offset, std::string_view text, Writer writer = Writer::kCall) {
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    Result<bool> taken = fs_->TryWrite(handle, offset, bytes, writer);
    if (!taken) return taken.error();
    return *taken ? Status() : fs_->Write(handle, offset, bytes, writer);
  }
  Result<std::string> Read(HandleId handle, uint64_t offset, size_t size) {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<std::string>> text;
    fs_->Read(handle, offset, size, ReadInto::kPageCache, [&](Result<ReadReply> reply) {
      Result<std::string> bytes = std::string();
      if (!reply)
        bytes = reply.error();
      else
        for (const iovec& part : reply->parts)
          bytes->append(static_cast<const char*>(part.iov_base), part.iov_len);
      std::lock_guard lock(mutex);
      text = std::move(bytes);
      done.notify_one();
    });
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return text.has_value(); });
    return *text;
  }
  int Close(HandleId handle) {
    const Status flushed = fs_->NothingToFlush(handle) ? Status() : fs_->Flush(handle);
    fs_->Release(handle);
    return ErrnoOf(flushed);
  }
  int Put(const std::string& path, std::string_view text, int flags = O_TRUNC) {
    Result<HandleId> handle = OpenPath(path, O_WRONLY | O_CREAT | flags);
    if (!handle) return handle.error().errno_value;
    const Status written = text.empty() ? Status() : Write(*handle, 0, text);
    const int closed = Close(*handle);
    return written ? closed : written.error().errno_value;
  }
  Result<std::string> Get(const std::string& path) {
    Result<HandleId> handle = OpenPath(path, O_RDONLY);
    if (!handle) return handle.error();
    std::string all;
    for (;;) {
      Result<std::string> piece = Read(*handle, all.size(), 1u << 20);
      if (!piece) {
        Close(*handle);
        return piece;
      }
      if (piece->empty()) break;
      all += *piece;
    }
    Close(*handle);
    return all;
  }
  int Truncate(const std::string& path, uint64_t size) {
    AttrChange change;
    change.size = size;
    return SetAttr(path, change);
  }
  int SetAttr(const std::string& path, const AttrChange& change) {
    Result<Entry> entry = Find(path);
    if (!entry) return entry.error().errno_value;
    return ErrnoOf(ToStatus(fs_->SetAttr(entry->attr.ino, change, std::nullopt)));
  }
  // Names in the order they come, without the dots; with `attrs` as `ls -l`, which looks up what comes without
  // attributes, or with `bare` as `ls`, which does not.
  Result<std::vector<std::string>> List(const std::string& path, std::map<std::string, Attr>* attrs = nullptr,
                                        std::vector<std::string>* bare = nullptr) {
    Result<Entry> directory = Find(path);
    if (!directory) return directory.error();
    const Ino parent = directory->attr.ino;
    Result<HandleId> handle = fs_->OpenDirectory(parent);
    if (!handle) return handle.error();
    std::vector<std::string> names;
    uint64_t cookie = 0;
    Status status;
    for (;;) {
      size_t taken = 0;
      std::vector<std::string> without;
      status = fs_->ReadDirectory(*handle, cookie, attrs != nullptr, [&](const DirEntry& found) {
        if (taken == 100) return false;
        ++taken;
        cookie = found.cookie;
        if (found.name == "." || found.name == "..") return true;
        names.push_back(found.name);
        if (attrs != nullptr && found.has_attributes) (*attrs)[found.name] = found.entry.attr;
        if (!found.has_attributes) without.push_back(found.name);
        return true;
      });
      for (const std::string& name : without) {
        if (bare != nullptr)
          bare->push_back(name);
        else if (const Result<Entry> entry = Lookup(parent, name))
          (*attrs)[name] = entry->attr;
      }
      if (!status || taken == 0) break;
    }
    fs_->ReleaseDirectory(*handle);
    if (!status) return status.error();
    return names;
  }

  template <class T>
  static Status ToStatus(const Result<T>& result) {
    if (result) return {};
    return result.error();
  }

 private:
  TempFolder staging_;
  MemoryPool pool_;
  Executor executor_;
  Clock& clock_;
  std::unique_ptr<ReadEngine> reads_;
  std::unique_ptr<WriteEngine> writes_;
  std::unique_ptr<FileSystem> fs_;
};

// The number of requests, those of names given.
inline uint64_t CountOf(oss::MemoryStore& store, std::initializer_list<const char*> names) {
  const auto requests = store.Requests();
  uint64_t count = 0;
  for (const char* name : names)
    if (const auto it = requests.find(name); it != requests.end()) count += it->second;
  return count;
}
inline uint64_t CountAll(oss::MemoryStore& store) {
  uint64_t count = 0;
  for (const auto& [name, number] : store.Requests()) count += number;
  return count;
}

inline std::string ManyNames(size_t number) {
  std::string digits = std::to_string(number);
  return "file-" + std::string(6 - digits.size(), '0') + digits;
}

}  // namespace ossfs2::test
