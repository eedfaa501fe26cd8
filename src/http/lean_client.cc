#include "http/lean_client.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/str.h"
#include "http/lean_loop.h"

namespace ossfs2::http {
namespace {

class LeanHandle final : public Call {
 public:
  LeanHandle(const std::shared_ptr<LeanLoop>& loop, std::shared_ptr<LeanCall> call)
      : loop_(loop), call_(std::move(call)) {}
  void Cancel() override {
    if (const auto loop = loop_.lock()) loop->Cancel(call_);
  }

 private:
  const std::weak_ptr<LeanLoop> loop_;
  const std::shared_ptr<LeanCall> call_;
};

class LeanClient final : public HttpClient {
 public:
  ~LeanClient() override {
    for (const auto& loop : loops_) loop->Shutdown();
  }

  Status Open(const HttpConfig& config, Resolver::Lookup lookup) {
    auto shared = std::make_shared<LeanShared>(config, std::move(lookup));
    OSSFS2_RETURN_IF_ERROR(shared->sources.Set(config.source_addresses));
    if (!config.ca_file.empty() || !config.ca_dir.empty()) {
      // What a user can get wrong shows now, not at the first request.
      if (auto tls = shared->Tls(); !tls) return std::move(tls.error());
    }
    const int threads = LoopThreads(config);
    for (int n = 0; n < threads; ++n) {
      loops_.push_back(std::make_shared<LeanLoop>(shared, ConnectionShare(config, n, threads)));
      OSSFS2_RETURN_IF_ERROR(loops_.back()->StartThread(StrCat("http-", n)));
    }
    return {};
  }

  std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) override {
    auto call = std::make_shared<LeanCall>();
    call->request = std::move(request);
    call->sink = std::move(sink);
    call->done = std::move(done);
    LeanLoop* best = loops_.front().get();
    for (const auto& loop : loops_) {
      if (loop->load() < best->load() || (loop->load() == best->load() && loop->InLoop())) best = loop.get();
    }
    auto handle = std::make_shared<LeanHandle>(best->shared_from_this(), call);
    best->Start(std::move(call));
    return handle;
  }

 private:
  std::vector<std::shared_ptr<LeanLoop>> loops_;
};

}  // namespace

Result<TlsContext*> LeanShared::Tls() {
  MutexLock lock(tls_mutex_);
  if (tls_ == nullptr) {
    auto made = TlsContext::Make(config);
    if (!made) return std::move(made.error());
    tls_ = std::move(*made);
  }
  return tls_.get();
}

int LoopThreads(const HttpConfig& config) {
  // One thread receives about 2.5 GB/s; 32 cores with 16 of them reach 16 GB/s (docs/results).
  constexpr int kDefaultMax = 16;
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int asked = config.loop_threads > 0 ? config.loop_threads : std::clamp(cores / 2, 2, kDefaultMax);
  return std::max(1, std::min(asked, config.connections_max));
}

size_t ConnectionShare(const HttpConfig& config, int index, int loops) {
  const int all = std::max(config.connections_max, loops);
  return static_cast<size_t>(all / loops + (index < all % loops ? 1 : 0));
}

Result<std::unique_ptr<HttpClient>> MakeLeanClient(const HttpConfig& config, Resolver::Lookup lookup) {
  auto client = std::make_unique<LeanClient>();
  OSSFS2_RETURN_IF_ERROR(client->Open(config, lookup ? std::move(lookup) : Resolver::SystemLookup(config.ipv6)));
  return std::unique_ptr<HttpClient>(std::move(client));
}

}  // namespace ossfs2::http
