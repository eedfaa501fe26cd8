// Who sent a request: signatures of OSS (V1, V4; header or URL) and S3 (V4), tokens, the clock window.
//
// The payload hash of S3 requests is part of the signature; the body is compared with it as it is received.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/storage/key_ring.h"

namespace ossfs2::server {

inline constexpr int64_t kClockWindowSeconds = 15 * 60;
inline constexpr int64_t kPresignSecondsMax = 7 * 24 * 3600;

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

// --- for the two files that implement it ---
Reply<AccessKey> FindKey(const KeyRing& keys, std::string_view id, std::string_view token);
Reply<void> CheckClock(int64_t request_s, int64_t now_s);
bool SameSignature(std::string_view a, std::string_view b);
Failure SignatureDoesNotMatch(std::string_view id, std::string_view provided, std::string_view string_to_sign,
                              std::string_view canonical_request);
// "a=1,b=2" or "a=1, b=2" -> the value of `name`; empty when absent.
std::string CredentialField(std::string_view text, std::string_view name);
// "a;b": the names; none when empty.
std::vector<std::string> SplitHeaderNames(std::string_view text);
Reply<void> AuthenticateS3(const KeyRing& keys, const AuthConfig& config, int64_t now_s, Exchange& e);

}  // namespace ossfs2::server
