#include "oss/signing/encoding.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace ossfs2::oss {
namespace {

constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool IsUnreserved(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Looked up once: OpenSSL 3 otherwise searches its providers for the algorithm in every call.
const EVP_MD* Algorithm(const char* name) { return EVP_MD_fetch(nullptr, name, nullptr); }
const EVP_MD* Sha1Algorithm() {
  static const EVP_MD* const algorithm = Algorithm("SHA1");
  return algorithm;
}
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = Algorithm("SHA256");
  return algorithm;
}

struct Hash {
  std::array<char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  std::string_view view() const { return {bytes.data(), size}; }
};

// The hash of a text in two parts.
Hash Digest(const EVP_MD* algorithm, std::string_view head, std::string_view rest = {}) {
  struct Context {
    EVP_MD_CTX* const state = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(state); }
  };
  thread_local const Context context;
  Hash out;
  EVP_DigestInit_ex2(context.state, algorithm, nullptr);
  EVP_DigestUpdate(context.state, head.data(), head.size());
  EVP_DigestUpdate(context.state, rest.data(), rest.size());
  EVP_DigestFinal_ex(context.state, reinterpret_cast<unsigned char*>(out.bytes.data()), &out.size);
  return out;
}

// RFC 2104, for hashes with blocks of 64 bytes.
std::string Hmac(const EVP_MD* algorithm, std::string_view key, std::string_view data) {
  constexpr size_t kBlockBytes = 64;
  Hash short_key;
  if (key.size() > kBlockBytes) {
    short_key = Digest(algorithm, key);
    key = short_key.view();
  }
  std::array<char, kBlockBytes> inner;
  std::array<char, kBlockBytes> outer;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    const char byte = i < key.size() ? key[i] : '\0';
    inner[i] = static_cast<char>(byte ^ 0x36);
    outer[i] = static_cast<char>(byte ^ 0x5c);
  }
  const Hash inner_hash = Digest(algorithm, {inner.data(), kBlockBytes}, data);
  const Hash result = Digest(algorithm, {outer.data(), kBlockBytes}, inner_hash.view());
  explicit_bzero(inner.data(), kBlockBytes);
  explicit_bzero(outer.data(), kBlockBytes);
  explicit_bzero(&short_key, sizeof(short_key));
  return std::string(result.view());
}

std::tm SplitUtc(int64_t unix_s) {
  const time_t time = unix_s;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

template <class... Numbers>
std::string Format(const char* format, Numbers... numbers) {
  std::array<char, 64> out;
  const int size = std::snprintf(out.data(), out.size(), format, numbers...);
  return std::string(out.data(), static_cast<size_t>(size));
}

// Reads exactly `digits` decimal digits at the front of text and removes them; -1 when they are not there.
int TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeText(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// The time of the fields, or nothing when a field is out of its range (timegm would carry it over).
std::optional<int64_t> JoinUtc(int year, int month, int day, int hour, int minute, int second) {
  if (year < 1900 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  std::tm parts{};
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  parts.tm_mday = day;
  parts.tm_hour = hour;
  parts.tm_min = minute;
  parts.tm_sec = second;
  return static_cast<int64_t>(timegm(&parts));
}

std::string Escaped(std::string_view bytes, bool keep_slash) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsUnreserved(byte) || (keep_slash && c == '/')) {
      out += c;
    } else {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string Hex(std::string_view bytes, std::string_view digits) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace

std::string PercentEncode(std::string_view bytes) { return Escaped(bytes, /*keep_slash=*/false); }
std::string PercentEncodePath(std::string_view bytes) { return Escaped(bytes, /*keep_slash=*/true); }

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexValue(text[i + 1]);
      const int low = HexValue(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string Base64Encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const auto at = [&](size_t n) -> uint32_t {
      return n < left ? static_cast<unsigned char>(bytes[i + n]) : 0;
    };
    const uint32_t group = (at(0) << 16) | (at(1) << 8) | at(2);
    out += kBase64[group >> 18];
    out += kBase64[(group >> 12) & 63];
    out += left > 1 ? kBase64[(group >> 6) & 63] : '=';
    out += left > 2 ? kBase64[group & 63] : '=';
  }
  return out;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t group = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - padding;
    const size_t value = is_padding ? 0 : kBase64.find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    group = (group << 6) | static_cast<uint32_t>(value);
    if (i % 4 == 3) {
      out += static_cast<char>((group >> 16) & 255);
      out += static_cast<char>((group >> 8) & 255);
      out += static_cast<char>(group & 255);
      group = 0;
    }
  }
  out.resize(out.size() - padding);
  return out;
}

std::string HexEncode(std::string_view bytes) { return Hex(bytes, "0123456789abcdef"); }
std::string HexEncodeUpper(std::string_view bytes) { return Hex(bytes, "0123456789ABCDEF"); }

std::string HmacSha1(std::string_view key, std::string_view data) { return Hmac(Sha1Algorithm(), key, data); }
std::string HmacSha256(std::string_view key, std::string_view data) { return Hmac(Sha256Algorithm(), key, data); }
std::string Sha256(std::string_view data) { return std::string(Digest(Sha256Algorithm(), data).view()); }
std::string Md5(std::string_view data) { return std::string(Digest(EVP_md5(), data).view()); }

std::string HttpDate(int64_t unix_s) {
  const std::tm t = SplitUtc(unix_s);
  return Format("%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[static_cast<size_t>(t.tm_wday)], t.tm_mday,
                kMonths[static_cast<size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string IsoBasicDate(int64_t unix_s) {
  const std::tm t = SplitUtc(unix_s);
  return Format("%04d%02d%02dT%02d%02d%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                t.tm_sec);
}

std::string IsoDate(int64_t unix_s) {
  const std::tm t = SplitUtc(unix_s);
  return Format("%04d-%02d-%02dT%02d:%02d:%02d.000Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                t.tm_min, t.tm_sec);
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  const size_t comma = text.find(", ");
  if (comma == std::string_view::npos) return std::nullopt;
  text.remove_prefix(comma + 2);
  const int day = TakeNumber(text, 2);
  if (!TakeText(text, " ")) return std::nullopt;
  int month = 0;
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (text.starts_with(kMonths[i])) month = static_cast<int>(i) + 1;
  }
  if (month == 0) return std::nullopt;
  text.remove_prefix(3);
  if (!TakeText(text, " ")) return std::nullopt;
  const int year = TakeNumber(text, 4);
  if (!TakeText(text, " ")) return std::nullopt;
  const int hour = TakeNumber(text, 2);
  if (!TakeText(text, ":")) return std::nullopt;
  const int minute = TakeNumber(text, 2);
  if (!TakeText(text, ":")) return std::nullopt;
  const int second = TakeNumber(text, 2);
  if (text != " GMT") return std::nullopt;
  return JoinUtc(year, month, day, hour, minute, second);
}

std::optional<int64_t> ParseIsoBasicDate(std::string_view text) {
  const int year = TakeNumber(text, 4);
  const int month = TakeNumber(text, 2);
  const int day = TakeNumber(text, 2);
  if (!TakeText(text, "T")) return std::nullopt;
  const int hour = TakeNumber(text, 2);
  const int minute = TakeNumber(text, 2);
  const int second = TakeNumber(text, 2);
  if (text != "Z") return std::nullopt;
  return JoinUtc(year, month, day, hour, minute, second);
}

std::optional<int64_t> ParseIsoDate(std::string_view text) {
  const int year = TakeNumber(text, 4);
  if (!TakeText(text, "-")) return std::nullopt;
  const int month = TakeNumber(text, 2);
  if (!TakeText(text, "-")) return std::nullopt;
  const int day = TakeNumber(text, 2);
  if (!TakeText(text, "T")) return std::nullopt;
  const int hour = TakeNumber(text, 2);
  if (!TakeText(text, ":")) return std::nullopt;
  const int minute = TakeNumber(text, 2);
  if (!TakeText(text, ":")) return std::nullopt;
  const int second = TakeNumber(text, 2);
  if (TakeText(text, ".")) {
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
  }
  if (text != "Z" && text != "+00:00") return std::nullopt;
  return JoinUtc(year, month, day, hour, minute, second);
}

}  // namespace ossfs2::oss
