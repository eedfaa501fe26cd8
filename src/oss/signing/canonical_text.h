// The pieces that canonical requests of OSS and of S3 are made of: what a signature is computed over.
//
// Pure functions. Secrets come in as arguments and are overwritten where they were copied.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oss/signing/signing.h"

namespace ossfs2::oss {

// Lower-case names with trimmed values, sorted; repeated headers are joined with ",". Only those whose lower-case name
// `is_wanted`.
std::map<std::string, std::string> NormalHeaders(const NameValues& headers, bool (*is_wanted)(std::string_view));
std::map<std::string, std::string> NormalHeaders(const NameValues& headers);
// Empty when there is none.
std::string_view FindHeader(const std::map<std::string, std::string>& headers, const std::string& lower_name);
std::string Join(const std::vector<std::string>& parts, char separator);
// Encoded and sorted "name=value" pairs without the one named `left_out`; `keep_equals`: "name=" for an empty value,
// as S3 wants it.
std::string CanonicalQuery(const NameValues& query, std::string_view left_out, bool keep_equals);
// The HMAC-SHA256 of the last part under the HMAC of the one before, and so on; the first one's key is `key`.
std::string HmacChain(std::string key, std::initializer_list<std::string_view> parts);

}  // namespace ossfs2::oss
