// MultipartUpload: one multipart upload, from before it is opened until it is completed or aborted.
//
// Begin returns at once; parts handed over before the service has given an id wait for it. Parts are sent in
// the scheduler's order from the memory they are in, which is freed as each one ends; copies run on
// background threads. The journal knows the upload from before it is opened.
// Threads: all methods from any thread; Wait*, Complete may block. Ownership: shared; running transfers keep it.
// Errors: the first failed part stays as failure() and ends the others early, until ClearFailure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "data/object_version.h"
#include "data/upload/part_buffer.h"
#include "data/upload/upload_services.h"

namespace ossfs2 {

class MultipartUpload : public std::enable_shared_from_this<MultipartUpload> {
 public:
  static std::shared_ptr<MultipartUpload> Begin(UploadServices& services, uint64_t owner, std::string key,
                                                WriteOptions options);
  MultipartUpload(UploadServices& services, uint64_t owner, std::string key, WriteOptions options);
  MultipartUpload(const MultipartUpload&) = delete;
  MultipartUpload& operator=(const MultipartUpload&) = delete;

  // A number sent again replaces the part; not while it is still on its way.
  void Send(int number, std::shared_ptr<PartBuffer> buffer) EXCLUDES(mutex_);
  void SendZeros(int number, uint64_t size) EXCLUDES(mutex_);
  // Memory that `keep` holds.
  void SendMemory(int number, std::span<const std::byte> bytes, std::shared_ptr<const void> keep) EXCLUDES(mutex_);
  // `load` fills the part on a background thread; it must not wait for memory.
  void SendLater(int number, std::function<Result<std::shared_ptr<PartBuffer>>()> load) EXCLUDES(mutex_);
  void Copy(int number, const ObjectVersion& source, uint64_t offset, uint64_t size) EXCLUDES(mutex_);

  size_t Outstanding() const EXCLUDES(mutex_);
  void WaitBelow(size_t count) EXCLUDES(mutex_);
  // Until nothing is on its way; the failure if there is one.
  Status Wait() EXCLUDES(mutex_);
  Status failure() const EXCLUDES(mutex_);
  // Until this part is stored; or the failure, also that of another part.
  Status WaitFor(int number) EXCLUDES(mutex_);
  // For a retry; false when the upload itself could not be opened or is gone.
  bool ClearFailure() EXCLUDES(mutex_);
  std::optional<PartResult> Part(int number) const EXCLUDES(mutex_);

  // After Wait. The checksum of `before` (a checksum) followed by the parts, when all are known.
  std::optional<uint64_t> CombinedCrc(std::span<const int> numbers, uint64_t before = 0) const EXCLUDES(mutex_);
  Result<WriteResult> Complete(const std::vector<int>& numbers, std::optional<uint64_t> crc, bool forbid_overwrite)
      EXCLUDES(mutex_);
  // Cancels what runs and aborts in the background. For good.
  void Abort() EXCLUDES(mutex_);

  const WriteOptions& options() const { return options_; }
  std::string upload_id() const EXCLUDES(mutex_);

 private:
  void Open() EXCLUDES(mutex_);
  void Opened(Result<std::string> id) EXCLUDES(mutex_);
  void Admit(std::function<void()> start) EXCLUDES(mutex_);
  void SendBody(int number, UploadBody body, uint64_t size, std::shared_ptr<const void> memory) EXCLUDES(mutex_);
  void StartPart(int number, UploadBody body, uint64_t size, std::shared_ptr<const void> memory,
                 UploadScheduler::Done done) EXCLUDES(mutex_);
  void Finish(int number, Result<PartResult> result) EXCLUDES(mutex_);
  void CheckPart(Result<PartResult>& result, int number, uint64_t size, std::optional<uint64_t> crc) const;
  std::optional<Error> Refusal() const EXCLUDES(mutex_);

  UploadServices& services_;
  const uint64_t owner_;
  const std::string key_;
  const WriteOptions options_;
  JournalEntry entry_;
  Journal::Id record_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  std::string id_ GUARDED_BY(mutex_);
  bool opened_ GUARDED_BY(mutex_) = false;   // asked and answered, well or not
  bool aborted_ GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> waiting_ GUARDED_BY(mutex_);  // for the id
  std::map<int, PartResult> parts_ GUARDED_BY(mutex_);
  std::map<int, std::shared_ptr<StoreCall>> running_ GUARDED_BY(mutex_);
  size_t outstanding_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
