// Signature V4 of S3, by which ossfs2-server verifies requests of S3 clients.
//
// Pure functions. Nothing here reads a clock or logs; secrets come in as arguments and go nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oss/signing/signing.h"

namespace ossfs2::oss {

struct S3Scope {
  std::string iso_time;
  std::string region;
  std::string service = "s3";
};
// `path`: the encoded path as sent; `signed_headers`: from the Authorization header, in its order.
std::string S3CanonicalRequest(std::string_view method, std::string_view path,
                               const NameValues& decoded_query, const NameValues& headers,
                               const std::vector<std::string>& signed_headers, std::string_view payload_hash);
std::string S3Signature(std::string_view secret, const S3Scope& scope, std::string_view canonical_request);
// The signature of one aws-chunked chunk (STREAMING-AWS4-HMAC-SHA256-PAYLOAD).
std::string S3ChunkSignature(std::string_view secret, const S3Scope& scope,
                             std::string_view previous_signature, std::string_view chunk_sha256_hex);

}  // namespace ossfs2::oss
