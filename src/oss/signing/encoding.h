// Encodings of the OSS protocol: percent, base64, hex, dates. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ossfs2::oss {

// A-Z a-z 0-9 - . _ ~ stay, everything else becomes %XX.
std::string PercentEncode(std::string_view bytes);
// The same, but '/' stays too.
std::string PercentEncodePath(std::string_view bytes);
// Bad escapes are left as they are. '+' stays '+'.
std::string PercentDecode(std::string_view text);

std::string Base64Encode(std::string_view bytes);
std::optional<std::string> Base64Decode(std::string_view text);
std::string HexEncode(std::string_view bytes);       // 0-9 a-f
std::string HexEncodeUpper(std::string_view bytes);  // 0-9 A-F

std::string HmacSha1(std::string_view key, std::string_view data);    // 20 raw bytes
std::string HmacSha256(std::string_view key, std::string_view data);  // 32 raw bytes
std::string Sha256(std::string_view data);                            // 32 raw bytes
std::string Md5(std::string_view data);                               // 16 raw bytes

std::string HttpDate(int64_t unix_s);      // "Wed, 28 Dec 2022 10:27:41 GMT"
std::string IsoBasicDate(int64_t unix_s);  // "20231216T162057Z"
std::string IsoDate(int64_t unix_s);       // "2023-12-16T16:20:57.000Z"
std::optional<int64_t> ParseHttpDate(std::string_view text);
std::optional<int64_t> ParseIsoBasicDate(std::string_view text);
std::optional<int64_t> ParseIsoDate(std::string_view text);  // with or without fraction

}  // namespace ossfs2::oss
