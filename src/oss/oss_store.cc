#include "oss/oss_store.h"

#include "oss/exchange/get_exchange.h"
#include "oss/exchange/oss_context.h"
#include "oss/operations/operations.h"
#include "oss/operations/orphan_uploads.h"

namespace ossfs2::oss {
namespace {

// Only hands each verb to its file.
class OssStoreImpl final : public ObjectStore {
 public:
  OssStoreImpl(http::HttpClient& http, CredentialProvider& credentials, const OssConfig& config,
               Endpoint endpoint, Clock& clock)
      : context_(http, credentials, config, std::move(endpoint), clock) {
    orphans_ = std::make_unique<OrphanUploads>(context_);
  }
  ~OssStoreImpl() override {
    orphans_->Finish();
    context_.Stop();
  }

  std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                      std::function<void(Status)> done) override {
    return StartGet(context_, std::move(request), std::move(sink), std::move(done));
  }
  std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                      std::function<void(Result<WriteResult>)> done) override {
    return StartPut(context_, std::move(key), std::move(body), std::move(options), std::move(done));
  }
  std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string upload_id, int number,
                                             UploadBody body,
                                             std::function<void(Result<PartResult>)> done) override {
    return StartPart(context_, std::move(key), std::move(upload_id), number, std::move(body),
                     std::move(done));
  }

  Result<ObjectInfo> Head(const std::string& key) override { return RunHead(context_, key); }
  Result<ListPage> List(const ListRequest& request) override { return RunList(context_, request); }
  Result<WriteResult> Copy(const CopyRequest& request) override { return RunCopy(context_, request); }
  Status Delete(const std::string& key) override { return RunDelete(context_, key); }
  Status DeleteMany(const std::vector<std::string>& keys) override { return RunDeleteMany(context_, keys); }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options) override {
    return RunPutSymlink(context_, key, target, options);
  }
  Result<std::string> GetSymlink(const std::string& key) override { return RunGetSymlink(context_, key); }
  Result<std::string> GetTags(const std::string& key) override { return RunGetTags(context_, key); }

  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) override {
    return RunInitiate(context_, *orphans_, key, options);
  }
  Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag, uint64_t offset,
                              uint64_t size) override {
    return RunCopyPart(context_, key, upload_id, number, source_key, source_etag, offset, size);
  }
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                     const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                     bool forbid_overwrite) override {
    return RunComplete(context_, key, upload_id, parts, crc64, forbid_overwrite);
  }
  Status AbortUpload(const std::string& key, const std::string& upload_id) override {
    return RunAbort(context_, key, upload_id);
  }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) override {
    return RunListParts(context_, key, upload_id);
  }
  Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) override {
    return RunListUploads(context_, prefix);
  }
  Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                             const WriteOptions& options) override {
    return RunAppend(context_, key, position, body, options);
  }
  Status Probe(const std::string& prefix, std::chrono::milliseconds deadline) override {
    return RunProbe(context_, prefix, deadline);
  }
  bool HasOwnEncryption() const override { return !context_.config.sse.empty(); }
  bool HasOwnTags() const override { return !context_.config.tagging.empty(); }
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) override {
    context_.timer.After(after, [this] { orphans_->GiveUp(); });
    context_.EndCalls(after, grace);
  }

 private:
  std::unique_ptr<OrphanUploads> orphans_;  // before context_, whose threads use it to their end
  OssContext context_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> MakeOssStore(http::HttpClient& http, CredentialProvider& credentials,
                                                  const OssConfig& config, Clock& clock) {
  auto endpoint = MakeEndpoint(config);
  if (!endpoint) return endpoint.error();
  return std::unique_ptr<ObjectStore>(
      std::make_unique<OssStoreImpl>(http, credentials, config, std::move(*endpoint), clock));
}

}  // namespace ossfs2::oss
