// SourceAddresses: the local addresses (bind_ips) that new connections leave from.
//
// Used in turn; one that could not be used rests for 30 seconds. When all rest, they
// are used all the same, so that the error is the real one. Thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "http/net/address.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

class SourceAddresses {
 public:
  static constexpr std::chrono::seconds kRest{30};
  explicit SourceAddresses(Clock& clock = Clock::Real()) : clock_(clock) {}
  // EINVAL when a text is no address.
  Status Set(const std::vector<std::string>& texts) EXCLUDES(mutex_);
  bool empty() const EXCLUDES(mutex_);
  size_t size() const EXCLUDES(mutex_);
  // The next one of the family (AF_UNSPEC: any); nothing when there is none.
  std::optional<SocketAddress> Next(int family) EXCLUDES(mutex_);
  void Rest(const SocketAddress& address) EXCLUDES(mutex_);

 private:
  struct Entry {
    SocketAddress address;
    std::string text;
    SteadyTime rests_until;
  };
  Clock& clock_;
  mutable Mutex mutex_;
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  size_t turn_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2::http
