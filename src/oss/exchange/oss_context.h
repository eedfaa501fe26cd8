// OssContext: what all operations of an OssStore share: client, keys, clock offset, metrics, timer.
//
// Thread-safe. Operations in flight are registered; Stop cancels them and waits until all have ended, so that
// they may use the context without owning it. EndCalls only cancels them, at a given time (ObjectStore::EndCalls).
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/threads/executor.h"
#include "base/threads/mutex.h"
#include "base/threads/timer.h"
#include "base/time/clock.h"
#include "base/values/random.h"
#include "http/client/http_client.h"
#include "oss/credentials/credentials.h"
#include "oss/credentials/served_keys.h"
#include "oss/exchange/body_pace.h"
#include "oss/exchange/hedge_policy.h"
#include "oss/exchange/oss_metrics.h"
#include "oss/exchange/version_watch.h"
#include "oss/protocol/endpoint.h"
#include "oss/protocol/error_table.h"
#include "oss/protocol/oss_config.h"
#include "oss/signing/signing_key_cache.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// One operation of the protocol, before signing.
struct OssRequest {
  std::string operation;  // a name of MemoryStore::Requests, for texts and metrics
  std::string method;
  std::string key;
  std::string source;  // of a copy, for texts
  NameValues query;
  NameValues headers;
  std::vector<std::span<const std::byte>> body;
  std::shared_ptr<const std::string> text_body;  // in place of body: owned by the request
  std::chrono::milliseconds timeout{0};          // 0: request_timeout
  std::chrono::milliseconds stall_timeout{0};    // 0: the configured one
  int attempts_max = 0;                          // 0: until the deadline
  bool repeat_when_lost = true;                  // false: a lost answer ends the operation
};

class OssContext {
 public:
  OssContext(http::HttpClient& http_client, CredentialProvider& credential_provider, OssConfig oss_config,
             Endpoint oss_endpoint, Clock& time);
  ~OssContext() { Stop(); }

  // Signs with the keys and the learned clock and gives what goes to the HTTP client.
  http::Request Build(OssRequest request, const KeySet& keys, SteadyTime deadline) const;
  RequestNames Names(const OssRequest& request) const;
  // Of an operation; and what the body needs besides, while its bytes move.
  std::chrono::milliseconds TimeoutOf(const OssRequest& request) const;
  static std::chrono::milliseconds AllowanceOf(const OssRequest& request);

  // After an answer that refused the keys: whether others may come (served_keys.h).
  bool AwaitsKeys();
  // After the same. Without others the error is `refused`, which says so then; it is
  // retryable when there may be others later. Blocks.
  Status RefreshKeys(const SharedKeys& used, Error refused);
  // From the Date of an answer.
  void LearnClock(int64_t date_s);
  bool IsShortOfProcessors() const { return config.is_short_of_processors && config.is_short_of_processors(); }
  double Random() EXCLUDES(mutex_);  // [0, 1)
  static std::string RandomText();   // 32 hex digits

  // False after Stop or the end of EndCalls' grace: the operation must end as canceled at once.
  bool Register(StoreCall* call, std::weak_ptr<StoreCall> weak) EXCLUDES(mutex_);
  void Unregister(StoreCall* call) EXCLUDES(mutex_);
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) EXCLUDES(mutex_);
  void Stop() EXCLUDES(mutex_);

  http::HttpClient& http;
  CredentialProvider& credentials;
  const OssConfig config;
  const std::shared_ptr<const Endpoint> shared_endpoint;  // for those that may outlive the context
  const Endpoint& endpoint;
  Clock& clock;
  OssMetrics metrics;
  HedgePolicy hedge;
  VersionWatch versions;
  ServedKeys served_keys;
  BodyPace pace_received;
  BodyPace pace_sent;

 private:
  void CancelActive() EXCLUDES(mutex_);
  void Refuse() EXCLUDES(mutex_);  // what begins from now on

  std::atomic<int64_t> clock_offset_s_{0};
  mutable SigningKeyCache signing_keys_;
  Mutex mutex_;
  CondVar all_gone_;
  std::map<StoreCall*, std::weak_ptr<StoreCall>> active_ GUARDED_BY(mutex_);
  bool refusing_ GUARDED_BY(mutex_) = false;
  std::mt19937_64 random_ GUARDED_BY(mutex_){RandomSeed()};

 public:
  // Last, so that their threads end first; the timer before the executor, which its callbacks use.
  Executor executor{"oss", 8};  // what may block: refreshes of credentials; results of canceled calls
  Timer timer;
};

}  // namespace ossfs2::oss
