#include "http/lean/lean_pool.h"

#include <chrono>
#include <iterator>

#include "base/report/metrics.h"

namespace ossfs2::http {
namespace {

constexpr auto kSweepInterval = std::chrono::seconds(5);

Gauge& OpenConnections() {
  static Gauge& gauge =
      Registry::Default().gauge("http_connections_open", "Connections of the own HTTP client, idle ones counted");
  return gauge;
}

}  // namespace

void LeanPool::ReleaseSlot() {
  --slots_used_;
  freed_();
}

void LeanPool::Add(std::unique_ptr<LeanConnection> connection) {
  LeanConnection* const key = connection.get();
  connections_.emplace(key, std::move(connection));
  OpenConnections().Add(1);
}

LeanConnection* LeanPool::TakeIdle(const std::string& pool_key, bool may_repeat, SteadyTime doubted) {
  const auto now = loop_.now();
  for (auto it = idle_.begin(); it != idle_.end();) {
    LeanConnection& connection = **it++;
    if (connection.pool_key() != pool_key) continue;
    // A POST cannot be repeated once it is out, so a closed connection must show before.
    const bool good = now - connection.idle_since < config_.idle_connection_max && connection.idle_since > doubted &&
                      now - connection.made_at < config_.connection_age_max &&
                      (may_repeat || connection.LooksAlive());
    if (good) {
      idle_.erase(std::prev(it));
      return &connection;
    }
    CloseIdle(connection);
  }
  return nullptr;
}

bool LeanPool::MakeIdle(LeanConnection& connection) {
  if (loop_.now() - connection.made_at >= config_.connection_age_max) {
    Close(connection);
    return false;
  }
  connection.idle_since = loop_.now();
  idle_.push_front(&connection);
  if (sweep_.number == 0) SweepSoon();
  return true;
}

void LeanPool::SweepSoon() {
  sweep_ = loop_.At(loop_.now() + kSweepInterval, [this] { Sweep(); });
}

void LeanPool::Sweep() {
  sweep_ = {};
  while (!idle_.empty() && loop_.now() - idle_.back()->idle_since >= config_.idle_connection_max)
    CloseIdle(*idle_.back());
  if (!idle_.empty()) SweepSoon();
}

void LeanPool::CloseAllIdle() {
  loop_.CancelTimer(sweep_);
  while (!idle_.empty()) CloseIdle(*idle_.front());
}

void LeanPool::CloseIdle(LeanConnection& connection) {
  idle_.remove(&connection);
  Close(connection);
}

void LeanPool::Close(LeanConnection& connection) {
  const auto it = connections_.find(&connection);
  if (it == connections_.end()) return;
  connection.Close();
  OpenConnections().Add(-1);
  loop_.Post([gone = std::shared_ptr<LeanConnection>(std::move(it->second))] {});
  connections_.erase(it);
  ReleaseSlot();
}

}  // namespace ossfs2::http
