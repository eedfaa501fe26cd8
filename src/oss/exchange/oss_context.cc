#include "oss/exchange/oss_context.h"

#include "base/report/log.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr uint64_t kSlowestBytesPerSecond = 256 << 10;
constexpr size_t kSigningHeadersMax = 5;  // payer, token, date, payload hash, authorization

OssConfig WithUserAgent(OssConfig config) {
  if (config.user_agent.empty()) config.user_agent = "ossfs2/" OSSFS2_VERSION;
  return config;
}

}  // namespace

OssContext::OssContext(http::HttpClient& http_client, CredentialProvider& credential_provider,
                       OssConfig oss_config, Endpoint oss_endpoint, Clock& time)
    : http(http_client),
      credentials(credential_provider),
      config(WithUserAgent(std::move(oss_config))),
      shared_endpoint(std::make_shared<const Endpoint>(std::move(oss_endpoint))),
      endpoint(*shared_endpoint),
      clock(time) {}

RequestNames OssContext::Names(const OssRequest& request) const {
  return {request.operation, request.key, endpoint.bucket, endpoint.text, request.source};
}

std::chrono::milliseconds OssContext::TimeoutOf(const OssRequest& request) const {
  return request.timeout.count() > 0 ? request.timeout : config.request_timeout.value();
}

std::chrono::milliseconds OssContext::AllowanceOf(const OssRequest& request) {
  uint64_t bytes = 0;
  for (const auto& span : request.body) bytes += span.size();
  return std::chrono::milliseconds(bytes * 1000 / kSlowestBytesPerSecond);
}

http::Request OssContext::Build(OssRequest request, const KeySet& keys, SteadyTime deadline) const {
  SignableRequest signable{std::move(request.method), endpoint.bucket, std::move(request.key),
                           std::move(request.query), std::move(request.headers)};
  signable.headers.reserve(signable.headers.size() + kSigningHeadersMax);
  if (config.requester_pays) signable.headers.emplace_back("x-oss-request-payer", "requester");
  SignRequest(signable, keys, endpoint.signature, endpoint.region,
              clock.NowWallNs() / 1'000'000'000 + clock_offset_s_.load(std::memory_order_relaxed), &signing_keys_);
  http::Request out;
  out.method = std::move(signable.method);
  out.tls = endpoint.tls;
  out.host = endpoint.host;
  out.port = endpoint.port;
  out.target = endpoint.Target(signable.key, signable.query);
  out.headers.reserve(signable.headers.size() + 1);
  for (auto& [name, value] : signable.headers) out.headers.push_back({std::move(name), std::move(value)});
  out.headers.push_back({"user-agent", config.user_agent});
  out.body = std::move(request.body);
  if (request.text_body != nullptr) {
    out.body = {std::as_bytes(std::span(request.text_body->data(), request.text_body->size()))};
  }
  out.connect_timeout = config.connect_timeout;
  out.stall_timeout = request.stall_timeout.count() > 0 ? request.stall_timeout : config.stall_timeout.value();
  out.deadline = deadline;
  return out;
}

bool OssContext::AwaitsKeys() {
  return credentials.CanChange() && served_keys.Awaited(clock.NowSteady()) > std::chrono::nanoseconds(0);
}

Status OssContext::RefreshKeys(const SharedKeys& used, Error refused) {
  const Status refreshed = credentials.ForceRefresh(used != nullptr ? *used : KeySet());
  if (refreshed) return {};
  std::string reason = refreshed.error().text;
  // One sentence of advice is enough; the source's stands beside what it is about.
  constexpr std::string_view kAdvice = ". Next: ";
  if (const size_t at = reason.find(kAdvice); at != std::string::npos)
    reason.replace(at, kAdvice.size(), " (").push_back(')');
  refused.text += StrCat(" A refresh of the credentials gave nothing new: ", reason, ".");
  refused.retryable = refreshed.error().retryable;
  if (refused.retryable || !AwaitsKeys()) return refused;
  refused.retryable = true;
  LogLimited(LogLevel::kWarning,
             StrCat("the service refuses the keys of ", credentials.Describe(), ", which it took until now (",
                    refused.oss_code, "); for ", ServedKeys::kAwaited.count(),
                    " s requests wait for others. Next: put the new keys there; those of a config file are taken "
                    "at SIGHUP"));
  return refused;
}

void OssContext::LearnClock(int64_t date_s) {
  const int64_t offset_s = date_s - clock.NowWallNs() / 1'000'000'000;
  clock_offset_s_.store(offset_s, std::memory_order_relaxed);
  // The service refuses at 15 minutes: this little is a clock that was corrected.
  if (offset_s > -60 && offset_s < 60) {
    LogLimited(LogLevel::kInfo, "the clock of this machine and the service's agree again");
    return;
  }
  LogLimited(LogLevel::kWarning,
             StrCat("the clock of this machine differs from the service's by ", offset_s,
                    " s; requests are signed with the service's time. Next: timedatectl set-ntp true"));
}

double OssContext::Random() {
  MutexLock lock(mutex_);
  return std::uniform_real_distribution<double>(0.0, 1.0)(random_);
}

std::string OssContext::RandomText() {
  // Two hosts must not draw the same, so it does not come from the seeded generator.
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const uint64_t word = RandomSeed();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return HexEncode(bytes);
}

bool OssContext::Register(StoreCall* call, std::weak_ptr<StoreCall> weak) {
  MutexLock lock(mutex_);
  active_.emplace(call, std::move(weak));
  return !refusing_;
}

void OssContext::Unregister(StoreCall* call) {
  MutexLock lock(mutex_);
  active_.erase(call);
  if (active_.empty()) all_gone_.NotifyAll();
}

void OssContext::CancelActive() {
  std::vector<std::shared_ptr<StoreCall>> calls;
  {
    MutexLock lock(mutex_);
    for (const auto& [raw, weak] : active_) {
      if (auto call = weak.lock()) calls.push_back(std::move(call));
    }
  }
  for (const auto& call : calls) call->Cancel();
}

void OssContext::Refuse() {
  MutexLock lock(mutex_);
  refusing_ = true;
}

void OssContext::EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) {
  timer.After(after, [this, grace] {
    timer.After(grace, [this] {
      Refuse();
      CancelActive();
    });
    CancelActive();
  });
}

void OssContext::Stop() {
  Refuse();
  CancelActive();
  {
    MutexLock lock(mutex_);
    while (!active_.empty()) all_gone_.Wait(lock);
  }
  executor.Shutdown();
}

}  // namespace ossfs2::oss
