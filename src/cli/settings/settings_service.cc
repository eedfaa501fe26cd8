#include "cli/settings/settings_service.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "base/machine/cpu_pressure.h"
#include "base/machine/environment.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/directories.h"
#include "cli/options/line_advice.h"
#include "cli/settings/endpoint_parts.h"
#include "cli/settings/object_properties.h"
#include "http/net/address.h"
#include "oss/protocol/endpoint.h"

namespace ossfs2 {

Error Refuse(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

namespace {

// Without blanks around them and without empty ones.
std::vector<std::string> SplitWords(std::string_view text, char separator) {
  std::vector<std::string> words;
  for (const std::string& field : Split(text, separator))
    if (const std::string_view word = Trim(field); !word.empty()) words.emplace_back(word);
  return words;
}

Status CheckEndpoint(const std::string& endpoint) {
  if (endpoint.empty())
    return Refuse(
        "oss_endpoint is missing; give --oss_endpoint=https://oss-REGION-internal.aliyuncs.com, or a config file with "
        "it (-c FILE)");
  const size_t scheme = endpoint.find("://");
  if (scheme != std::string::npos && endpoint.substr(0, scheme) != "http" &&
      endpoint.substr(0, scheme) != "https")
    return Refuse(StrCat("oss_endpoint: \"", endpoint, "\" must begin with http:// or https://"));
  const std::string host = HostAndPort(endpoint);
  const size_t after = (scheme == std::string::npos ? 0 : scheme + 3) + host.size();
  if (host.empty() || host.find_first_of(" \t@?#") != std::string::npos ||
      endpoint.find_first_not_of('/', after) != std::string::npos)
    return Refuse(
        StrCat("oss_endpoint: \"", endpoint, "\" is not a host name, such as oss-cn-hangzhou.aliyuncs.com"));
  return {};
}

// What AppendObject does not take, so that no file could be stored.
Status CheckAppendable(const oss::OssConfig& oss) {
  if (!oss.sse_key_id.empty())
    return Refuse(
        "enable_appendable_object: the service takes no sse_key_id for appendable objects; leave one of them out");
  if (oss.storage_class.ends_with("ColdArchive"))
    return Refuse(StrCat("enable_appendable_object: the service has no appendable objects of storage_class=",
                         oss.storage_class));
  return {};
}

Status FillOss(const OptionSet& options, Settings& settings) {
  oss::OssConfig& oss = settings.oss;
  oss.endpoint = options.Text("oss_endpoint");
  OSSFS2_RETURN_IF_ERROR(CheckEndpoint(oss.endpoint));
  while (!oss.endpoint.empty() && oss.endpoint.back() == '/') oss.endpoint.pop_back();
  oss.bucket = options.Text("oss_bucket");
  if (oss.bucket.empty()) return Refuse("oss_bucket is missing; give --oss_bucket=NAME");
  if (oss.bucket.find_first_of("/:@ ") != std::string::npos)
    return Refuse(StrCat("oss_bucket: \"", oss.bucket, "\" is not a bucket name", BucketAdvice(oss.bucket)));
  oss.region = options.Text("oss_region");
  oss.path_style = options.Bool("path_style");
  oss.cname = options.Bool("cname");
  oss.signature_version = static_cast<int>(options.Int("signature_version"));
  // The store checks the same when it is made; `check` and a mount should say it before they try anything.
  if (const auto endpoint = oss::MakeEndpoint(oss); !endpoint) return endpoint.error();
  oss.request_timeout = std::chrono::milliseconds(options.Int("oss_request_timeout_ms"));
  oss.connect_timeout = std::chrono::milliseconds(options.Int("connect_timeout_ms"));
  oss.stall_timeout = std::chrono::milliseconds(options.Int("stall_timeout_ms"));
  oss.check_crc64 = options.Bool("enable_crc64");
  oss.is_short_of_processors = [pressure = std::make_shared<CpuPressure>(CpuPressure::kFile)] {
    pressure->Sample(std::chrono::steady_clock::now().time_since_epoch().count());
    return pressure->Short();
  };
  oss.storage_class = options.Text("storage_class");
  oss.sse = options.Text("sse");
  oss.sse_key_id = options.Text("sse_key_id");
  if (!oss.sse_key_id.empty() && oss.sse != "KMS") return Refuse("sse_key_id needs sse=KMS");
  oss.object_acl = options.Text("object_acl");
  oss.tagging = options.Text("tagging");
  OSSFS2_RETURN_IF_ERROR(CheckTagging(oss.tagging));
  if (options.Bool("enable_appendable_object")) OSSFS2_RETURN_IF_ERROR(CheckAppendable(oss));
  auto metadata = ParseUserMetadata(options.Text("user_metadata"));
  if (!metadata) return metadata.error();
  oss.user_metadata = std::move(*metadata);
  oss.requester_pays = options.Bool("requester_pays");
  oss.traffic_limit_bits_per_s = static_cast<uint64_t>(options.Int("traffic_limit"));
  if (oss.traffic_limit_bits_per_s != 0 && oss.traffic_limit_bits_per_s < 819'200)
    return Refuse("traffic_limit: the service allows 819200 to 838860800 bit/s");
  return {};
}

// A wrong one is left out, as by the existing client: the others serve, or the system chooses.
std::vector<std::string> SourceAddresses(const OptionSet& options, std::vector<std::string>& notices) {
  std::vector<std::string> addresses;
  for (std::string& text : SplitWords(options.Text("bind_ips"), ',')) {
    if (http::SocketAddress::FromLiteral(text, 0)) {
      addresses.push_back(std::move(text));
    } else {
      notices.push_back(StrCat("bind_ips: \"", text, "\" is not an IP address and is left out"));
    }
  }
  return addresses;
}

Status FillHttp(const OptionSet& options, Settings& settings) {
  http::HttpConfig& http = settings.http;
  http.loop_threads = static_cast<int>(options.Int("oss_vcpu_count"));
  http.proxy = options.Text("http_proxy");
  http.source_addresses = SourceAddresses(options, settings.notices);
  http.ipv6 = options.Bool("enable_ipv6");
  http.ca_file = FromStartDirectory(options.Text("ca_file"));
  http.ca_dir = FromStartDirectory(options.Text("ca_dir"));
  if (!http.ca_file.empty() && access(http.ca_file.c_str(), R_OK) != 0)
    return ErrnoError(errno, StrCat("ca_file ", http.ca_file));
  if (!http.ca_dir.empty() && access(http.ca_dir.c_str(), R_OK | X_OK) != 0)
    return ErrnoError(errno, StrCat("ca_dir ", http.ca_dir));
  return {};
}

// An address in brackets has no other family to go to.
Status CheckFamily(const std::string& endpoint, bool ipv6) {
  if (ipv6 || HostAndPort(endpoint).rfind('[', 0) != 0) return {};
  return Refuse(StrCat("oss_endpoint: ", endpoint, " is an IPv6 address, and enable_ipv6 is off; leave that out"));
}

// As the existing client: with one half missing, both come from the environment; and a pair that is not used may
// be incomplete.
Status CompleteKeyPair(Settings& settings) {
  oss::CredentialOptions& keys = settings.credentials;
  std::vector<std::string> sources = oss::GivenSources(keys);
  std::erase(sources, "oss_access_key_id");
  const bool half = keys.access_key_id.empty() != keys.access_key_secret.empty();
  if (half && sources.empty()) {
    if (EnvironmentText("OSS_ACCESS_KEY_ID").empty() || EnvironmentText("OSS_ACCESS_KEY_SECRET").empty())
      return Refuse(StrCat(keys.access_key_id.empty() ? "oss_access_key_id" : "oss_access_key_secret",
                           " is missing, and OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not set"));
    settings.notices.push_back("one half of the key pair is missing; both come from the environment");
  } else if (half) {
    settings.notices.push_back(StrCat("one half of the key pair is missing; ", sources.front(), " is used"));
  }
  if (half) keys.access_key_id = keys.access_key_secret = "";
  if (!keys.security_token.empty() && keys.access_key_id.empty() && sources.empty())
    return Refuse(
        "oss_security_token belongs to a key pair; give oss_access_key_id and oss_access_key_secret too");
  return {};
}

Status FillCredentials(const OptionSet& options, Settings& settings) {
  oss::CredentialOptions& keys = settings.credentials;
  keys.anonymous = options.Bool("anonymous");
  keys.access_key_id = options.Text("oss_access_key_id");
  keys.access_key_secret = options.Text("oss_access_key_secret");
  keys.security_token = options.Text("oss_security_token");
  keys.credential_file = FromStartDirectory(options.Text("credential_file"));
  keys.credential_dir = FromStartDirectory(options.Text("credential_dir"));
  keys.credential_process = options.Text("credential_process");
  if (!keys.credential_process.empty() &&
      (keys.credential_process[0] != '/' || keys.credential_process.find('$') != std::string::npos))
    return Refuse("credential_process must be an absolute path with arguments, without $");
  keys.ram_role = options.Text("ram_role");
  keys.hardened_metadata = options.Bool("hardened_metadata");
  keys.profile = options.Text("profile");
  keys.assume_role_arn = options.Text("assume_role_arn");
  keys.assume_role_session_name = options.Text("assume_role_session_name");
  keys.assume_role_external_id = options.Text("assume_role_external_id");
  keys.oidc_role_arn = options.Text("oidc_role_arn");
  keys.oidc_provider_arn = options.Text("oidc_provider_arn");
  keys.oidc_token_file = FromStartDirectory(options.Text("oidc_token_file"));
  keys.sts_endpoint = options.Text("sts_endpoint");
  keys.bucket = settings.oss.bucket;
  keys.refresh_interval = std::chrono::seconds(options.Int("credential_refresh_interval"));
  keys.refresh_backoff = options.Bool("credential_refresh_backoff");
  OSSFS2_RETURN_IF_ERROR(CompleteKeyPair(settings));
  const std::vector<std::string> sources = oss::GivenSources(keys);
  for (size_t i = 1; i < sources.size(); ++i)
    settings.notices.push_back(StrCat(sources[i], " is not used, since ", sources[0], " is given"));
  return {};
}

}  // namespace

Status FillService(const OptionSet& options, Settings& settings) {
  OSSFS2_RETURN_IF_ERROR(FillOss(options, settings));
  OSSFS2_RETURN_IF_ERROR(FillHttp(options, settings));
  OSSFS2_RETURN_IF_ERROR(CheckFamily(settings.oss.endpoint, settings.http.ipv6));
  return FillCredentials(options, settings);
}

}  // namespace ossfs2
