// MakeHttpClient: lean for plain HTTP without proxy, libcurl for the rest. Each is made
// when the first request needs it, so that a mount runs the threads of one only.
#include <cerrno>

#include "base/mutex.h"
#include "http/curl_client.h"
#include "http/lean_client.h"
#include "http/source_addresses.h"

namespace ossfs2::http {
namespace {

class NoCall final : public Call {
 public:
  void Cancel() override {}
};

class ChoosingClient final : public HttpClient {
 public:
  explicit ChoosingClient(const HttpConfig& config) : config_(config) {}

  std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) override {
    const bool lean = !request.tls && config_.lean_plain_http && config_.proxy.empty();
    auto client = Get(lean);
    if (client) return (*client)->Start(std::move(request), std::move(sink), std::move(done));
    done(std::move(client.error()));  // out of threads or descriptors
    return std::make_shared<NoCall>();
  }

  Result<HttpClient*> Get(bool lean) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    auto& slot = lean ? lean_ : curl_;
    if (slot == nullptr) {
      auto made = lean ? MakeLeanClient(config_) : MakeCurlClient(config_);
      if (!made) return std::move(made.error());
      slot = std::move(*made);
    }
    return slot.get();
  }

 private:
  const HttpConfig config_;
  Mutex mutex_;
  std::unique_ptr<HttpClient> lean_ GUARDED_BY(mutex_);
  std::unique_ptr<HttpClient> curl_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<HttpClient>> MakeHttpClient(const HttpConfig& config) {
  // What a user can get wrong shows now, not at the first request.
  OSSFS2_RETURN_IF_ERROR(SourceAddresses().Set(config.source_addresses));
  const bool configured_tls = !config.ca_file.empty() || !config.ca_dir.empty();
  auto client = std::make_unique<ChoosingClient>(config);
  if (configured_tls || !config.proxy.empty() || !config.lean_plain_http) {
    auto curl = client->Get(false);
    if (!curl) return std::move(curl.error());
  }
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace ossfs2::http
