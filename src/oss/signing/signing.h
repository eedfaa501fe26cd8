// Signatures of OSS (V1 and V4), as pure functions used by the client to sign and by ossfs2-server to verify.
// S3's are in s3_signing.h.
//
// Nothing here reads a clock or logs. Secrets come in as arguments and go nowhere else.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ossfs2::oss {

using NameValues = std::vector<std::pair<std::string, std::string>>;

struct SignableRequest {
  std::string method;  // upper case
  std::string bucket;  // empty for service operations
  std::string key;     // raw, not encoded; empty for bucket operations
  NameValues query;    // decoded
  NameValues headers;  // names in any case
};

// --- V1 ---
// `date`: the Date (or x-oss-date) header's value, or the decimal Expires of a presigned URL.
std::string StringToSignV1(const SignableRequest& request, std::string_view date);
std::string SignatureV1(std::string_view secret, std::string_view string_to_sign);  // base64

// --- V4 ---
struct ScopeV4 {
  std::string iso_time;  // "20231216T162057Z"
  std::string region;    // "cn-hangzhou"
  std::string product = "oss";
  std::string Date() const { return iso_time.substr(0, 8); }
  std::string ToString() const;  // 20231216/cn-hangzhou/oss/aliyun_v4_request
};
// `additional`: names of further signed headers; those absent or signed anyway are dropped.
std::string CanonicalRequestV4(const SignableRequest& request, const std::vector<std::string>& additional);
std::string SignatureV4(std::string_view secret, const ScopeV4& scope,
                        std::string_view canonical_request);  // hex
// The two halves of it: what depends only on the secret, the day, region and product, and what each request pays.
using SigningKey = std::array<char, 32>;
SigningKey SigningKeyV4(std::string_view secret, const ScopeV4& scope);
std::string SignatureV4(const SigningKey& key, const ScopeV4& scope, std::string_view canonical_request);  // hex

// --- what a client sends ---
struct KeySet {
  std::string access_key_id;
  std::string access_key_secret;
  std::string security_token;  // empty: none
  bool anonymous() const { return access_key_id.empty(); }
};
// Many requests sign with one set: no copies of secrets, and none of a token of a thousand bytes.
using SharedKeys = std::shared_ptr<const KeySet>;
enum class SignatureVersion { kV1, kV4 };
// Adds date, token, payload-hash and Authorization headers to request.headers for a request sent at unix_s.
// Anonymous keys add only the date. Call last, after all other headers. `cache` spares V4 most of its hashes.
class SigningKeyCache;
void SignRequest(SignableRequest& request, const KeySet& keys, SignatureVersion version,
                 std::string_view region, int64_t unix_s, SigningKeyCache* cache = nullptr);

}  // namespace ossfs2::oss
