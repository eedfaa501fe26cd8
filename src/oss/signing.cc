#include "oss/signing.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "base/str.h"
#include "oss/encoding.h"
#include "oss/signing_key_cache.h"

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

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Lower-case names with trimmed values, sorted; repeated headers are joined with ",".
std::map<std::string, std::string> NormalHeaders(const NameValues& headers) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : headers) {
    const auto [at, is_new] = out.emplace(Lower(name), Trim(value));
    if (!is_new) at->second.append(",").append(Trim(value));
  }
  return out;
}

std::string_view FindHeader(const std::map<std::string, std::string>& headers, const std::string& name) {
  const auto at = headers.find(name);
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

bool IsSubResource(std::string_view name) {
  return name.starts_with("x-oss-") ||
         std::find(std::begin(kSubResources), std::end(kSubResources), name) != std::end(kSubResources);
}

// "/bucket/key" before any encoding; "/bucket/" without key; "/" without bucket.
std::string ResourcePath(const SignableRequest& request) {
  if (request.bucket.empty()) return "/";
  return StrCat("/", request.bucket, "/", request.key);
}

std::string CanonicalResourceV1(const SignableRequest& request) {
  NameValues signed_query;
  for (const auto& parameter : request.query) {
    if (IsSubResource(parameter.first)) signed_query.push_back(parameter);
  }
  std::sort(signed_query.begin(), signed_query.end());
  std::string out = ResourcePath(request);
  char separator = '?';
  for (const auto& [name, value] : signed_query) {
    out += separator;
    out += name;
    if (!value.empty()) out.append("=").append(value);
    separator = '&';
  }
  return out;
}

bool IsDefaultSigned(std::string_view lower_name) {
  return lower_name.starts_with("x-oss-") || lower_name == "content-type" || lower_name == "content-md5";
}

// The extra signed headers: lower-case, sorted, once each, present and not signed anyway.
std::vector<std::string> EffectiveAdditional(const std::map<std::string, std::string>& headers,
                                             const std::vector<std::string>& additional) {
  std::vector<std::string> out;
  for (const std::string& name : additional) {
    std::string lower = Lower(name);
    if (!IsDefaultSigned(lower) && headers.contains(lower)) out.push_back(std::move(lower));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string Join(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

// Encoded and sorted "name=value" pairs; `keep_equals`: "name=" for an empty value, as S3 wants it.
std::string CanonicalQuery(const NameValues& query, std::string_view left_out, bool keep_equals) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    if (name == left_out) continue;
    encoded.emplace_back(PercentEncode(name, false), PercentEncode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    if (keep_equals || !value.empty()) out.append("=").append(value);
  }
  return out;
}

std::string HmacChain(std::string key, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    std::string next = HmacSha256(key, part);
    explicit_bzero(key.data(), key.size());
    key.swap(next);
  }
  return key;
}

void SetHeader(NameValues& headers, std::string_view name, std::string value) {
  std::erase_if(headers, [&](const auto& header) { return Lower(header.first) == name; });
  headers.emplace_back(name, std::move(value));
}

}  // namespace

std::string StringToSignV1(const SignableRequest& request, std::string_view date) {
  const auto headers = NormalHeaders(request.headers);
  std::string out = StrCat(request.method, "\n", FindHeader(headers, "content-md5"), "\n",
                           FindHeader(headers, "content-type"), "\n", date, "\n");
  for (const auto& [name, value] : headers) {
    if (name.starts_with("x-oss-")) out.append(name).append(":").append(value).append("\n");
  }
  return out + CanonicalResourceV1(request);
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
  std::string out = StrCat(request.method, "\n", PercentEncode(ResourcePath(request), true), "\n",
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

std::string AdditionalHeadersV4(const SignableRequest& request, const std::vector<std::string>& additional) {
  return Join(EffectiveAdditional(NormalHeaders(request.headers), additional), ';');
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

NameValues PresignV1(const SignableRequest& request, const KeySet& keys, int64_t expires_unix_s) {
  SignableRequest copy = request;
  if (!keys.security_token.empty()) copy.query.emplace_back("security-token", keys.security_token);
  const std::string expires = StrCat(expires_unix_s);
  const std::string signature = SignatureV1(keys.access_key_secret, StringToSignV1(copy, expires));
  copy.query.emplace_back("OSSAccessKeyId", keys.access_key_id);
  copy.query.emplace_back("Expires", expires);
  copy.query.emplace_back("Signature", signature);
  return copy.query;
}

NameValues PresignV4(const SignableRequest& request, const KeySet& keys, std::string_view region,
                     int64_t unix_s, int64_t valid_s) {
  SignableRequest copy = request;
  ScopeV4 scope;
  scope.iso_time = IsoBasicDate(unix_s);
  scope.region = region;
  copy.query.emplace_back("x-oss-signature-version", kAlgorithmV4);
  copy.query.emplace_back("x-oss-date", scope.iso_time);
  copy.query.emplace_back("x-oss-expires", StrCat(valid_s));
  copy.query.emplace_back("x-oss-credential", StrCat(keys.access_key_id, "/", scope.ToString()));
  if (!keys.security_token.empty()) copy.query.emplace_back("x-oss-security-token", keys.security_token);
  copy.query.emplace_back("x-oss-signature",
                          SignatureV4(keys.access_key_secret, scope, CanonicalRequestV4(copy, {})));
  return copy.query;
}

std::string S3CanonicalRequest(std::string_view method, std::string_view path,
                               const NameValues& decoded_query, const NameValues& headers,
                               const std::vector<std::string>& signed_headers,
                               std::string_view payload_hash) {
  const auto normal = NormalHeaders(headers);
  std::string out =
      StrCat(method, "\n", path, "\n", CanonicalQuery(decoded_query, "X-Amz-Signature", true), "\n");
  for (const std::string& name : signed_headers) {
    const std::string lower = Lower(name);
    out.append(lower).append(":");
    bool after_space = false;  // runs of inner spaces count as one
    for (const char c : FindHeader(normal, lower)) {
      if (c != ' ' || !after_space) out += c;
      after_space = c == ' ';
    }
    out += '\n';
  }
  return StrCat(out, "\n", Lower(Join(signed_headers, ';')), "\n", payload_hash);
}

namespace {

std::string S3Key(std::string_view secret, const S3Scope& scope) {
  return HmacChain(StrCat("AWS4", secret), {std::string_view(scope.iso_time).substr(0, 8), scope.region,
                                            scope.service, "aws4_request"});
}

std::string S3ScopeText(const S3Scope& scope) {
  return StrCat(scope.iso_time.substr(0, 8), "/", scope.region, "/", scope.service, "/aws4_request");
}

}  // namespace

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
