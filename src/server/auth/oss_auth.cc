#include "server/auth/oss_auth.h"

#include <charconv>
#include <cstdlib>

#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/signing/encoding.h"
#include "oss/signing/signing.h"
#include "server/auth/signature_parts.h"

namespace ossfs2::server {
namespace {

constexpr std::string_view kAlgorithmV4 = "OSS4-HMAC-SHA256";

oss::SignableRequest Signable(const Exchange& e) {
  oss::SignableRequest request;
  request.method = e.http.method;
  request.bucket = e.bucket_name;
  request.key = e.key;
  request.query = e.query;
  request.headers = e.http.headers;
  return request;
}

std::string TokenOf(const Exchange& e) {
  if (const auto* token = e.http.Header("x-oss-security-token")) return *token;
  if (const auto* token = e.http.Header("security-token")) return *token;  // the Java SDK with V1
  if (const auto* token = e.Query("security-token")) return *token;
  return e.QueryOr("x-oss-security-token", "");
}

Reply<void> CheckV1(const KeyRing& keys, const Exchange& e, std::string_view id, std::string_view provided,
                    std::string_view date) {
  const auto key = FindKey(keys, id, TokenOf(e));
  if (!key) return Failure(key.error());
  const std::string to_sign = oss::StringToSignV1(Signable(e), date);
  if (SameSignature(oss::SignatureV1(key->secret, to_sign), provided)) return {};
  return SignatureDoesNotMatch(id, provided, to_sign, "");
}

Reply<void> HeaderV1(const KeyRing& keys, int64_t now_s, const Exchange& e, std::string_view credentials) {
  const size_t colon = credentials.find(':');
  if (colon == std::string_view::npos)
    return InvalidArgument("The Authorization header is not \"OSS id:signature\".");
  const std::string* date = e.http.Header("x-oss-date");
  if (date == nullptr) date = e.http.Header("Date");
  const auto seconds = date == nullptr ? std::nullopt : oss::ParseHttpDate(*date);
  if (!seconds) return AccessDenied("OSS authentication requires a valid Date.");
  if (auto clock = CheckClock(*seconds, now_s); !clock) return clock;
  return CheckV1(keys, e, credentials.substr(0, colon), credentials.substr(colon + 1), *date);
}

Reply<void> UrlV1(const KeyRing& keys, int64_t now_s, const Exchange& e) {
  const auto* id = e.Query("OSSAccessKeyId");
  const auto* expires = e.Query("Expires");
  const auto* signature = e.Query("Signature");
  if (id == nullptr || expires == nullptr || signature == nullptr) {
    return AccessDenied("A signed URL needs OSSAccessKeyId, Expires and Signature.");
  }
  int64_t until = 0;
  const auto [end, error] = std::from_chars(expires->data(), expires->data() + expires->size(), until);
  if (error != std::errc() || *end != 0) return AccessDenied("Invalid date (should be seconds since 1970).");
  if (until < now_s) return AccessDenied("Request has expired.");
  // A blank in the query was '+' in the base64 of a client that did not escape it.
  std::string provided = *signature;
  for (char& c : provided) {
    if (c == ' ') c = '+';
  }
  return CheckV1(keys, e, *id, provided, *expires);
}

struct V4Parts {
  std::string id;
  oss::ScopeV4 scope;
  std::vector<std::string> additional;
  std::string signature;
};

// As OSS answers; `place` is where the signature stands.
Failure WrongRegion(std::string_view place, std::string_view code) {
  auto failure = InvalidArgument(StrCat("Invalid signing region in ", place, "."));
  failure.value().elements = {{"EC", std::string(code)}};
  return failure;
}

// "ak/20231216/cn-hangzhou/oss/aliyun_v4_request"
Reply<void> ParseCredential(std::string_view text, V4Parts& parts, const AuthConfig& config, bool in_url) {
  const std::vector<std::string> fields = Split(text, '/');
  if (fields.size() != 5 || fields[4] != "aliyun_v4_request") {
    return InvalidArgument("The Credential is not id/date/region/product/aliyun_v4_request.");
  }
  if (!config.region.empty() && fields[2] != config.region) {
    return in_url ? WrongRegion("the URL's x-oss-credential", "0002-00000226")
                  : WrongRegion("Authorization header", "0002-00000228");
  }
  if (parts.scope.iso_time.substr(0, 8) != fields[1])
    return AccessDenied("The date in the Credential differs.");
  parts.id = fields[0];
  parts.scope.region = fields[2];
  parts.scope.product = fields[3];
  return {};
}

// One SDK signs "prefix=" for an empty value, all others "prefix".
std::string WithEquals(const std::string& canonical, const Exchange& e) {
  const size_t start = canonical.find('\n', canonical.find('\n') + 1) + 1;
  const size_t end = canonical.find('\n', start);
  std::string query;
  for (std::string_view left(canonical.data() + start, end - start); !left.empty();) {
    const size_t stop = left.find('&');
    const std::string name(left.substr(0, stop));
    left.remove_prefix(stop == std::string_view::npos ? left.size() : stop + 1);
    query.append(query.empty() ? "" : "&").append(name);
    for (size_t i = 0; i < e.query.size(); ++i) {
      if (e.had_equals[i] && e.query[i].second.empty() &&
          oss::PercentEncode(e.query[i].first) == name) {
        query += '=';
        break;
      }
    }
  }
  return StrCat(canonical.substr(0, start), query, canonical.substr(end));
}

Reply<void> CheckV4(const KeyRing& keys, const Exchange& e, const V4Parts& parts) {
  const auto key = FindKey(keys, parts.id, TokenOf(e));
  if (!key) return Failure(key.error());
  const std::string canonical = oss::CanonicalRequestV4(Signable(e), parts.additional);
  if (SameSignature(oss::SignatureV4(key->secret, parts.scope, canonical), parts.signature)) return {};
  if (SameSignature(oss::SignatureV4(key->secret, parts.scope, WithEquals(canonical, e)), parts.signature))
    return {};
  const std::string to_sign = StrCat(kAlgorithmV4, "\n", parts.scope.iso_time, "\n", parts.scope.ToString(),
                                     "\n", oss::HexEncode(oss::Sha256(canonical)));
  return SignatureDoesNotMatch(parts.id, parts.signature, to_sign, canonical);
}

Reply<void> HeaderV4(const KeyRing& keys, const AuthConfig& config, int64_t now_s, const Exchange& e,
                     std::string_view text) {
  if (e.http.HeaderOr("x-oss-content-sha256", "") != "UNSIGNED-PAYLOAD") {
    return InvalidArgument("x-oss-content-sha256 must be UNSIGNED-PAYLOAD.");
  }
  V4Parts parts;
  auto seconds = oss::ParseIsoBasicDate(e.http.HeaderOr("x-oss-date", ""));
  if (!seconds) seconds = oss::ParseHttpDate(e.http.HeaderOr("Date", ""));
  if (!seconds) return AccessDenied("OSS authentication requires a valid x-oss-date or Date.");
  parts.scope.iso_time = oss::IsoBasicDate(*seconds);
  if (auto good = ParseCredential(CredentialField(text, "Credential"), parts, config, false); !good) return good;
  const std::string additional = CredentialField(text, "AdditionalHeaders");
  if (text.find("AdditionalHeaders=") != std::string_view::npos &&
      (additional.empty() || additional.back() == ';')) {
    return InvalidArgument("An empty AdditionalHeaders must be left out.");
  }
  parts.additional = SplitHeaderNames(additional);
  parts.signature = CredentialField(text, "Signature");
  if (auto clock = CheckClock(*seconds, now_s); !clock) return clock;
  return CheckV4(keys, e, parts);
}

Reply<void> UrlV4(const KeyRing& keys, const AuthConfig& config, int64_t now_s, const Exchange& e) {
  V4Parts parts;
  const auto seconds = oss::ParseIsoBasicDate(e.QueryOr("x-oss-date", ""));
  const int64_t valid_s = std::atoll(e.QueryOr("x-oss-expires", "0").c_str());
  if (!seconds) return AccessDenied("The x-oss-date of the signed URL is missing or invalid.");
  if (valid_s < 1 || valid_s > kPresignSecondsMax)
    return AccessDenied("x-oss-expires must be 1 to 604800 seconds.");
  parts.scope.iso_time = oss::IsoBasicDate(*seconds);
  if (auto good = ParseCredential(e.QueryOr("x-oss-credential", ""), parts, config, true); !good) return good;
  if (*seconds - kClockWindowSeconds > now_s || *seconds + valid_s < now_s)
    return AccessDenied("Request has expired.");
  parts.additional = SplitHeaderNames(e.QueryOr("x-oss-additional-headers", ""));
  parts.signature = e.QueryOr("x-oss-signature", "");
  return CheckV4(keys, e, parts);
}

bool IsSignedUrlV4(const Exchange& e) {
  return e.HasQuery("x-oss-signature") || e.HasQuery("x-oss-signature-version");
}

}  // namespace

Reply<void> AuthenticateOss(const KeyRing& keys, const AuthConfig& config, int64_t now_s, const Exchange& e) {
  const std::string authorization = e.http.HeaderOr("Authorization", "");
  if (authorization.empty())
    return IsSignedUrlV4(e) ? UrlV4(keys, config, now_s, e) : UrlV1(keys, now_s, e);
  if (authorization.starts_with("OSS ")) return HeaderV1(keys, now_s, e, TrimSpace(authorization.substr(4)));
  if (authorization.starts_with(kAlgorithmV4))
    return HeaderV4(keys, config, now_s, e, TrimSpace(authorization.substr(kAlgorithmV4.size())));
  return InvalidArgument("The Authorization header is of an unknown kind.");
}

bool IsSignedUrl(const Exchange& e) {
  return e.HasQuery("OSSAccessKeyId") || e.HasQuery("Signature") || IsSignedUrlV4(e);
}

}  // namespace ossfs2::server
