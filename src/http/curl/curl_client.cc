#include "http/curl/curl_client.h"

#include <cerrno>

#include "base/values/str.h"
#include "http/client/loop_set.h"
#include "http/curl/curl_loop.h"

namespace ossfs2::http {
namespace {

class CurlClient final : public HttpClient {
 public:
  Status Open(const HttpConfig& config) {
    // Never undone: libcurl may serve others in the process.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) return MakeError(ENOMEM, ErrorKind::kNoSpace, "libcurl could not be initialised");
    auto shared = std::make_shared<CurlShared>();
    shared->config = config;
    auto ca = FindCaBundle({config.ca_file, config.ca_dir});
    if (!ca) return std::move(ca.error());
    shared->ca = std::move(*ca);
    OSSFS2_RETURN_IF_ERROR(shared->sources.Set(config.source_addresses));
    const int threads = LoopThreads(config);
    for (int n = 0; n < threads; ++n) {
      auto loop = std::make_shared<CurlLoop>(shared, ConnectionShare(config, n, threads));
      loops_.Add(loop);
      OSSFS2_RETURN_IF_ERROR(loop->StartThread(StrCat("curl-", n)));
    }
    return {};
  }

  std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) override {
    return loops_.Start(std::make_shared<CurlCall>(std::move(request), std::move(sink), std::move(done)));
  }

 private:
  LoopSet<CurlLoop, CurlCall> loops_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> MakeCurlClient(const HttpConfig& config) {
  auto client = std::make_unique<CurlClient>();
  OSSFS2_RETURN_IF_ERROR(client->Open(config));
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace ossfs2::http
