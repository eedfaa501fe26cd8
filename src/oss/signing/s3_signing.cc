#include "oss/signing/s3_signing.h"

#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/signing/canonical_text.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

std::string S3Key(std::string_view secret, const S3Scope& scope) {
  return HmacChain(StrCat("AWS4", secret), {std::string_view(scope.iso_time).substr(0, 8), scope.region,
                                            scope.service, "aws4_request"});
}

std::string S3ScopeText(const S3Scope& scope) {
  return StrCat(scope.iso_time.substr(0, 8), "/", scope.region, "/", scope.service, "/aws4_request");
}

}  // namespace

std::string S3CanonicalRequest(std::string_view method, std::string_view path,
                               const NameValues& decoded_query, const NameValues& headers,
                               const std::vector<std::string>& signed_headers,
                               std::string_view payload_hash) {
  const auto normal = NormalHeaders(headers);
  std::string out =
      StrCat(method, "\n", path, "\n", CanonicalQuery(decoded_query, "X-Amz-Signature", true), "\n");
  for (const std::string& name : signed_headers) {
    const std::string lower = LowerCase(name);
    out.append(lower).append(":");
    bool after_space = false;  // runs of inner spaces count as one
    for (const char c : FindHeader(normal, lower)) {
      if (c != ' ' || !after_space) out += c;
      after_space = c == ' ';
    }
    out += '\n';
  }
  return StrCat(out, "\n", LowerCase(Join(signed_headers, ';')), "\n", payload_hash);
}

std::string S3Signature(std::string_view secret, const S3Scope& scope, std::string_view canonical_request) {
  const std::string to_sign = StrCat("AWS4-HMAC-SHA256\n", scope.iso_time, "\n", S3ScopeText(scope), "\n",
                                     HexEncode(Sha256(canonical_request)));
  return HexEncode(HmacSha256(S3Key(secret, scope), to_sign));
}

std::string S3ChunkSignature(std::string_view secret, const S3Scope& scope,
                             std::string_view previous_signature, std::string_view chunk_sha256_hex) {
  const std::string to_sign =
      StrCat("AWS4-HMAC-SHA256-PAYLOAD\n", scope.iso_time, "\n", S3ScopeText(scope), "\n", previous_signature,
             "\n", HexEncode(Sha256("")), "\n", chunk_sha256_hex);
  return HexEncode(HmacSha256(S3Key(secret, scope), to_sign));
}

}  // namespace ossfs2::oss
