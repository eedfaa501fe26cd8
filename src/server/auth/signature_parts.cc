#include "server/auth/signature_parts.h"

#include <cstdio>

#include "base/values/text.h"
#include "oss/signing/encoding.h"

namespace ossfs2::server {
namespace {

std::string HexBytes(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    char two[4];
    std::snprintf(two, sizeof(two), "%02X ", c);
    out += two;
  }
  if (!out.empty()) out.pop_back();
  return out;
}

}  // namespace

Failure AccessDenied(std::string_view message) { return Fail(403, "AccessDenied", message); }

Reply<AccessKey> FindKey(const KeyRing& keys, std::string_view id, std::string_view token) {
  const auto key = keys.Find(id);
  if (!key)
    return Fail(403, "InvalidAccessKeyId",
                "The OSS Access Key Id you provided does not exist in our records.");
  if (key->expired) return Fail(403, "SecurityTokenExpired", "The security token you provided has expired.");
  if (key->token != token) {
    return Fail(403, "InvalidSecurityToken", "The security token you provided is invalid.");
  }
  return *key;
}

Reply<void> CheckClock(int64_t request_s, int64_t now_s) {
  const int64_t skew = request_s > now_s ? request_s - now_s : now_s - request_s;
  if (skew <= kClockWindowSeconds) return {};
  auto failure = Fail(403, "RequestTimeTooSkewed",
                      "The difference between the request time and the current time is too large.");
  failure.value().elements = {{"MaxAllowedSkewMilliseconds", "900000"},
                              {"RequestTime", oss::IsoDate(request_s)},
                              {"ServerTime", oss::IsoDate(now_s)}};
  return failure;
}

bool SameSignature(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

Failure SignatureDoesNotMatch(std::string_view id, std::string_view provided, std::string_view string_to_sign,
                              std::string_view canonical_request) {
  auto failure =
      Fail(403, "SignatureDoesNotMatch",
           "The request signature we calculated does not match the signature you provided. Check your "
           "key and signing method.");
  failure.value().elements = {{"OSSAccessKeyId", std::string(id)},
                              {"SignatureProvided", std::string(provided)},
                              {"StringToSign", std::string(string_to_sign)},
                              {"StringToSignBytes", HexBytes(string_to_sign)}};
  if (!canonical_request.empty())
    failure.value().elements.emplace_back("CanonicalRequest", canonical_request);
  return failure;
}

std::string CredentialField(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = text.find(',');
    const std::string_view field = TrimSpace(text.substr(0, end));
    if (field.size() > name.size() && field.starts_with(name) && field[name.size()] == '=') {
      return std::string(field.substr(name.size() + 1));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return {};
}

std::vector<std::string> SplitHeaderNames(std::string_view text) {
  return text.empty() ? std::vector<std::string>() : Split(text, ';');
}

}  // namespace ossfs2::server
