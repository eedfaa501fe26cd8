// CrashStore: the bucket of a process that dies at one of its requests.
//
// Passes `survive` requests on; the next one takes effect or not, and from then on the process is
// dead: every request fails, and the journal is as it was at that moment.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ossfs2/object_store.h"

namespace ossfs2 {

class CrashStore final : public ObjectStore {
 public:
  CrashStore(ObjectStore& store, int survive, bool last_takes_effect, std::string journal, std::string snapshot)
      : store_(store),
        left_(survive),
        effect_(last_takes_effect),
        journal_(std::move(journal)),
        snapshot_(std::move(snapshot)) {}

  bool crashed() const { return dead_; }

  std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                      std::function<void(Status)> done) override {
    if (!Alive()) return Dead<Status>(done);
    return store_.GetAsync(std::move(request), std::move(sink), std::move(done));
  }
  std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                      std::function<void(Result<WriteResult>)> done) override {
    const Fate fate = Ask();
    if (fate == Fate::kDead) return Dead<Result<WriteResult>>(done);
    return store_.PutAsync(std::move(key), std::move(body), std::move(options), Lose(fate, std::move(done)));
  }
  std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string upload_id, int number, UploadBody body,
                                             std::function<void(Result<PartResult>)> done) override {
    const Fate fate = Ask();
    if (fate == Fate::kDead) return Dead<Result<PartResult>>(done);
    return store_.UploadPartAsync(std::move(key), std::move(upload_id), number, std::move(body),
                                  Lose(fate, std::move(done)));
  }
  Result<ObjectInfo> Head(const std::string& key) override {
    return Call<Result<ObjectInfo>>([&] { return store_.Head(key); });
  }
  Result<ListPage> List(const ListRequest& request) override {
    return Call<Result<ListPage>>([&] { return store_.List(request); });
  }
  Result<WriteResult> Copy(const CopyRequest& request) override {
    return Call<Result<WriteResult>>([&] { return store_.Copy(request); });
  }
  Status Delete(const std::string& key) override {
    return Call<Status>([&] { return store_.Delete(key); });
  }
  Status DeleteMany(const std::vector<std::string>& keys) override {
    return Call<Status>([&] { return store_.DeleteMany(keys); });
  }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options) override {
    return Call<Result<WriteResult>>([&] { return store_.PutSymlink(key, target, options); });
  }
  Result<std::string> GetSymlink(const std::string& key) override {
    return Call<Result<std::string>>([&] { return store_.GetSymlink(key); });
  }
  Result<std::string> GetTags(const std::string& key) override {
    return Call<Result<std::string>>([&] { return store_.GetTags(key); });
  }
  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) override {
    return Call<Result<std::string>>([&] { return store_.InitiateUpload(key, options); });
  }
  Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag, uint64_t offset,
                              uint64_t size) override {
    return Call<Result<PartResult>>(
        [&] { return store_.CopyPart(key, upload_id, number, source_key, source_etag, offset, size); });
  }
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                     const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                     bool forbid_overwrite) override {
    return Call<Result<WriteResult>>(
        [&] { return store_.CompleteUpload(key, upload_id, parts, crc64, forbid_overwrite); });
  }
  Status AbortUpload(const std::string& key, const std::string& upload_id) override {
    return Call<Status>([&] { return store_.AbortUpload(key, upload_id); });
  }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) override {
    return Call<Result<std::vector<PartResult>>>([&] { return store_.ListParts(key, upload_id); });
  }
  Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) override {
    return Call<Result<std::vector<UploadInfo>>>([&] { return store_.ListUploads(prefix); });
  }
  Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                             const WriteOptions& options) override {
    return Call<Result<WriteResult>>([&] { return store_.Append(key, position, body, options); });
  }
  Status Probe(const std::string& prefix, std::chrono::milliseconds deadline) override {
    return store_.Probe(prefix, deadline);
  }
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) override {
    store_.EndCalls(after, grace);
  }

 private:
  enum class Fate { kAlive, kDead, kLast };

  static Error DeadError() { return MakeError(EIO, ErrorKind::kUnavailable, "the process is dead"); }

  Fate Ask() {
    std::lock_guard lock(mutex_);
    if (dead_) return Fate::kDead;
    if (left_-- > 0) return Fate::kAlive;
    dead_ = true;
    TakeSnapshot();
    return effect_ ? Fate::kLast : Fate::kDead;
  }
  // Other threads replace their records meanwhile, by a rename: a copy in which nothing went missing is of one moment.
  void TakeSnapshot() const {
    std::error_code error;
    for (int attempt = 0; attempt < 1000; ++attempt) {
      std::filesystem::remove_all(snapshot_);
      std::filesystem::create_directories(snapshot_);
      if (!std::filesystem::exists(journal_)) return;
      std::filesystem::copy(journal_, snapshot_, std::filesystem::copy_options::recursive, error);
      if (!error) return;
    }
    throw std::filesystem::filesystem_error("the journal changes all the time", journal_, error);
  }
  bool Alive() { return Ask() == Fate::kAlive; }

  template <class T>
  T Call(const std::function<T()>& call) {
    const Fate fate = Ask();
    if (fate == Fate::kDead) return DeadError();
    T result = call();
    if (fate == Fate::kLast) return DeadError();
    return result;
  }
  template <class T>
  static std::function<void(T)> Lose(Fate fate, std::function<void(T)> done) {
    if (fate == Fate::kAlive) return done;
    return [done = std::move(done)](const T&) { done(DeadError()); };
  }
  template <class T>
  std::shared_ptr<StoreCall> Dead(const std::function<void(T)>& done) {
    struct Nothing final : StoreCall {
      void Cancel() override {}
    };
    done(DeadError());
    return std::make_shared<Nothing>();
  }

  ObjectStore& store_;
  std::mutex mutex_;
  int left_;
  std::atomic<bool> dead_{false};
  const bool effect_;
  const std::string journal_;
  const std::string snapshot_;
};

}  // namespace ossfs2
