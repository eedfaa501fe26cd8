// The engine: files by id, the clock tick, the next shard.
#include "data/read/read_engine.h"

#include <unordered_map>

#include "base/threads/mutex.h"
#include "base/threads/timer.h"
#include "base/values/str.h"
#include "data/read/file/cached_file.h"
#include "data/read/file/read_core.h"

namespace ossfs2 {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr int kTicksPerRelease = 40;  // memory idle for ten seconds goes back to the system

// What callers hold, one for all that have the file open. Its end is the last close.
class SharedReadFile final : public ReadFile {
 public:
  explicit SharedReadFile(std::shared_ptr<CachedFile> file) : file_(std::move(file)) {}
  ~SharedReadFile() override { file_->Closed(); }
  void Read(uint64_t handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) override {
    file_->Read(handle, offset, size, into, std::move(done));
  }
  const ObjectVersion& version() const override { return file_->version(); }
  bool stale() const override { return file_->stale(); }
  void Rebind(const ObjectVersion& version) override { file_->Rebind(version); }
  void CloseHandle(uint64_t handle) override { file_->CloseHandle(handle); }

 private:
  const std::shared_ptr<CachedFile> file_;
};

class RunningReplacement final : public Replacement {
 public:
  RunningReplacement(std::shared_ptr<CachedFile> file, std::shared_ptr<ReadFile> open)
      : file_(std::move(file)), open_(std::move(open)) {
    file_->BeginReplacement();
  }
  ~RunningReplacement() override { file_->EndReplacement(); }
  RunningReplacement(const RunningReplacement&) = delete;
  RunningReplacement& operator=(const RunningReplacement&) = delete;
  void Rebind(const ObjectVersion& version) override { file_->Rebind(version); }

 private:
  const std::shared_ptr<CachedFile> file_;
  const std::shared_ptr<ReadFile> open_;  // readers that come meanwhile find this file
};

class Engine final : public ReadEngine {
 public:
  Engine(ObjectStore& store, MemoryPool& pool, const ReadOptions& options)
      : core_(std::make_shared<ReadCore>(store, pool, options)) {
    pool.AddReclaimer([weak = std::weak_ptr<ReadCore>(core_)](size_t blocks) {
      if (const auto core = weak.lock()) core->cache.Reclaim(blocks, 0);
    });
    core_->next_file = [this](uint64_t file_id) { return NextFile(file_id); };
    ScheduleTick();
  }
  ~Engine() override { Shutdown(); }

  std::shared_ptr<ReadFile> Open(uint64_t file_id, const ObjectVersion& version) override {
    return OpenBoth(file_id, version).second;
  }

  std::unique_ptr<Replacement> BeginReplacement(uint64_t file_id, const ObjectVersion& version) override {
    auto [file, open] = OpenBoth(file_id, version);
    return std::make_unique<RunningReplacement>(std::move(file), std::move(open));
  }

  void Retire(uint64_t file_id, const ObjectVersion& version) override {
    if (const std::shared_ptr<CachedFile> file = Find(file_id)) file->Retire(version);
  }

  void EndRetired(uint64_t file_id) override {
    if (const std::shared_ptr<CachedFile> file = Find(file_id)) file->EndRetired();
  }

  void Drop(uint64_t file_id) override {
    std::shared_ptr<CachedFile> file = Find(file_id);
    if (file) file->DropAll();
  }

  void SetNextFileResolver(
      std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t)> resolver) override {
    MutexLock lock(mutex_);
    resolver_ = std::move(resolver);
  }

  void SetGoneListener(std::function<void(uint64_t, const ObjectVersion&)> listener) override {
    core_->gone.Set(std::move(listener));
  }

  void SetKernelPages(KernelPages* kernel) override { core_->filler.SetKernel(kernel); }

  void StopFilling(uint64_t file_id, StoresUnderWay stores) override {
    if (!core_->filler.on()) return;
    if (const std::shared_ptr<CachedFile> file = Find(file_id)) file->StopFilling(stores);
  }

  std::shared_ptr<const void> HoldFilling(uint64_t file_id) override {
    // First: a CachedFile that is made from now on finds it.
    std::shared_ptr<const void> hold = core_->changing->Hold(file_id);
    StopFilling(file_id, StoresUnderWay::kWait);
    return hold;
  }

  Explanation Explain(uint64_t file_id) const override {
    Explanation lines;
    const std::shared_ptr<CachedFile> file = Find(file_id);
    if (file == nullptr) return {"engine: not open and nothing cached"};
    file->Explain(lines);
    lines.push_back(StrCat("all files: requests in flight: ", core_->scheduler.InFlight(), " of ",
                           core_->scheduler.Limit()));
    lines.push_back(StrCat("all files: bytes cached after reading: ", core_->cache.ConsumedBytes()));
    lines.push_back(StrCat("all files: bytes fetched ahead: ", core_->cache.UnreadBytes()));
    lines.push_back(StrCat("all files: active streams: ", core_->active_streams.load()));
    return lines;
  }

  void Shutdown() override {
    core_->stopping.store(true);
    Timer::Id tick = 0;
    {
      MutexLock lock(mutex_);
      if (shut_down_) return;
      shut_down_ = true;
      tick = tick_;
    }
    timer_.Cancel(tick);
    for (const auto& file : AllFiles()) file->CancelAll();
    // What fills pages may wait for a page that a reader has locked, and so for what was just canceled.
    core_->filler.SetKernel(nullptr);
    core_->scheduler.WaitIdle();
    for (const auto& file : AllFiles()) file->DropAll();
    core_->PumpLead();
  }

 private:
  struct Entry {
    std::shared_ptr<CachedFile> file;
    std::weak_ptr<ReadFile> open;
  };

  std::pair<std::shared_ptr<CachedFile>, std::shared_ptr<ReadFile>> OpenBoth(uint64_t file_id,
                                                                             const ObjectVersion& version)
      EXCLUDES(mutex_) {
    std::shared_ptr<CachedFile> old;
    std::shared_ptr<CachedFile> file;
    std::shared_ptr<ReadFile> open;
    {
      MutexLock lock(mutex_);
      Entry& entry = files_[file_id];
      if (entry.file != nullptr && !entry.file->Adopt(version)) {
        old = std::move(entry.file);
        entry = {};
      }
      if (entry.file == nullptr) entry.file = std::make_shared<CachedFile>(core_, file_id, version);
      file = entry.file;
      open = entry.open.lock();
      if (open == nullptr) entry.open = open = std::make_shared<SharedReadFile>(file);
    }
    if (old) old->DropAll();
    return {std::move(file), std::move(open)};
  }

  std::shared_ptr<CachedFile> Find(uint64_t file_id) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto it = files_.find(file_id);
    return it == files_.end() ? nullptr : it->second.file;
  }

  std::vector<std::shared_ptr<CachedFile>> AllFiles() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::vector<std::shared_ptr<CachedFile>> files;
    files.reserve(files_.size());
    for (const auto& [id, entry] : files_) files.push_back(entry.file);
    return files;
  }

  std::shared_ptr<CachedFile> NextFile(uint64_t file_id) EXCLUDES(mutex_) {
    std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t)> resolver;
    {
      MutexLock lock(mutex_);
      resolver = resolver_;
    }
    if (!resolver) return nullptr;
    auto next = resolver(file_id);
    if (!next) return nullptr;
    MutexLock lock(mutex_);
    Entry& entry = files_[next->first];
    if (entry.file == nullptr) entry.file = std::make_shared<CachedFile>(core_, next->first, next->second);
    return entry.file->version().SameBytes(next->second) ? entry.file : nullptr;
  }

  void ScheduleTick() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (shut_down_) return;
    tick_ = timer_.After(kTick, [this] {
      Tick();
      ScheduleTick();
    });
  }

  void Tick() {
    const int64_t now_ns = ReadCore::NowNs();
    size_t active = 0;
    uint64_t window_bytes = 0;
    for (const auto& file : AllFiles()) active += file->Tick(now_ns, window_bytes);
    core_->active_streams.store(static_cast<int>(active), std::memory_order_relaxed);
    core_->metrics.streams.Set(static_cast<int64_t>(active));
    core_->metrics.window_bytes.Set(static_cast<int64_t>(window_bytes));
    core_->cache.Expire(now_ns);
    core_->RelievePressure();
    core_->scheduler.PumpWaiting();
    core_->PumpLead();
    if (++ticks_ % kTicksPerRelease == 0) core_->pool.ReleaseIdle();
    ForgetClosed();
  }

  // Closed files of which nothing is left.
  void ForgetClosed() EXCLUDES(mutex_) {
    std::vector<std::shared_ptr<CachedFile>> gone;
    MutexLock lock(mutex_);
    for (auto it = files_.begin(); it != files_.end();) {
      Entry& entry = it->second;
      const bool forget = entry.open.expired() && entry.file->HoldsNothing();
      if (forget) gone.push_back(std::move(entry.file));
      it = forget ? files_.erase(it) : std::next(it);
    }
  }

  const std::shared_ptr<ReadCore> core_;
  mutable Mutex mutex_;
  std::unordered_map<uint64_t, Entry> files_ GUARDED_BY(mutex_);
  std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t)> resolver_ GUARDED_BY(mutex_);
  Timer::Id tick_ GUARDED_BY(mutex_) = 0;
  bool shut_down_ GUARDED_BY(mutex_) = false;
  uint64_t ticks_ = 0;  // the timer's thread only
  Timer timer_;         // last: its thread ends first
};

}  // namespace

std::unique_ptr<ReadEngine> MakeReadEngine(ObjectStore& store, MemoryPool& pool, const ReadOptions& options) {
  return std::make_unique<Engine>(store, pool, options);
}

}  // namespace ossfs2
