#include "server/auth/s3_auth.h"

#include <cstdlib>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "oss/signing/s3_signing.h"
#include "server/auth/aws_chunked.h"
#include "server/auth/hashed_body.h"
#include "server/auth/signature_parts.h"

namespace ossfs2::server {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

struct S3Parts {
  std::string id;
  oss::S3Scope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string payload_hash;
  std::string token;
};

Reply<void> ParseCredential(std::string_view text, S3Parts& parts) {
  const std::vector<std::string> fields = Split(text, '/');
  if (fields.size() != 5 || fields[4] != "aws4_request" || fields[1] != parts.scope.iso_time.substr(0, 8)) {
    return Fail(400, "AuthorizationHeaderMalformed", "The Credential is not id/date/region/s3/aws4_request.");
  }
  parts.id = fields[0];
  parts.scope.region = fields[2];
  parts.scope.service = fields[3];
  return {};
}

Reply<S3Parts> FromHeader(const Exchange& e, int64_t now_s) {
  S3Parts parts;
  const std::string authorization = e.http.HeaderOr("Authorization", "");
  const std::string_view fields = std::string_view(authorization).substr(kAlgorithm.size());
  auto seconds = oss::ParseIsoBasicDate(e.http.HeaderOr("x-amz-date", ""));
  if (!seconds) seconds = oss::ParseHttpDate(e.http.HeaderOr("Date", ""));
  if (!seconds) return Fail(403, "AccessDenied", "AWS authentication requires a valid x-amz-date or Date.");
  parts.scope.iso_time = oss::IsoBasicDate(*seconds);
  if (auto good = ParseCredential(CredentialField(fields, "Credential"), parts); !good)
    return Failure(good.error());
  if (auto clock = CheckClock(*seconds, now_s); !clock) return Failure(clock.error());
  parts.signed_headers = SplitHeaderNames(CredentialField(fields, "SignedHeaders"));
  parts.signature = CredentialField(fields, "Signature");
  parts.payload_hash = e.http.HeaderOr("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  parts.token = e.http.HeaderOr("x-amz-security-token", "");
  return parts;
}

Reply<S3Parts> FromUrl(const Exchange& e, int64_t now_s) {
  S3Parts parts;
  const auto seconds = oss::ParseIsoBasicDate(e.QueryOr("X-Amz-Date", ""));
  const int64_t valid_s = std::atoll(e.QueryOr("X-Amz-Expires", "0").c_str());
  if (!seconds || valid_s < 1 || valid_s > kPresignSecondsMax) {
    return Fail(400, "AuthorizationQueryParametersError",
                "X-Amz-Date or X-Amz-Expires is missing or invalid.");
  }
  parts.scope.iso_time = oss::IsoBasicDate(*seconds);
  if (auto good = ParseCredential(e.QueryOr("X-Amz-Credential", ""), parts); !good)
    return Failure(good.error());
  if (*seconds - kClockWindowSeconds > now_s || *seconds + valid_s < now_s) {
    return Fail(403, "AccessDenied", "Request has expired.");
  }
  parts.signed_headers = SplitHeaderNames(e.QueryOr("X-Amz-SignedHeaders", ""));
  parts.signature = e.QueryOr("X-Amz-Signature", "");
  parts.payload_hash = e.QueryOr("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
  parts.token = e.QueryOr("X-Amz-Security-Token", "");
  return parts;
}

bool IsSha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A body whose hash was signed is compared with it when it has been received; an absent one at once.
Reply<void> CheckHash(const std::string& hash, bool check_body, Exchange& e) {
  if (hash == "UNSIGNED-PAYLOAD") return {};
  if (!IsSha256(hash)) {
    return Fail(400, "InvalidArgument",
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- kind, or a SHA-256 in hex.");
  }
  if (e.body_bytes.value_or(0) > 0 || e.http.chunked) {
    if (!check_body) return {};
    e.owned_body = std::make_unique<HashedBody>(*e.body, hash);
    e.body = e.owned_body.get();
  } else if (hash != oss::HexEncode(oss::Sha256(""))) {
    return Fail(400, "XAmzContentSHA256Mismatch",
                "The provided x-amz-content-sha256 header does not match what was computed.");
  }
  return {};
}

// Unwraps the body of an aws-chunked upload.
Reply<void> UnwrapBody(const S3Parts& parts, const std::string& secret, bool check_body, Exchange& e) {
  const std::string& kind = parts.payload_hash;
  if (!kind.starts_with("STREAMING-")) return CheckHash(kind, check_body, e);
  const bool is_signed = kind.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  if (!is_signed && kind != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    return Fail(400, "InvalidArgument", StrCat("Unsupported x-amz-content-sha256: ", kind, "."));
  }
  e.owned_body = std::make_unique<AwsChunkedBody>(
      e.raw_body, is_signed && check_body ? secret : std::string(), parts.scope, parts.signature);
  e.body = e.owned_body.get();
  const std::string length = e.http.HeaderOr("x-amz-decoded-content-length", "");
  if (length.empty()) return Fail(411, "MissingContentLength", "x-amz-decoded-content-length is missing.");
  e.body_bytes = std::strtoull(length.c_str(), nullptr, 10);
  return {};
}

}  // namespace

Reply<void> AuthenticateS3(const KeyRing& keys, const AuthConfig& config, int64_t now_s, Exchange& e) {
  const auto parts = e.HasQuery("X-Amz-Algorithm") ? FromUrl(e, now_s) : FromHeader(e, now_s);
  if (!parts) return Failure(parts.error());
  if (!config.region.empty() && parts->scope.region != config.region) {
    auto failure = Fail(400, "AuthorizationHeaderMalformed",
                        StrCat("The authorization header is malformed; the region '", parts->scope.region,
                               "' is wrong; expecting '", config.region, "'."));
    failure.value().elements = {{"Region", config.region}};
    return failure;
  }
  const auto key = FindKey(keys, parts->id, parts->token);
  if (!key) return Failure(key.error());
  std::string canonical;
  // The path as sent is what almost all clients signed; some send one form and sign another.
  for (const std::string& path : {e.http.path, oss::PercentEncodePath(oss::PercentDecode(e.http.path))}) {
    canonical = oss::S3CanonicalRequest(e.http.method, path, e.query, e.http.headers, parts->signed_headers,
                                        parts->payload_hash);
    if (SameSignature(oss::S3Signature(key->secret, parts->scope, canonical), parts->signature)) {
      return UnwrapBody(*parts, key->secret, config.check_bodies, e);
    }
  }
  const std::string scope = StrCat(parts->scope.iso_time.substr(0, 8), "/", parts->scope.region, "/",
                                   parts->scope.service, "/aws4_request");
  const std::string to_sign = StrCat(kAlgorithm, "\n", parts->scope.iso_time, "\n", scope, "\n",
                                     oss::HexEncode(oss::Sha256(canonical)));
  return SignatureDoesNotMatch(parts->id, parts->signature, to_sign, canonical);
}

}  // namespace ossfs2::server
