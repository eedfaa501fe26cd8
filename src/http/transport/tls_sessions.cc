#include "http/transport/tls_sessions.h"

#include <openssl/ssl.h>

#include <utility>

namespace ossfs2::http {

TlsSessions::~TlsSessions() {
  MutexLock lock(mutex_);
  for (const Entry& entry : entries_) SSL_SESSION_free(entry.session);
}

void TlsSessions::Drop(Place place) {
  SSL_SESSION_free(place->session);
  places_.erase(place->host);
  entries_.erase(place);
}

void TlsSessions::Keep(const std::string& host, const SSL_SESSION* session) {
  SSL_SESSION* const copy = SSL_SESSION_dup(session);
  if (copy == nullptr) return;
  MutexLock lock(mutex_);
  if (const auto it = places_.find(host); it != places_.end()) {
    SSL_SESSION_free(std::exchange(it->second->session, copy));
    entries_.splice(entries_.begin(), entries_, it->second);
    return;
  }
  if (entries_.size() >= kHostsMax) Drop(std::prev(entries_.end()));
  entries_.push_front({host, copy});
  places_.emplace(host, entries_.begin());
}

bool TlsSessions::Offer(const std::string& host, SSL* ssl) {
  SSL_SESSION* copy = nullptr;
  {
    MutexLock lock(mutex_);
    const auto it = places_.find(host);
    if (it == places_.end()) return false;
    copy = SSL_SESSION_dup(it->second->session);
  }
  if (copy == nullptr) return false;
  const bool offered = SSL_set_session(ssl, copy) == 1;
  SSL_SESSION_free(copy);
  return offered;
}

void TlsSessions::Forget(const std::string& host) {
  MutexLock lock(mutex_);
  if (const auto it = places_.find(host); it != places_.end()) Drop(it->second);
}

size_t TlsSessions::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace ossfs2::http
