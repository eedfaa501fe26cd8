// The signatures of OSS: V1 and V4, in the Authorization header or in the URL.
#pragma once

#include <cstdint>

#include "server/auth/auth.h"

namespace ossfs2::server {

// Whether the URL bears a signature, or a part of one.
bool IsSignedUrl(const Exchange& e);

// Of a request that is signed, or says so, in its header or its URL; e.dialect is that of OSS. Checks it at `now_s`.
Reply<void> AuthenticateOss(const KeyRing& keys, const AuthConfig& config, int64_t now_s, const Exchange& e);

}  // namespace ossfs2::server
