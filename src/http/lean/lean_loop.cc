#include "http/lean/lean_loop.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/report/metrics.h"
#include "base/values/str.h"
#include "http/message/request_text.h"

namespace ossfs2::http {
namespace {

// Even with many dead addresses each one gets a fair chance to accept.
constexpr size_t kAddressesPerConnectTimeout = 3;

Counter& StaleRetries() {
  static Counter& counter = Registry::Default().counter(
      "http_stale_retries", "Requests repeated because a kept connection had been closed by the server");
  return counter;
}

// A deadline may come before the stall limit: what was quiet for so long counts as silent.
constexpr auto kSilence = std::chrono::seconds(3);

// An address that hangs in either has had its chance.
bool Connecting(Phase phase) { return phase == Phase::kConnect || phase == Phase::kTls; }

}  // namespace

void LeanLoop::Start(std::shared_ptr<LeanCall> call) {
  calls_.CountIn();
  loop_.Post([self = shared_from_this(), call = std::move(call)]() mutable { self->Accept(std::move(call)); });
}

void LeanLoop::Cancel(std::shared_ptr<LeanCall> call) {
  loop_.Post([self = shared_from_this(), call = std::move(call)] {
    if (!call->finished) self->Fail(call, CanceledError(call->request));
  });
}

void LeanLoop::Shutdown() {
  loop_.Post([self = shared_from_this()] {
    self->stopping_ = true;
    for (const CallPtr& call : self->calls_.All())
      if (!call->finished) self->Fail(call, CanceledError(call->request));
    self->pool_.CloseAllIdle();
  });
  loop_.Stop();
}

void LeanLoop::Accept(CallPtr call) {
  calls_.Add(call);
  if (stopping_) return calls_.Finish(call, CanceledError(call->request));
  if (const Status good = CheckRequest(call->request); !good) return calls_.Finish(call, good.error());
  call->body_bytes = BodyBytes(call->request);
  call->head_text = RequestHeadText(call->request, call->body_bytes);
  if (call->request.tls) {
    // Before anything is sent: a wrong CA place is no matter of the network.
    if (const auto tls = shared_->Tls(); !tls) return calls_.Finish(call, tls.error());
  }
  call->pool_key = StrCat(call->request.tls ? "https://" : "http://", call->request.host, ":", call->request.port);
  Admit(call);
  if (!call->finished) ArmWatch(call);
}

void LeanLoop::Admit(const CallPtr& call) {
  if (!call->needs_fresh)
    if (LeanConnection* const connection = pool_.TakeIdle(call->pool_key, MayRepeat(call->request), shared_->doubted()))
      return connection->Begin(call);
  if (!pool_.HasSlot() && pool_.HasIdle()) pool_.CloseLeastRecentlyUsed();
  if (pool_.HasSlot()) return TakeSlot(call);
  if (!calls_.Wait(call))
    Fail(call, UnavailableError(call->request, call->progress, loop_.now(), "too many calls wait already"));
}

void LeanLoop::TakeSlot(const CallPtr& call) {
  pool_.TakeSlot();
  call->holds_slot = true;
  call->progress.phase = Phase::kDns;
  call->progress.connect_due = loop_.now() + call->request.connect_timeout;
  shared_->resolver.Resolve(
      call->request.host, call->request.port,
      [self = shared_from_this(), call](Result<Resolver::Addresses> addresses) {
        if (self->loop_.InLoop()) return self->OnResolved(call, std::move(addresses));
        self->loop_.Post([self, call, addresses = std::move(addresses)] { self->OnResolved(call, addresses); });
      });
}

void LeanLoop::OnResolved(const CallPtr& call, Result<Resolver::Addresses> addresses) {
  if (call->finished) return;
  if (!addresses) {
    const std::string what = StrCat("cannot resolve the host name: ", addresses.error().text);
    if (addresses.error().kind != ErrorKind::kNoSpace) call->progress.cause = Cause::kName;
    return Fail(call, UnavailableError(call->request, call->progress, loop_.now(), what));
  }
  call->addresses.assign(addresses->rbegin(), addresses->rend());
  TryNextAddress(call, "the name has no address");
}

void LeanLoop::TryNextAddress(const CallPtr& call, std::string_view last_failure) {
  std::string failure(last_failure);
  while (!call->addresses.empty()) {
    const auto left = std::max(SteadyTime::duration::zero(), call->progress.connect_due - loop_.now());
    const auto tries = std::min(call->addresses.size(), kAddressesPerConnectTimeout);
    call->attempt_due = tries > 1 ? loop_.now() + left / static_cast<int64_t>(tries) : SteadyTime::max();
    const SocketAddress peer = call->addresses.back();
    call->addresses.pop_back();
    call->progress.phase = Phase::kConnect;
    call->progress.address = peer.ToString();
    Connect(call, peer, &failure);
    if (call->connection == nullptr) continue;
    if (call->watch.number != 0) ArmWatch(call);
    return;
  }
  Fail(call, UnavailableError(call->request, call->progress, loop_.now(), failure));
}

// On success the call has a connection; otherwise `failure` says why not.
void LeanLoop::Connect(const CallPtr& call, const SocketAddress& peer, std::string* failure) {
  const size_t sources = shared_->sources.size();
  for (size_t n = 0; n < std::max<size_t>(sources, 1); ++n) {
    std::optional<SocketAddress> source;
    if (sources > 0 && !(source = shared_->sources.Next(peer.family()))) {
      *failure = "no source address of its family is configured";
      return;
    }
    auto connection = std::make_unique<LeanConnection>(*this, loop_, call->pool_key);
    const Status begun = connection->Connect(peer, source);
    if (begun) {
      call->progress.cause = Cause::kOther;  // of the address before
      connection->SetCall(call);
      call->connection = connection.get();
      call->holds_slot = false;  // the connection holds it now
      pool_.Add(std::move(connection));
      return;
    }
    *failure = begun.error().text;
    call->progress.cause = CauseOfConnectError(begun.error().errno_value);
    if (!source || begun.error().errno_value != EADDRNOTAVAIL) break;
    shared_->sources.Rest(*source);
  }
  shared_->resolver.Rest(peer);
}

std::unique_ptr<Transport> LeanLoop::NewTransport(const LeanCall& call, int fd) {
  if (!call.request.tls) return MakePlainTransport(fd);
  const auto tls = shared_->Tls();
  return tls ? (*tls)->NewTransport(fd, call.request.host, call.pool_key) : nullptr;
}

void LeanLoop::OnReady(LeanConnection& connection) {
  const CallPtr call = connection.TakeCall();
  connection.made_at = loop_.now();
  call->attempt_due = SteadyTime::max();
  connection.Begin(call);
  if (call->watch.number != 0) ArmWatch(call);  // the stall limit may come before the connect limit
}

void LeanLoop::OnConnectFailed(LeanConnection& connection, std::string_view failure, Cause cause) {
  const CallPtr call = connection.TakeCall();
  const std::string why(failure);  // may belong to the connection
  call->connection = nullptr;
  call->progress.cause = cause;
  if (cause == Cause::kCertificate) {
    // Neither another address nor another attempt would mend it.
    pool_.Close(connection);
    Error error = UnavailableError(call->request, call->progress, loop_.now(), why);
    error.retryable = false;
    return calls_.Finish(call, std::move(error));
  }
  shared_->resolver.Rest(connection.peer());
  pool_.Close(connection);
  call->holds_slot = true;
  pool_.TakeSlot();
  TryNextAddress(call, why);
}

void LeanLoop::OnExchangeEnd(LeanConnection& connection, LeanExchange::Step step) {
  const CallPtr call = connection.TakeCall();
  call->connection = nullptr;
  LeanExchange& exchange = connection.exchange();
  if (step == LeanExchange::Step::kDone) {
    Response response = exchange.TakeResponse();
    response.remote_address = connection.peer().ToString();
    if (exchange.reusable() && !stopping_ && connection.Rest()) {
      if (pool_.MakeIdle(connection) && calls_.AnyWaits()) AdmitWaiting();
    } else {
      pool_.Close(connection);
    }
    return calls_.Finish(call, std::move(response));
  }
  if (exchange.sent_all()) ++call->progress.answers_lost;
  const bool repeat = exchange.died_unanswered() && connection.reused() && !call->needs_fresh &&
                      (MayRepeat(call->request) || !exchange.sent_all());
  Error error = exchange.TakeError();
  if (!repeat) {
    pool_.Close(connection);
    return calls_.Finish(call, std::move(error));
  }
  StaleRetries().Add();
  call->needs_fresh = true;
  pool_.Close(connection);  // its slot is taken at once: waiting calls are admitted by a later task
  TakeSlot(call);
  if (!call->finished) ArmWatch(call);
}

void LeanLoop::OnIdleEvent(LeanConnection& connection, bool only_readable) {
  // A TLS server may send tickets at any time.
  if (!only_readable || !connection.LooksAlive()) pool_.CloseIdle(connection);
}

void LeanLoop::AdmitSoon() {
  if (calls_.AnyWaits()) loop_.Post([self = shared_from_this()] { self->AdmitWaiting(); });
}

void LeanLoop::AdmitWaiting() {
  while (calls_.AnyWaits() && (pool_.HasSlot() || pool_.HasIdle())) {
    const CallPtr call = calls_.TakeWaiting();
    Admit(call);
    if (!call->finished && call->watch.number != 0) ArmWatch(call);
  }
}

void LeanLoop::ArmWatch(const CallPtr& call) {
  const auto due =
      std::min({call->request.deadline, call->progress.PhaseDue(call->request), call->progress.pace_due,
                Connecting(call->progress.phase) ? call->attempt_due : SteadyTime::max()});
  calls_.Watch(call, due, [this](const CallPtr& late) { OnWatch(late); });
}

void LeanLoop::OnWatch(const CallPtr& call) {
  call->watch = {};
  Progress& progress = call->progress;
  const auto now = loop_.now();
  const bool stalled = progress.phase >= Phase::kSend && progress.PhaseDue(call->request) <= now &&
                       !(call->connection != nullptr && progress.StillSending(call->connection->fd(), now));
  const bool late =
      call->request.deadline <= now || (progress.phase < Phase::kSend && progress.PhaseDue(call->request) <= now);
  const bool silent = stalled || (late && now - progress.last_byte >= kSilence);
  const bool asked = progress.phase == Phase::kSend || progress.phase == Phase::kAnswer;
  if (silent && asked && call->connection != nullptr && call->connection->reused())
    shared_->Doubt(progress.exchange_began);
  if (late || stalled) {
    if (Connecting(progress.phase) && call->connection != nullptr)
      shared_->resolver.Rest(call->connection->peer());
    return Fail(call, LateError(call->request, progress, now));
  }
  if (progress.pace_due <= now && call->connection != nullptr &&
      progress.MovesTooSlowly(call->request, call->body_bytes, call->connection->fd(), now))
    return Fail(call, UnavailableError(call->request, progress, now, "the body moves much more slowly than others"));
  if (Connecting(progress.phase) && call->attempt_due <= now && call->connection != nullptr) {
    OnConnectFailed(*call->connection, strerror(ETIMEDOUT), Cause::kUnreachable);
    if (call->finished) return;
  }
  ArmWatch(call);
}

void LeanLoop::Fail(const CallPtr& call, Error error) {
  if (LeanConnection* const connection = std::exchange(call->connection, nullptr)) {
    if (call->progress.phase >= Phase::kSend && connection->exchange().sent_all()) ++call->progress.answers_lost;
    connection->TakeCall();
    pool_.Close(*connection);
  }
  if (std::exchange(call->holds_slot, false)) pool_.ReleaseSlot();
  calls_.Finish(call, std::move(error));
}

}  // namespace ossfs2::http
