#include "oss/signing/canonical_text.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/values/text.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {

std::map<std::string, std::string> NormalHeaders(const NameValues& headers) {
  return NormalHeaders(headers, [](std::string_view) { return true; });
}

std::map<std::string, std::string> NormalHeaders(const NameValues& headers, bool (*is_wanted)(std::string_view)) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : headers) {
    std::string lower = LowerCase(name);
    if (!is_wanted(lower)) continue;
    const auto [at, is_new] = out.emplace(std::move(lower), TrimSpace(value));
    if (!is_new) at->second.append(",").append(TrimSpace(value));
  }
  return out;
}

std::string_view FindHeader(const std::map<std::string, std::string>& headers, const std::string& lower_name) {
  const auto at = headers.find(lower_name);
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

std::string Join(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::string CanonicalQuery(const NameValues& query, std::string_view left_out, bool keep_equals) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    if (name == left_out) continue;
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
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

}  // namespace ossfs2::oss
