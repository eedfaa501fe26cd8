#include "oss/fakes/memory_store.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "oss/fakes/memory_bucket.h"
#include "oss/fakes/memory_call_queue.h"

namespace ossfs2::oss {
namespace {

std::string Join(const UploadBody& body) {
  std::string out;
  for (const auto& span : body.spans) out.append(reinterpret_cast<const char*>(span.data()), span.size());
  return out;
}

Status CompareCrc(std::optional<uint64_t> expected, std::optional<uint64_t> actual, std::string_view what) {
  if (!expected || !actual || *expected == *actual) return {};
  return MakeError(EIO, ErrorKind::kCorrupt,
                   StrCat(what, ": the CRC64 of what arrived is not the one of what was sent"));
}

Error Canceled() { return MakeError(ECANCELED, ErrorKind::kCanceled, "the call was canceled"); }

class MemoryStoreImpl final : public MemoryStore {
 public:
  explicit MemoryStoreImpl(Clock& clock) : clock_(clock) {}

  std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                      std::function<void(Status)> done) override {
    Count("get");
    return queue_.Add(latency_.load(),
                      [this, request = std::move(request), sink = std::move(sink), done = std::move(done)](
                          bool canceled) { done(canceled ? Status(Canceled()) : Deliver(request, *sink)); });
  }
  std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                      std::function<void(Result<WriteResult>)> done) override {
    Count("put");
    return queue_.Add(latency_.load(), [this, key = std::move(key), body = std::move(body),
                                        options = std::move(options), done = std::move(done)](bool canceled) {
      done(canceled ? Result<WriteResult>(Canceled()) : PutNow(key, body, options));
    });
  }
  std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string upload_id, int number,
                                             UploadBody body,
                                             std::function<void(Result<PartResult>)> done) override {
    Count("part");
    return queue_.Add(latency_.load(), [this, key = std::move(key), upload_id = std::move(upload_id), number,
                                        body = std::move(body), done = std::move(done)](bool canceled) {
      done(canceled ? Result<PartResult>(Canceled()) : PartNow(key, upload_id, number, body));
    });
  }

  Result<ObjectInfo> Head(const std::string& key) override {
    Begin("head");
    MutexLock lock(mutex_);
    return bucket_.Head(key);
  }
  Result<ListPage> List(const ListRequest& request) override {
    Begin("list");
    MutexLock lock(mutex_);
    return bucket_.List(request);
  }
  Result<WriteResult> Copy(const CopyRequest& request) override {
    Begin("copy");
    MutexLock lock(mutex_);
    return bucket_.Copy(request, Now());
  }
  Status Delete(const std::string& key) override {
    Begin("delete");
    MutexLock lock(mutex_);
    bucket_.Delete(key);
    return {};
  }
  Status DeleteMany(const std::vector<std::string>& keys) override {
    Begin("delete_many");
    if (keys.size() > 1000)
      return MakeError(EINVAL, ErrorKind::kInvalid, "delete of more than 1000 keys at once");
    MutexLock lock(mutex_);
    for (const std::string& key : keys) bucket_.Delete(key);
    return {};
  }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options) override {
    Begin("symlink");
    MutexLock lock(mutex_);
    return bucket_.PutSymlink(key, target, options, Now());
  }
  Result<std::string> GetSymlink(const std::string& key) override {
    Begin("get_symlink");
    MutexLock lock(mutex_);
    return bucket_.GetSymlink(key);
  }

  Result<std::string> GetTags(const std::string& key) override {
    Begin("get_tags");
    MutexLock lock(mutex_);
    return bucket_.GetTags(key);
  }

  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) override {
    Begin("initiate");
    MutexLock lock(mutex_);
    return bucket_.InitiateUpload(key, options, Now());
  }
  Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag, uint64_t offset,
                              uint64_t size) override {
    Begin("copy_part");
    MutexLock lock(mutex_);
    return bucket_.CopyPart(key, upload_id, number, source_key, source_etag, offset, size);
  }
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                     const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                     bool forbid_overwrite) override {
    Begin("complete");
    MutexLock lock(mutex_);
    auto result = bucket_.CompleteUpload(key, upload_id, parts, forbid_overwrite, Now());
    if (result) OSSFS2_RETURN_IF_ERROR(CompareCrc(crc64, result->crc64, "complete of " + key));
    return result;
  }
  Status AbortUpload(const std::string&, const std::string& upload_id) override {
    Begin("abort");
    MutexLock lock(mutex_);
    bucket_.AbortUpload(upload_id);
    return {};
  }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) override {
    Begin("list_parts");
    MutexLock lock(mutex_);
    return bucket_.ListParts(key, upload_id);
  }
  Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) override {
    Begin("list_uploads");
    MutexLock lock(mutex_);
    return bucket_.ListUploads(prefix);
  }
  Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                             const WriteOptions& options) override {
    Begin("append");
    std::string bytes = Join(body);
    MutexLock lock(mutex_);
    received_ += bytes.size();
    return bucket_.Append(key, position, std::move(bytes), options, Now());
  }
  Status Probe(const std::string&, std::chrono::milliseconds) override {
    Begin("probe");
    return {};
  }

  // Only data calls ever wait long here.
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) override {
    queue_.End(after, grace);
  }

  std::optional<std::string> Content(const std::string& key) const override {
    MutexLock lock(mutex_);
    const MemoryObject* object = bucket_.Find(key);
    if (object == nullptr) return std::nullopt;
    return *object->content;
  }
  void PutContent(const std::string& key, std::string content, Metadata metadata) override {
    MutexLock lock(mutex_);
    WriteOptions options;
    options.metadata = std::move(metadata);
    static_cast<void>(bucket_.Put(key, std::move(content), options, Now()));
  }
  std::optional<Metadata> MetadataOf(const std::string& key) const override {
    MutexLock lock(mutex_);
    const MemoryObject* object = bucket_.Find(key);
    if (object == nullptr) return std::nullopt;
    return object->metadata;
  }
  std::vector<std::string> Keys() const override {
    MutexLock lock(mutex_);
    return bucket_.Keys();
  }
  size_t OpenUploads() const override {
    MutexLock lock(mutex_);
    return bucket_.OpenUploads();
  }
  std::map<std::string, uint64_t> Requests() const override {
    MutexLock lock(mutex_);
    return requests_;
  }
  uint64_t BytesSent() const override {
    MutexLock lock(mutex_);
    return sent_;
  }
  uint64_t BytesReceived() const override {
    MutexLock lock(mutex_);
    return received_;
  }
  void ResetCounts() override {
    MutexLock lock(mutex_);
    requests_.clear();
    sent_ = received_ = 0;
  }
  void SetLatency(std::chrono::milliseconds latency) override { latency_ = latency; }
  void HoldData(bool hold) override { queue_.Hold(hold); }
  size_t HeldCalls() const override { return queue_.HeldCount(); }
  void ReleaseHeld(size_t count) override { queue_.Release(count); }

 private:
  int64_t Now() const { return clock_.NowWallNs() / 1'000'000'000; }
  void Count(const char* name) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++requests_[name];
  }
  void Begin(const char* name) {
    Count(name);
    const std::chrono::milliseconds latency = latency_;
    if (latency.count() > 0) std::this_thread::sleep_for(latency);
  }

  Result<WriteResult> PutNow(const std::string& key, const UploadBody& body, const WriteOptions& options) {
    std::string content = Join(body);
    MutexLock lock(mutex_);
    received_ += content.size();
    auto result = bucket_.Put(key, std::move(content), options, Now());
    if (result) OSSFS2_RETURN_IF_ERROR(CompareCrc(body.crc64, result->crc64, "put of " + key));
    return result;
  }
  Result<PartResult> PartNow(const std::string& key, const std::string& upload_id, int number,
                             const UploadBody& body) {
    std::string content = Join(body);
    MutexLock lock(mutex_);
    received_ += content.size();
    auto result = bucket_.PutPart(key, upload_id, number, std::move(content));
    if (result) OSSFS2_RETURN_IF_ERROR(CompareCrc(body.crc64, result->crc64, "part of " + key));
    return result;
  }

  Status Deliver(const GetRequest& request, DataSink& sink) EXCLUDES(mutex_) {
    Result<std::shared_ptr<const std::string>> content = [&] {
      MutexLock lock(mutex_);
      return bucket_.Get(request);
    }();
    if (!content) return content.error();
    for (uint64_t done = 0; done < request.size;) {
      const std::span<std::byte> buffer = sink.NextBuffer();
      if (buffer.empty()) return Canceled();
      const size_t size = std::min<uint64_t>(buffer.size(), request.size - done);
      std::memcpy(buffer.data(), (*content)->data() + request.offset + done, size);
      {
        MutexLock lock(mutex_);
        sent_ += size;
      }
      sink.OnBytes(size);
      done += size;
    }
    return {};
  }

  Clock& clock_;
  std::atomic<std::chrono::milliseconds> latency_{std::chrono::milliseconds(0)};
  mutable Mutex mutex_;
  MemoryBucket bucket_ GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> requests_ GUARDED_BY(mutex_);
  uint64_t sent_ GUARDED_BY(mutex_) = 0;
  uint64_t received_ GUARDED_BY(mutex_) = 0;
  MemoryCallQueue queue_;  // last: its thread uses the rest
};

}  // namespace

std::unique_ptr<MemoryStore> MakeMemoryStore(Clock& clock) {
  return std::make_unique<MemoryStoreImpl>(clock);
}

}  // namespace ossfs2::oss
