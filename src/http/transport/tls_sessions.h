// TlsSessions: what servers gave us to resume a TLS session by, so that the next connection
// to the same host saves the certificate check and most of the handshake's work.
//
// The newest one of each host is kept, and may serve several connections: a burst of new
// connections has only the two tickets of the first. Each side gets its own copy, since
// OpenSSL writes to a session that a connection uses. Never written to disk or to a log.
//
// Thread-safe. Limit: kHostsMax hosts, about 4 KiB each; the one longest unchanged leaves first.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "base/threads/mutex.h"

struct ssl_session_st;
struct ssl_st;

namespace ossfs2::http {

class TlsSessions {
 public:
  static constexpr size_t kHostsMax = 256;
  TlsSessions() = default;
  ~TlsSessions();
  TlsSessions(const TlsSessions&) = delete;
  TlsSessions& operator=(const TlsSessions&) = delete;

  // `host`: with scheme and port, since a certificate was checked for that name only.
  void Keep(const std::string& host, const ssl_session_st* session) EXCLUDES(mutex_);
  // Offers the kept session in the handshake that begins; false when there is none.
  bool Offer(const std::string& host, ssl_st* ssl) EXCLUDES(mutex_);
  // A handshake with it failed.
  void Forget(const std::string& host) EXCLUDES(mutex_);
  size_t size() const EXCLUDES(mutex_);

 private:
  struct Entry {
    std::string host;
    ssl_session_st* session;
  };
  using Place = std::list<Entry>::iterator;
  void Drop(Place place) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // the newest first
  std::unordered_map<std::string, Place> places_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::http
