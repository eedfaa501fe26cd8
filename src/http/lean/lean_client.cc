#include "http/lean/lean_client.h"

#include "base/values/str.h"
#include "http/client/loop_set.h"
#include "http/lean/lean_loop.h"

namespace ossfs2::http {
namespace {

class LeanClient final : public HttpClient {
 public:
  Status Open(const HttpConfig& config, Resolver::Lookup lookup) {
    auto shared = std::make_shared<LeanShared>(config, std::move(lookup));
    OSSFS2_RETURN_IF_ERROR(shared->sources.Set(config.source_addresses));
    if (!config.ca_file.empty() || !config.ca_dir.empty()) {
      // What a user can get wrong shows now, not at the first request.
      if (auto tls = shared->Tls(); !tls) return std::move(tls.error());
    }
    const int threads = LoopThreads(config);
    for (int n = 0; n < threads; ++n) {
      auto loop = std::make_shared<LeanLoop>(shared, ConnectionShare(config, n, threads));
      loops_.Add(loop);
      OSSFS2_RETURN_IF_ERROR(loop->StartThread(StrCat("http-", n)));
    }
    return {};
  }

  std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) override {
    auto call = std::make_shared<LeanCall>();
    call->request = std::move(request);
    call->sink = std::move(sink);
    call->done = std::move(done);
    return loops_.Start(std::move(call));
  }

 private:
  LoopSet<LeanLoop, LeanCall> loops_;
};

}  // namespace

Result<TlsContext*> LeanShared::Tls() {
  MutexLock lock(tls_mutex_);
  if (tls_ == nullptr) {
    auto made = TlsContext::Make({config.ca_file, config.ca_dir});
    if (!made) return std::move(made.error());
    tls_ = std::move(*made);
  }
  return tls_.get();
}

Result<std::unique_ptr<HttpClient>> MakeLeanClient(const HttpConfig& config, Resolver::Lookup lookup) {
  auto client = std::make_unique<LeanClient>();
  OSSFS2_RETURN_IF_ERROR(client->Open(config, lookup ? std::move(lookup) : Resolver::SystemLookup(config.ipv6)));
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace ossfs2::http
