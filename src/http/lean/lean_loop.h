// LeanLoop: one event-loop thread of LeanClient with its calls and connections.
//
// A call takes an idle connection of its scheme, host and port, else a new one while fewer than
// `connections_max` exist (an idle one of another host is closed for it: lean_pool.h), else it
// waits in order. A reused connection that dies before the first byte of an answer is
// replaced by a fresh one, once, when the request may be repeated or was not fully sent.
//
// Threads: Start, Cancel, load and Shutdown from any; the rest on the loop thread.
// Limits: LoopCalls::kWaitingMax calls wait for a connection; more fail with kUnavailable.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "http/client/http_config.h"
#include "http/lean/lean_connection.h"
#include "http/lean/lean_pool.h"
#include "http/net/resolver.h"
#include "http/net/source_addresses.h"
#include "http/transport/tls_context.h"

namespace ossfs2::http {

// What all loops of one client share.
class LeanShared {
 public:
  LeanShared(const HttpConfig& http_config, Resolver::Lookup lookup)
      : config(http_config), resolver(http_config.dns_cache_ttl, std::move(lookup)) {}
  // Made by the first https:// call, which waits while the CA bundle is read. An error is not remembered.
  Result<TlsContext*> Tls() EXCLUDES(tls_mutex_);
  // A kept connection gave no byte of an answer, to a request sent then: a router or load balancer may have forgotten
  // it, and with it all that were idle already.
  void Doubt(SteadyTime sent) { doubted_.store(sent.time_since_epoch().count(), std::memory_order_relaxed); }
  // No connection is used that has been idle since then.
  SteadyTime doubted() const { return SteadyTime(SteadyTime::duration(doubted_.load(std::memory_order_relaxed))); }
  const HttpConfig config;
  Resolver resolver;
  SourceAddresses sources;

 private:
  std::atomic<SteadyTime::rep> doubted_{SteadyTime::min().time_since_epoch().count()};
  Mutex tls_mutex_;
  std::unique_ptr<TlsContext> tls_ GUARDED_BY(tls_mutex_);
};

class LeanLoop : public std::enable_shared_from_this<LeanLoop> {
 public:
  // One read of heads, small chunks and collected bodies: a record of TLS, and a usual answer without a sink.
  static constexpr size_t kScratchBytes = 16u << 10;

  LeanLoop(std::shared_ptr<LeanShared> shared, size_t connections_max)
      : shared_(std::move(shared)),
        scratch_(kScratchBytes),
        pool_(loop_, shared_->config, connections_max, [this] { AdmitSoon(); }) {}

  Status StartThread(const std::string& name) { return loop_.Start(name); }
  // Ends every call with kCanceled and joins.
  void Shutdown();
  void Start(std::shared_ptr<LeanCall> call);
  void Cancel(std::shared_ptr<LeanCall> call);
  uint32_t load() const { return calls_.load(); }
  bool InLoop() const { return loop_.InLoop(); }

  // For LeanConnection.
  // For the socket that has just connected; null: out of memory, or no possible host name.
  std::unique_ptr<Transport> NewTransport(const LeanCall& call, int fd);
  void OnReady(LeanConnection& connection);
  void OnConnectFailed(LeanConnection& connection, std::string_view failure, Cause cause);
  void OnExchangeEnd(LeanConnection& connection, LeanExchange::Step step);
  void OnIdleEvent(LeanConnection& connection, bool only_readable);
  std::span<char> scratch() { return scratch_; }

 private:
  using CallPtr = std::shared_ptr<LeanCall>;

  void Accept(CallPtr call);
  void Admit(const CallPtr& call);
  void TakeSlot(const CallPtr& call);
  void OnResolved(const CallPtr& call, Result<Resolver::Addresses> addresses);
  void TryNextAddress(const CallPtr& call, std::string_view last_failure);
  void Connect(const CallPtr& call, const SocketAddress& peer, std::string* failure);
  void AdmitSoon();  // when a slot is free
  void AdmitWaiting();

  void ArmWatch(const CallPtr& call);
  void OnWatch(const CallPtr& call);
  void Fail(const CallPtr& call, Error error);

  const std::shared_ptr<LeanShared> shared_;
  EventLoop loop_;
  std::vector<char> scratch_;

  LoopCalls<LeanCall> calls_{loop_};
  LeanPool pool_;
  bool stopping_ = false;
};

}  // namespace ossfs2::http
