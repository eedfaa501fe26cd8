#include "cli/daemon/probe_advice.h"

#include <algorithm>
#include <cerrno>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/settings/endpoint_parts.h"

namespace ossfs2 {
namespace {

bool Contains(std::string_view text, std::string_view lower_part) {
  return LowerCase(text).find(lower_part) != std::string::npos;
}

bool CodeIs(const Error& error, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), error.oss_code) != codes.end();
}

// What the service's own answer means.
std::string AdviceForCode(const Error& error, const Settings& settings) {
  const std::string& bucket = settings.oss.bucket;
  const std::string& endpoint = settings.oss.endpoint;
  if (error.kind == ErrorKind::kThrottled)
    return "the service refuses requests for the moment, since there are too many of them for the account or bucket; "
           "try again, with fewer clients, or ask for a higher limit";
  if (error.http_status >= 500)
    return StrCat("the service at ", endpoint, " has trouble of its own; try again, and look at its status page");
  if (CodeIs(error, {"NoSuchBucket"}))
    return StrCat("the bucket ", bucket, " does not exist at ", endpoint,
                  "; check the spelling of oss_bucket and the region of oss_endpoint");
  if (CodeIs(error, {"InvalidBucketName"}))
    return StrCat("\"", bucket, "\" is not a valid bucket name; check oss_bucket");
  if (CodeIs(error, {"InvalidAccessKeyId"}))
    return "the access key id is not known; check oss_access_key_id (or the source of the credentials), and "
           "that the "
           "key is enabled";
  if (CodeIs(error, {"SignatureDoesNotMatch"}))
    return "the signature does not match: the access key secret is wrong, or oss_region is not the bucket's "
           "region; "
           "check both";
  if (CodeIs(error, {"RequestTimeTooSkewed"}) || error.kind == ErrorKind::kClockSkew)
    return "the clock of this machine is wrong by more than 15 minutes; set it (timedatectl set-ntp true)";
  if (CodeIs(error, {"SecurityTokenExpired", "InvalidSecurityToken"}) ||
      error.kind == ErrorKind::kExpiredCredential)
    return "the security token has expired or is not valid; get a new one, or use ram_role, "
           "credential_process or "
           "credential_dir, which renew it";
  if (CodeIs(error, {"UserDisable", "InvalidAccessKeyId.Inactive"}))
    return "the account or key is disabled (perhaps an unpaid bill); look at the console";
  if (Contains(error.text, "must be addressed using the specified endpoint") || error.http_status == 301 ||
      error.http_status == 307)
    return StrCat("the bucket ", bucket, " lies in another region than ", endpoint,
                  "; give the endpoint of the bucket's region");
  if (Contains(error.text, "region"))
    return StrCat("the region does not fit the bucket; check oss_region and oss_endpoint (", endpoint, ")");
  if (error.kind == ErrorKind::kAccessDenied || error.http_status == 403)
    return StrCat(
        "access to oss://", bucket, "/", settings.fs.prefix,
        " is denied: the key needs the right to list (oss:ListObjects) on that bucket and prefix, and the "
        "bucket must be yours or shared with you");
  return "";
}

// What the network did.
std::string AdviceForNetwork(const Error& error, const Settings& settings) {
  const std::string& endpoint = settings.oss.endpoint;
  if (Contains(error.text, "source address"))
    return "no address of bind_ips belongs to this machine; correct it, or leave it out";
  if (Contains(error.text, "resolve") || Contains(error.text, "name or service not known"))
    return StrCat("the name of the endpoint ", endpoint,
                  " cannot be resolved; check oss_endpoint and the DNS set-up");
  if (Contains(error.text, "certificate") || Contains(error.text, "ca_file"))
    return StrCat("the certificate of ", endpoint,
                  " is not trusted; check the host name, ca_file and ca_dir");
  if (Contains(error.text, "ssl") || Contains(error.text, "tls"))
    return StrCat("no TLS connection to ", endpoint,
                  "; if the service speaks plain HTTP there, write http:// in "
                  "oss_endpoint; otherwise check the port, ca_file and ca_dir");
  if (Contains(error.text, "refused"))
    return StrCat(endpoint, " refused the connection; check the host and port of oss_endpoint");
  if (Contains(error.text, "timed out") || Contains(error.text, "timeout") ||
      Contains(error.text, "time-out") || Contains(error.text, "deadline") || error.errno_value == ETIMEDOUT)
    return StrCat("no answer from ", endpoint,
                  " in time; check that this machine may reach it (an internal endpoint "
                  "works only inside its region, firewalls, bind_ips)");
  if (error.http_status == 400)
    return StrCat(endpoint,
                  " did not understand the request; if it speaks TLS, write https:// in oss_endpoint");
  return StrCat("the bucket cannot be reached at ", endpoint, "; check oss_endpoint and the network");
}

}  // namespace

Error AdviseProbe(const Error& error, const Settings& settings) {
  Error advised = error;
  // Neither the bucket nor the network was asked: the source of the keys says what is wrong.
  if (Contains(error.text, "there are no valid credentials")) return advised;
  if (settings.credentials.anonymous && error.kind == ErrorKind::kAccessDenied) {
    advised.text =
        StrCat(error.text.substr(0, error.text.find(" Next: ")),
               " Next: no request is signed (anonymous), and the bucket is not public: leave anonymous out and "
               "give a key.");
    return advised;
  }
  const bool no_answer = error.http_status == 0 && error.kind == ErrorKind::kUnavailable;
  if (no_answer && !settings.http.proxy.empty()) {
    advised.text =
        StrCat("the bucket cannot be reached through the proxy; check http_proxy, or leave it out [",
               error.text, "]");
    return advised;
  }
  const bool handshake =
      no_answer && SplitEndpoint(settings.oss.endpoint).tls && Contains(error.text, "deadline");
  if (error.text.find("Next: ") == std::string::npos) {
    std::string advice = AdviceForCode(error, settings);
    if (advice.empty()) advice = AdviceForNetwork(error, settings);
    advised.text = StrCat(advice, " [", error.text, "]");
  }
  if (const std::string host = SplitEndpoint(settings.oss.endpoint).host;
      no_answer && Contains(error.text, "resolve") && host.find('.') == std::string::npos &&
      host.find('-') != std::string::npos)
    advised.text += StrCat(" A region alone is no endpoint: write https://oss-", host, "-internal.aliyuncs.com.");
  // A server of plain HTTP answers a TLS hello with silence.
  if (handshake)
    advised.text += " If the service speaks plain HTTP at that port, write http:// in oss_endpoint.";
  // And one of TLS hangs up on a request in plain text.
  if (no_answer && !SplitEndpoint(settings.oss.endpoint).tls &&
      (Contains(error.text, "reset") || Contains(error.text, "closed")))
    advised.text += " If the service speaks TLS at that port, write https:// in oss_endpoint.";
  return advised;
}

Error AdviseCredentials(const Error& error) {
  Error advised = error;
  std::string_view cause = error.text;
  if (constexpr std::string_view kSame = "there are no valid credentials: "; cause.starts_with(kSame))
    cause.remove_prefix(kSame.size());
  advised.text = StrCat("no credentials: ", cause);
  if (!Contains(error.text, "next: ")) advised.text += ". Next: correct what is named, or give the keys in another way";
  return advised;
}

}  // namespace ossfs2
