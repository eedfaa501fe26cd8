#include "http/curl_client.h"

#include <vector>

#include "base/str.h"
#include "http/curl_loop.h"
#include "http/lean_client.h"

namespace ossfs2::http {
namespace {

class CurlHandle final : public Call {
 public:
  CurlHandle(const std::shared_ptr<CurlLoop>& loop, std::shared_ptr<CurlCall> call)
      : loop_(loop), call_(std::move(call)) {}
  void Cancel() override {
    if (const auto loop = loop_.lock()) loop->Cancel(call_);
  }

 private:
  const std::weak_ptr<CurlLoop> loop_;
  const std::shared_ptr<CurlCall> call_;
};

class CurlClient final : public HttpClient {
 public:
  ~CurlClient() override {
    for (const auto& loop : loops_) loop->Shutdown();
  }

  Status Open(const HttpConfig& config) {
    // Never undone: libcurl may serve others in the process.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) return MakeError(12, ErrorKind::kNoSpace, "libcurl could not be initialised");
    auto shared = std::make_shared<CurlShared>();
    shared->config = config;
    auto ca = FindCaBundle(config);
    if (!ca) return std::move(ca.error());
    shared->ca = std::move(*ca);
    OSSFS2_RETURN_IF_ERROR(shared->sources.Set(config.source_addresses));
    const int threads = LoopThreads(config);
    for (int n = 0; n < threads; ++n) {
      loops_.push_back(std::make_shared<CurlLoop>(shared, ConnectionShare(config, n, threads)));
      OSSFS2_RETURN_IF_ERROR(loops_.back()->StartThread(StrCat("curl-", n)));
    }
    return {};
  }

  std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) override {
    auto call = std::make_shared<CurlCall>(std::move(request), std::move(sink), std::move(done));
    CurlLoop* best = loops_.front().get();
    for (const auto& loop : loops_) {
      if (loop->load() < best->load() || (loop->load() == best->load() && loop->InLoop())) best = loop.get();
    }
    auto handle = std::make_shared<CurlHandle>(best->shared_from_this(), call);
    best->Start(std::move(call));
    return handle;
  }

 private:
  std::vector<std::shared_ptr<CurlLoop>> loops_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> MakeCurlClient(const HttpConfig& config) {
  auto client = std::make_unique<CurlClient>();
  OSSFS2_RETURN_IF_ERROR(client->Open(config));
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace ossfs2::http
