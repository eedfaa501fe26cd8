#include "oss/fakes/fault_store.h"

#include <cerrno>
#include <list>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/threads/executor.h"
#include "base/threads/mutex.h"

namespace ossfs2::oss {
namespace {

class NoCall final : public StoreCall {
 public:
  void Cancel() override {}  // the failure is on its way already
};

// The answer with another CRC64 than it has, for those that tell one.
template <class Answer>
Answer WithWrongCrc(Answer answer) {
  if constexpr (std::is_same_v<Answer, Result<WriteResult>> || std::is_same_v<Answer, Result<PartResult>>)
    if (answer) answer->crc64 = ~answer->crc64.value_or(0);
  return answer;
}

class FaultStoreImpl final : public FaultStore {
 public:
  explicit FaultStoreImpl(ObjectStore& wrapped) : wrapped_(wrapped) {}
  ~FaultStoreImpl() override { executor_.Shutdown(); }

  void AddRule(FaultRule rule) override {
    MutexLock lock(mutex_);
    rules_.push_back(std::move(rule));
  }
  void ClearRules() override {
    MutexLock lock(mutex_);
    rules_.clear();
  }
  uint64_t FaultsInjected() const override {
    MutexLock lock(mutex_);
    return injected_;
  }

  std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                      std::function<void(Status)> done) override {
    const std::optional<FaultRule> fault = Match("get", request.key);
    if (!fault) return wrapped_.GetAsync(std::move(request), std::move(sink), std::move(done));
    if (fault->bytes_before > 0)
      request.size = std::min(request.size, static_cast<uint64_t>(fault->bytes_before));
    if (!fault->after_effect && fault->bytes_before <= 0) return FailLater<Status>(*fault, std::move(done));
    return wrapped_.GetAsync(std::move(request), std::move(sink), Replace<Status>(*fault, std::move(done)));
  }
  std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                      std::function<void(Result<WriteResult>)> done) override {
    const std::optional<FaultRule> fault = Match("put", key);
    if (fault && !IsMade(*fault)) return FailLater<Result<WriteResult>>(*fault, std::move(done));
    if (fault) done = Replace<Result<WriteResult>>(*fault, std::move(done));
    return wrapped_.PutAsync(std::move(key), std::move(body), std::move(options), std::move(done));
  }
  std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string upload_id, int number,
                                             UploadBody body,
                                             std::function<void(Result<PartResult>)> done) override {
    const std::optional<FaultRule> fault = Match("part", key);
    if (fault && !IsMade(*fault)) return FailLater<Result<PartResult>>(*fault, std::move(done));
    if (fault) done = Replace<Result<PartResult>>(*fault, std::move(done));
    return wrapped_.UploadPartAsync(std::move(key), std::move(upload_id), number, std::move(body),
                                    std::move(done));
  }

  Result<ObjectInfo> Head(const std::string& key) override {
    return Call("head", key, [&] { return wrapped_.Head(key); });
  }
  Result<ListPage> List(const ListRequest& request) override {
    return Call("list", request.prefix, [&] { return wrapped_.List(request); });
  }
  Result<WriteResult> Copy(const CopyRequest& request) override {
    return Call("copy", request.target_key, [&] { return wrapped_.Copy(request); });
  }
  Status Delete(const std::string& key) override {
    return Call("delete", key, [&] { return wrapped_.Delete(key); });
  }
  Status DeleteMany(const std::vector<std::string>& keys) override {
    // One request has many keys: the rule may name any of them.
    std::string all;
    for (const std::string& key : keys) all.append(key).append("\n");
    return Call("delete_many", all, [&] { return wrapped_.DeleteMany(keys); });
  }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options) override {
    return Call("symlink", key, [&] { return wrapped_.PutSymlink(key, target, options); });
  }
  Result<std::string> GetSymlink(const std::string& key) override {
    return Call("get_symlink", key, [&] { return wrapped_.GetSymlink(key); });
  }
  Result<std::string> GetTags(const std::string& key) override {
    return Call("get_tags", key, [&] { return wrapped_.GetTags(key); });
  }
  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) override {
    return Call("initiate", key, [&] { return wrapped_.InitiateUpload(key, options); });
  }
  Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag, uint64_t offset,
                              uint64_t size) override {
    return Call("copy_part", key, [&] {
      return wrapped_.CopyPart(key, upload_id, number, source_key, source_etag, offset, size);
    });
  }
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                     const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                     bool forbid_overwrite) override {
    return Call(
        "complete", key, [&] { return wrapped_.CompleteUpload(key, upload_id, parts, crc64, forbid_overwrite); },
        crc64.has_value());
  }
  Status AbortUpload(const std::string& key, const std::string& upload_id) override {
    return Call("abort", key, [&] { return wrapped_.AbortUpload(key, upload_id); });
  }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) override {
    return Call("list_parts", key, [&] { return wrapped_.ListParts(key, upload_id); });
  }
  Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) override {
    return Call("list_uploads", prefix, [&] { return wrapped_.ListUploads(prefix); });
  }
  Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                             const WriteOptions& options) override {
    return Call("append", key, [&] { return wrapped_.Append(key, position, body, options); });
  }
  Status Probe(const std::string& prefix, std::chrono::milliseconds deadline) override {
    return Call("probe", prefix, [&] { return wrapped_.Probe(prefix, deadline); });
  }
  bool HasOwnEncryption() const override { return wrapped_.HasOwnEncryption(); }
  bool HasOwnTags() const override { return wrapped_.HasOwnTags(); }
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) override {
    wrapped_.EndCalls(after, grace);
  }

 private:
  // The rule that fails this call.
  std::optional<FaultRule> Match(const std::string& operation, const std::string& key) EXCLUDES(mutex_) {
    std::optional<FaultRule> rule = Use(operation, key);
    if (!rule || !rule->meanwhile) return rule;
    rule->meanwhile();
    return std::nullopt;
  }

  // The rule that decides this call, used once by it.
  std::optional<FaultRule> Use(const std::string& operation, const std::string& key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (FaultRule& rule : rules_) {
      if (rule.operation != "*" && rule.operation != operation) continue;
      if (key.find(rule.key_part) == std::string::npos || rule.count == 0) continue;
      if (rule.skip > 0) {
        --rule.skip;
        return std::nullopt;
      }
      if (rule.count > 0) --rule.count;
      if (!rule.meanwhile && !rule.afterwards) ++injected_;
      return rule;
    }
    return std::nullopt;
  }

  // Whether the wrapped call is made under the rule.
  static bool IsMade(const FaultRule& fault) { return fault.after_effect || fault.wrong_crc64; }

  // `compares`: the store would find a wrong CRC64 of the answer itself.
  template <class Function>
  std::invoke_result_t<Function> Call(const std::string& operation, const std::string& key, Function function,
                                      bool compares = false) {
    const std::optional<FaultRule> fault = Match(operation, key);
    if (!fault) return function();
    if (fault->afterwards) {
      auto answer = function();
      fault->afterwards();
      return answer;
    }
    if (fault->wrong_crc64) {
      auto answer = function();
      if (answer && compares) return MakeError(EIO, ErrorKind::kCorrupt, operation + " of " + key + ": another CRC64");
      return WithWrongCrc(std::move(answer));
    }
    using Answer = std::invoke_result_t<Function>;
    if constexpr (std::is_same_v<Answer, Result<WriteResult>>) {
      if (fault->bend) {
        Answer answer = function();
        if (answer) fault->bend(*answer);
        return answer;
      }
    }
    if (fault->after_effect) static_cast<void>(function());
    return fault->error;
  }

  template <class Answer>
  std::shared_ptr<StoreCall> FailLater(const FaultRule& fault, std::function<void(Answer)> done) {
    executor_.Run([error = fault.error, done = std::move(done)] { done(Answer(error)); });
    return std::make_shared<NoCall>();
  }
  template <class Answer>
  static std::function<void(Answer)> Replace(const FaultRule& fault, std::function<void(Answer)> done) {
    if (fault.wrong_crc64)
      return [done = std::move(done)](Answer answer) { done(WithWrongCrc(std::move(answer))); };
    return [error = fault.error, done = std::move(done)](const Answer&) { done(Answer(error)); };
  }

  ObjectStore& wrapped_;
  mutable Mutex mutex_;
  std::list<FaultRule> rules_ GUARDED_BY(mutex_);
  uint64_t injected_ GUARDED_BY(mutex_) = 0;
  Executor executor_{"faults", 1};  // done never runs inside the call that it ends
};

}  // namespace

std::unique_ptr<FaultStore> MakeFaultStore(ObjectStore& wrapped) {
  return std::make_unique<FaultStoreImpl>(wrapped);
}

}  // namespace ossfs2::oss
