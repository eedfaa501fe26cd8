// LeanConnection: one connection of LeanLoop, through connect, TLS handshake, exchanges and
// idle time.
//
// Loop thread only. It reports every end of a phase to its loop, which owns it and
// may destroy it (later, from a posted task) as the answer.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/lean/lean_exchange.h"
#include "http/transport/transport.h"

namespace ossfs2::http {

class LeanLoop;

class LeanConnection final : public EventLoop::Handler {
 public:
  LeanConnection(LeanLoop& owner, EventLoop& loop, std::string pool_key)
      : owner_(owner), loop_(loop), pool_key_(std::move(pool_key)) {}
  ~LeanConnection() { Close(); }
  LeanConnection(const LeanConnection&) = delete;
  LeanConnection& operator=(const LeanConnection&) = delete;

  // Begins to connect; an error that shows at once comes back here, later ones through the owner.
  Status Connect(const SocketAddress& peer, const std::optional<SocketAddress>& source);
  // Runs the call over this connected connection.
  void Begin(std::shared_ptr<LeanCall> call);
  void Close();
  void OnEvents(uint32_t events) override;

  std::shared_ptr<LeanCall> TakeCall() { return std::move(call_); }
  void SetCall(std::shared_ptr<LeanCall> call) { call_ = std::move(call); }
  const std::shared_ptr<LeanCall>& call() const { return call_; }
  LeanExchange& exchange() { return *exchange_; }
  const std::string& pool_key() const { return pool_key_; }
  const SocketAddress& peer() const { return peer_; }
  int fd() const { return fd_; }
  bool reused() const { return exchanges_ > 1; }
  // Nothing of concern has come from the peer since the last answer, as far as a look can tell.
  bool LooksAlive() { return transport_->LooksAlive(); }
  // After an exchange that left the connection reusable; false: it is not, after all.
  bool Rest();

  SteadyTime made_at;
  SteadyTime idle_since;

 private:
  enum class State : uint8_t { kConnecting, kHandshake, kReady };
  // --- one event, by the state ---
  void OnConnected();  // or it could not be made
  void ContinueHandshake();
  void RunExchange(uint32_t events);
  // --- which events come next ---
  void WatchForExchange();
  void WatchFor(uint32_t events);

  LeanLoop& owner_;
  EventLoop& loop_;
  const std::string pool_key_;
  SocketAddress peer_;
  int fd_ = -1;
  uint32_t watched_ = 0;
  State state_ = State::kConnecting;
  std::unique_ptr<Transport> transport_;  // from the TCP connection on
  uint64_t exchanges_ = 0;
  std::shared_ptr<LeanCall> call_;
  std::optional<LeanExchange> exchange_;
};

}  // namespace ossfs2::http
