// TlsContext: what all TLS connections of one client share: the trusted certificates, the
// protocol settings and the sessions to resume.
//
// TLS 1.2 or later at OpenSSL's security level, the certificate and the host name or
// address are always checked. Of the ciphers that OpenSSL and the system's policy allow,
// AES-128-GCM is asked for first where the processor has AES instructions: 15 % less work
// than AES-256 for every byte.
//
// Threads: any. Errors of Make: kInvalid when a CA file or directory cannot be read, or a
// file has no certificate in it.
#pragma once

#include <memory>
#include <string>

#include "http/transport/ca_bundle.h"
#include "http/transport/tls_sessions.h"
#include "http/transport/transport.h"

struct ssl_ctx_st;

namespace ossfs2::http {

class TlsContext {
 public:
  // Reads the trusted certificates (of FindCaBundle), some 15 ms for a usual bundle.
  static Result<std::unique_ptr<TlsContext>> Make(const CaLocation& configured);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // TLS as a client over the connected socket. `host` as in Request; `key` names the sessions
  // that may be resumed. The transport must not outlive the context. Null: out of memory,
  // or OpenSSL does not take the name.
  std::unique_ptr<Transport> NewTransport(int fd, const std::string& host, const std::string& key);

  TlsSessions& sessions() { return sessions_; }
  // "/etc/ssl/certs/ca-certificates.crt", for messages.
  const std::string& trust_place() const { return trust_place_; }

 private:
  TlsContext() = default;
  Status Trust(const CaLocation& ca);

  ssl_ctx_st* context_ = nullptr;
  TlsSessions sessions_;
  std::string trust_place_;
};

}  // namespace ossfs2::http
