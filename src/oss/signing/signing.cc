#include "oss/signing/signing.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>

#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/signing/canonical_text.h"
#include "oss/signing/encoding.h"
#include "oss/signing/signing_key_cache.h"

namespace ossfs2::oss {
namespace {

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::string_view kAlgorithmV4 = "OSS4-HMAC-SHA256";

// Query names that V1 signs; besides these every name that starts with "x-oss-".
constexpr std::string_view kSubResources[] = {"acl",
                                              "append",
                                              "asyncFetch",
                                              "bucketInfo",
                                              "callback",
                                              "callback-var",
                                              "cleanRestoredObject",
                                              "cloudboxes",
                                              "cname",
                                              "comp",
                                              "continuation-token",
                                              "cors",
                                              "delete",
                                              "encryption",
                                              "endTime",
                                              "img",
                                              "inventory",
                                              "inventoryId",
                                              "lifecycle",
                                              "live",
                                              "location",
                                              "logging",
                                              "objectMeta",
                                              "partNumber",
                                              "policy",
                                              "position",
                                              "qos",
                                              "qosInfo",
                                              "referer",
                                              "regionList",
                                              "replication",
                                              "replicationLocation",
                                              "replicationProgress",
                                              "requestPayment",
                                              "resourceGroup",
                                              "response-cache-control",
                                              "response-content-disposition",
                                              "response-content-encoding",
                                              "response-content-language",
                                              "response-content-type",
                                              "response-expires",
                                              "restore",
                                              "security-token",
                                              "sequential",
                                              "startTime",
                                              "stat",
                                              "status",
                                              "style",
                                              "styleName",
                                              "symlink",
                                              "tagging",
                                              "uploadId",
                                              "uploads",
                                              "versionId",
                                              "versioning",
                                              "versions",
                                              "vod",
                                              "website",
                                              "worm",
                                              "wormExtend",
                                              "wormId"};

bool IsSubResource(std::string_view name) {
  return name.starts_with("x-oss-") ||
         std::find(std::begin(kSubResources), std::end(kSubResources), name) != std::end(kSubResources);
}

// "/bucket/key" before any encoding; "/bucket/" without key; "/" without bucket.
std::string ResourcePath(const SignableRequest& request) {
  if (request.bucket.empty()) return "/";
  return StrCat("/", request.bucket, "/", request.key);
}

void AppendResourceV1(const SignableRequest& request, std::string& out) {
  NameValues signed_query;
  for (const auto& parameter : request.query) {
    if (IsSubResource(parameter.first)) signed_query.push_back(parameter);
  }
  std::sort(signed_query.begin(), signed_query.end());
  out += ResourcePath(request);
  char separator = '?';
  for (const auto& [name, value] : signed_query) {
    out += separator;
    out += name;
    if (!value.empty()) out.append("=").append(value);
    separator = '&';
  }
}

bool IsDefaultSigned(std::string_view lower_name) {
  return lower_name.starts_with("x-oss-") || lower_name == "content-type" || lower_name == "content-md5";
}

// The extra signed headers: lower-case, sorted, once each, present and not signed anyway.
std::vector<std::string> EffectiveAdditional(const std::map<std::string, std::string>& headers,
                                             const std::vector<std::string>& additional) {
  std::vector<std::string> out;
  for (const std::string& name : additional) {
    std::string lower = LowerCase(name);
    if (!IsDefaultSigned(lower) && headers.contains(lower)) out.push_back(std::move(lower));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void SetHeader(NameValues& headers, std::string_view name, std::string value) {
  std::erase_if(headers, [&](const auto& header) { return EqualsIgnoringCase(header.first, name); });
  headers.emplace_back(name, std::move(value));
}

}  // namespace

std::string StringToSignV1(const SignableRequest& request, std::string_view date) {
  const auto headers = NormalHeaders(request.headers, IsDefaultSigned);
  std::string out = StrCat(request.method, "\n", FindHeader(headers, "content-md5"), "\n",
                           FindHeader(headers, "content-type"), "\n", date, "\n");
  for (const auto& [name, value] : headers) {
    if (name.starts_with("x-oss-")) out.append(name).append(":").append(value).append("\n");
  }
  AppendResourceV1(request, out);
  return out;
}

std::string SignatureV1(std::string_view secret, std::string_view string_to_sign) {
  return Base64Encode(HmacSha1(secret, string_to_sign));
}

std::string ScopeV4::ToString() const {
  return StrCat(Date(), "/", region, "/", product, "/aliyun_v4_request");
}

std::string CanonicalRequestV4(const SignableRequest& request, const std::vector<std::string>& additional) {
  const auto headers = NormalHeaders(request.headers);
  const std::vector<std::string> extra = EffectiveAdditional(headers, additional);
  std::string out = StrCat(request.method, "\n", PercentEncodePath(ResourcePath(request)), "\n",
                           CanonicalQuery(request.query, "x-oss-signature", false), "\n");
  for (const auto& [name, value] : headers) {
    if (IsDefaultSigned(name) || std::binary_search(extra.begin(), extra.end(), name)) {
      out.append(name).append(":").append(value).append("\n");
    }
  }
  const std::string_view payload_hash = FindHeader(headers, "x-oss-content-sha256");
  return StrCat(out, "\n", Join(extra, ';'), "\n", payload_hash.empty() ? kUnsignedPayload : payload_hash);
}

SigningKey SigningKeyV4(std::string_view secret, const ScopeV4& scope) {
  std::string bytes =
      HmacChain(StrCat("aliyun_v4", secret), {scope.Date(), scope.region, scope.product, "aliyun_v4_request"});
  SigningKey key{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), key.size()), key.begin());
  explicit_bzero(bytes.data(), bytes.size());
  return key;
}

std::string SignatureV4(const SigningKey& key, const ScopeV4& scope, std::string_view canonical_request) {
  const std::string to_sign = StrCat(kAlgorithmV4, "\n", scope.iso_time, "\n", scope.ToString(), "\n",
                                     HexEncode(Sha256(canonical_request)));
  return HexEncode(HmacSha256({key.data(), key.size()}, to_sign));
}

std::string SignatureV4(std::string_view secret, const ScopeV4& scope, std::string_view canonical_request) {
  return SignatureV4(SigningKeyV4(secret, scope), scope, canonical_request);
}

void SignRequest(SignableRequest& request, const KeySet& keys, SignatureVersion version,
                 std::string_view region, int64_t unix_s, SigningKeyCache* cache) {
  if (keys.anonymous()) {
    SetHeader(request.headers, "date", HttpDate(unix_s));
    return;
  }
  if (!keys.security_token.empty()) {
    SetHeader(request.headers, "x-oss-security-token", keys.security_token);
  }
  if (version == SignatureVersion::kV1) {
    const std::string date = HttpDate(unix_s);
    SetHeader(request.headers, "date", date);
    const std::string signature = SignatureV1(keys.access_key_secret, StringToSignV1(request, date));
    SetHeader(request.headers, "authorization", StrCat("OSS ", keys.access_key_id, ":", signature));
    return;
  }
  ScopeV4 scope;
  scope.iso_time = IsoBasicDate(unix_s);
  scope.region = region;
  SetHeader(request.headers, "x-oss-date", scope.iso_time);
  SetHeader(request.headers, "x-oss-content-sha256", std::string(kUnsignedPayload));
  SigningKey key = cache != nullptr ? cache->Key(keys.access_key_secret, scope)
                                    : SigningKeyV4(keys.access_key_secret, scope);
  const std::string signature = SignatureV4(key, scope, CanonicalRequestV4(request, {}));
  explicit_bzero(key.data(), key.size());
  SetHeader(request.headers, "authorization",
            StrCat(kAlgorithmV4, " Credential=", keys.access_key_id, "/", scope.ToString(),
                   ",Signature=", signature));
}

}  // namespace ossfs2::oss
