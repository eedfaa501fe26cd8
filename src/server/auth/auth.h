// Who sent a request: signatures of OSS (V1, V4; header or URL: oss_auth.h) and S3 (V4: s3_auth.h), tokens, the clock
// window.
//
// The payload hash of S3 requests is part of the signature; the body is compared with it as it is received.
// Threads: any; an exchange belongs to one. Errors: as the service answers them, 403 and 400.
#pragma once

#include <cstdint>
#include <string>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/storage/key_ring.h"

namespace ossfs2::server {

struct AuthConfig {
  std::string region;          // empty: any region in the scope of a V4 signature
  bool public_access = false;  // unsigned requests may do everything
  // Whether bodies of S3 requests must have the SHA-256, and chunks the signature, that came with them.
  bool check_bodies = true;
  // Whether POST /-/config, which is unsigned, may change keys: when only this machine can reach it.
  bool keys_by_control = true;
};

// Sets e.dialect by the kind of signature; call before anything that reads x-oss- or x-amz- headers.
void DetectDialect(Exchange& e);

// Checks the request at `now_s`; in the S3 dialect also unwraps a chunk-signed body (e.body, e.body_bytes).
Reply<void> Authenticate(const KeyRing& keys, const AuthConfig& config, int64_t now_s, Exchange& e);

}  // namespace ossfs2::server
