// Presigned URLs as the SDKs make them: the query of a GET, to be signed and verified by tests.
#pragma once

#include <string>
#include <string_view>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "oss/signing/signing.h"

namespace ossfs2::oss {

inline NameValues PresignV1(const SignableRequest& request, const KeySet& keys, int64_t expires_unix_s) {
  SignableRequest copy = request;
  if (!keys.security_token.empty()) copy.query.emplace_back("security-token", keys.security_token);
  const std::string expires = StrCat(expires_unix_s);
  const std::string signature = SignatureV1(keys.access_key_secret, StringToSignV1(copy, expires));
  copy.query.emplace_back("OSSAccessKeyId", keys.access_key_id);
  copy.query.emplace_back("Expires", expires);
  copy.query.emplace_back("Signature", signature);
  return copy.query;
}

inline NameValues PresignV4(const SignableRequest& request, const KeySet& keys, std::string_view region,
                     int64_t unix_s, int64_t valid_s) {
  SignableRequest copy = request;
  ScopeV4 scope;
  scope.iso_time = IsoBasicDate(unix_s);
  scope.region = region;
  copy.query.emplace_back("x-oss-signature-version", "OSS4-HMAC-SHA256");
  copy.query.emplace_back("x-oss-date", scope.iso_time);
  copy.query.emplace_back("x-oss-expires", StrCat(valid_s));
  copy.query.emplace_back("x-oss-credential", StrCat(keys.access_key_id, "/", scope.ToString()));
  if (!keys.security_token.empty()) copy.query.emplace_back("x-oss-security-token", keys.security_token);
  copy.query.emplace_back("x-oss-signature",
                          SignatureV4(keys.access_key_secret, scope, CanonicalRequestV4(copy, {})));
  return copy.query;
}

}  // namespace ossfs2::oss
