// The signature V4 of S3, in the Authorization header or in the URL, and chunk-signed bodies.
#pragma once

#include <cstdint>

#include "server/auth/auth.h"

namespace ossfs2::server {

// Of a signed request in the dialect of S3. Checks it at `now_s`, and puts what checks the body around e.body.
Reply<void> AuthenticateS3(const KeyRing& keys, const AuthConfig& config, int64_t now_s, Exchange& e);

}  // namespace ossfs2::server
