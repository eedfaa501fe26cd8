// Endpoint: where the bucket's requests go: scheme, host, port, addressing style and region.
//
// Made once from the configuration; immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "oss/signing/signing.h"
#include "ossfs2/status.h"

namespace ossfs2::oss {

struct OssConfig;

struct Endpoint {
  bool tls = true;
  std::string host;  // with the bucket in front in virtual-host style; for requests and Host
  uint16_t port = 443;
  std::string bucket;
  std::string path_prefix;  // "/bucket" in path style, else empty
  std::string region;       // empty: unknown
  SignatureVersion signature = SignatureVersion::kV4;
  std::string text;  // the host as configured, for messages

  // The encoded path and query of a request.
  std::string Target(std::string_view key, const NameValues& query) const;
};

// Checks endpoint, bucket, region and signature version. kInvalid names the option that is wrong.
Result<Endpoint> MakeEndpoint(const OssConfig& config);

// "cn-hangzhou" from "oss-cn-hangzhou-internal.aliyuncs.com"; empty when the host tells none.
std::string RegionOfEndpoint(std::string_view endpoint);

}  // namespace ossfs2::oss
