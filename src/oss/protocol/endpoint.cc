#include "oss/protocol/endpoint.h"

#include <arpa/inet.h>

#include <cerrno>
#include <charconv>

#include "base/values/str.h"
#include "oss/protocol/oss_config.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

Error Wrong(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

bool IsAddress(const std::string& host) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 || inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

bool IsBucketName(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return name.front() != '-' && name.back() != '-';
}

struct HostPort {
  bool tls = true;
  std::string host;
  uint16_t port = 443;
};

Result<HostPort> ParseEndpoint(std::string_view text) {
  HostPort out;
  const auto wrong = [&](std::string_view why) {
    return Wrong(StrCat("oss_endpoint=", text, " is wrong: ", why,
                        "; give it as https://oss-REGION.aliyuncs.com or http://HOST:PORT"));
  };
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    out.tls = false;
    out.port = 80;
  } else if (rest.find("://") != std::string_view::npos) {
    return wrong("only http and https are known");
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ ") != std::string_view::npos)
    return wrong("it may have no path, user or space");
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) return wrong("a ']' is missing");
    out.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
  } else {
    const size_t colon = rest.find(':');
    out.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
  }
  if (out.host.empty()) return wrong("it has no host");
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size() || out.port == 0)
      return wrong("the port is no port");
  }
  return out;
}

// "oss-cn-hangzhou-internal", as users copy it, is region cn-hangzhou.
std::string_view StripRegion(std::string_view region) {
  if (region.starts_with("s3.")) region.remove_prefix(3);
  if (region.starts_with("oss-")) region.remove_prefix(4);
  if (region.ends_with("-internal")) region.remove_suffix(9);
  return region;
}

}  // namespace

std::string RegionOfEndpoint(std::string_view endpoint) {
  const auto parsed = ParseEndpoint(endpoint);
  if (!parsed) return "";
  std::string_view host = parsed->host;
  constexpr std::string_view kDualStack = ".oss.aliyuncs.com";
  constexpr std::string_view kSuffix = ".aliyuncs.com";
  if (host.ends_with(kDualStack)) {
    host.remove_suffix(kDualStack.size());
    const size_t dot = host.rfind('.');
    return std::string(dot == std::string_view::npos ? host : host.substr(dot + 1));
  }
  if (!host.ends_with(kSuffix)) return "";
  host.remove_suffix(kSuffix.size());
  const size_t dot = host.rfind('.');  // a bucket in front
  if (dot != std::string_view::npos) host.remove_prefix(dot + 1);
  if (!host.starts_with("oss-") || host.starts_with("oss-accelerate")) return "";
  return std::string(StripRegion(host));
}

std::string Endpoint::Target(std::string_view key, const NameValues& query) const {
  std::string target = StrCat(path_prefix, "/", PercentEncodePath(key));
  char separator = '?';
  for (const auto& [name, value] : query) {
    target += separator;
    target += PercentEncode(name);
    if (!value.empty()) target.append("=").append(PercentEncode(value));
    separator = '&';
  }
  return target;
}

Result<Endpoint> MakeEndpoint(const OssConfig& config) {
  if (config.endpoint.empty()) {
    return Wrong(
        "oss_endpoint is not set: give the bucket's endpoint, for example "
        "https://oss-cn-hangzhou.aliyuncs.com");
  }
  if (config.bucket.empty()) return Wrong("oss_bucket is not set: give the name of the bucket");
  if (!IsBucketName(config.bucket)) {
    return Wrong(StrCat("oss_bucket=", config.bucket,
                        " is not a bucket name: 3 to 63 of a-z, 0-9 and '-', without the endpoint"));
  }
  auto parsed = ParseEndpoint(config.endpoint);
  if (!parsed) return parsed.error();
  Endpoint out;
  out.tls = parsed->tls;
  out.port = parsed->port;
  out.bucket = config.bucket;
  // An endpoint copied from the console with the bucket in front.
  const std::string in_front = config.bucket + ".";
  if (!config.cname && parsed->host.starts_with(in_front)) parsed->host.erase(0, in_front.size());
  out.text = parsed->host;
  if (config.cname) {
    out.host = parsed->host;
  } else if (config.path_style || IsAddress(parsed->host)) {
    out.host = parsed->host;
    out.path_prefix = "/" + config.bucket;
  } else {
    out.host = in_front + parsed->host;
  }
  out.region =
      config.region.empty() ? RegionOfEndpoint(config.endpoint) : std::string(StripRegion(config.region));
  if (config.signature_version != 0 && config.signature_version != 1 && config.signature_version != 4) {
    return Wrong(StrCat("signature version ", config.signature_version, " is not known: 1 or 4"));
  }
  const bool v4 = config.signature_version == 4 || (config.signature_version == 0 && !out.region.empty());
  if (v4 && out.region.empty()) {
    return Wrong(StrCat("oss_region is not set and endpoint ", out.text,
                        " tells none: signature version 4 needs it, for example cn-hangzhou"));
  }
  out.signature = v4 ? SignatureVersion::kV4 : SignatureVersion::kV1;
  return out;
}

}  // namespace ossfs2::oss
