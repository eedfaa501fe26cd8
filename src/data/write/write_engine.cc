#include "data/write/write_engine.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/threads/mutex.h"
#include "data/content/write_services.h"
#include "data/recovery/journal_recovery.h"
#include "data/recovery/rename_record.h"
#include "data/write/seam_pages.h"
#include "data/write/write_file_impl.h"

namespace ossfs2 {
namespace {

// 16 MiB of pages, or a 64th of the pool where that is less.
constexpr uint64_t kSeamBytesMax = 16ull << 20;

size_t SeamPagesMax(uint64_t pool_bytes, uint64_t page_bytes) {
  return static_cast<size_t>(std::min(kSeamBytesMax, pool_bytes / 64) / page_bytes);
}

class WriteEngineImpl final : public WriteEngine {
 public:
  WriteEngineImpl(ObjectStore& store, MemoryPool& pool, const UploadOptions& options)
      : services_(store, pool, options),
        seams_(SeamPagesMax(pool.limit_bytes(), options.page_bytes), options.page_bytes),
        relief_(std::make_shared<Relief>()) {
    relief_->engine = this;
    services_.memory.SetRelief([this](size_t blocks) { ReleaseMemory(blocks, Release::kBySendingOrSpilling); });
    services_.memory.SetBusy([this] {
      return services_.scheduler.InFlight() > 0 || services_.completing.load(std::memory_order_relaxed) > 0;
    });
    // The pool keeps its reclaimers for life, longer than an engine.
    pool.AddReclaimer([relief = relief_](size_t blocks) { relief->Run(blocks); });
  }

  ~WriteEngineImpl() override {
    relief_->Stop();
    services_.activity.WaitUntilIdle();
    services_.background.Shutdown();
    services_.copies.Shutdown();
    services_.ends.Shutdown();
  }

  IncomingWrites& incoming() override { return incoming_; }

  std::shared_ptr<WriteFile> Open(WriteTarget target) override EXCLUDES(mutex_) {
    std::shared_ptr<WriteFileImpl> open;  // perhaps its last reference, which must not go under the lock
    MutexLock lock(mutex_);
    std::weak_ptr<WriteFileImpl>& slot = files_[target.file_id];
    open = slot.lock();
    if (open && !open->ended()) return open;
    auto file = std::make_shared<WriteFileImpl>(services_, seams_, std::move(target));
    slot = file;
    if (++opened_ % kSweepInterval == 0)
      std::erase_if(files_, [](const auto& item) { return item.second.expired(); });
    return file;
  }

  std::unique_ptr<RenameRecord> BeginRename(const std::string& from, const std::string& from_etag,
                                            const std::string& to) override {
    return std::make_unique<RenameRecord>(services_.journal, from, from_etag, to);
  }

  Status Recover() override { return RecoverJournal(services_.store, services_.journal); }

  uint64_t UnpublishedBytes() const override {
    uint64_t bytes = 0;
    for (const auto& file : Files()) bytes += file->UnpublishedBytes();
    return bytes;
  }

  Explanation Explain(uint64_t file_id) const override EXCLUDES(mutex_) {
    std::shared_ptr<WriteFileImpl> file;
    {
      MutexLock lock(mutex_);
      const auto found = files_.find(file_id);
      if (found != files_.end()) file = found->second.lock();
    }
    return file ? file->Explain() : Explanation{};
  }

  void Shutdown() override {
    const auto files = Files();
    services_.memory.Stop();
    // First all are closed to writes: one that waits behind another would only begin new requests.
    for (const auto& file : files) file->Refuse();
    for (const auto& file : files) file->Abandon();
    incoming_.Shutdown();
    services_.activity.WaitUntilIdle();
  }

 private:
  static constexpr uint64_t kSweepInterval = 1024;

  // The pool's reclaimer outlives the engine; this says whether it is still there.
  struct Relief {
    void Run(size_t blocks) EXCLUDES(mutex) {
      WriteEngineImpl* target = nullptr;
      {
        MutexLock lock(mutex);
        if (engine == nullptr) return;
        target = engine;
        ++running;
      }
      target->ReleaseMemory(blocks, Release::kBySending);
      MutexLock lock(mutex);
      if (--running == 0) idle.NotifyAll();
    }
    void Stop() EXCLUDES(mutex) {
      MutexLock lock(mutex);
      engine = nullptr;
      while (running != 0) idle.Wait(lock);
    }
    Mutex mutex;
    CondVar idle;
    WriteEngineImpl* engine GUARDED_BY(mutex) = nullptr;
    int running GUARDED_BY(mutex) = 0;
  };

  std::vector<std::shared_ptr<WriteFileImpl>> Files() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::vector<std::shared_ptr<WriteFileImpl>> files;
    for (const auto& [id, weak] : files_)
      if (auto file = weak.lock()) files.push_back(std::move(file));
    return files;
  }

  void ReleaseMemory(size_t blocks, Release how) {
    const uint64_t wanted = blocks * MemoryPool::kBlockBytes;
    uint64_t released = 0;
    for (const auto& file : Files()) {
      if (released >= wanted) return;
      released += file->ReleaseMemory(how);
    }
  }

  WriteServices services_;
  SeamBudget seams_;
  IncomingWrites incoming_{services_.pool, services_.space};
  std::shared_ptr<Relief> relief_;
  mutable Mutex mutex_;
  std::map<uint64_t, std::weak_ptr<WriteFileImpl>> files_ GUARDED_BY(mutex_);
  uint64_t opened_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<WriteEngine> MakeWriteEngine(ObjectStore& store, MemoryPool& pool, const UploadOptions& options) {
  return std::make_unique<WriteEngineImpl>(store, pool, options);
}

}  // namespace ossfs2
