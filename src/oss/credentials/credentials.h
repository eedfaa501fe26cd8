// Credentials: where keys come from and how they stay fresh.
//
// CredentialProvider::Current() gives the set to sign an attempt with; it never blocks while a valid
// set exists: a background refresh starts ahead of expiry (remaining life < max(20 min, 20 %), or < 3 min
// for short-lived ones, with jitter), old keys serve until their expiry, failures are tried
// again every 15 s. ForceRefresh() after a 403 of an expired or unknown key: one refresh, shared by
// all callers. A source that gave keys once and now fails without refusing (no answer, 5xx, a command that
// fails, keys that have expired) may recover: the error is retryable, and it is asked once a second at most.
// Thread-safe. Secrets never reach logs, texts or metrics.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/time/clock.h"
#include "oss/signing/signing.h"
#include "ossfs2/status.h"

namespace ossfs2::http {
class HttpClient;
}

namespace ossfs2::oss {

struct CredentialOptions {
  // The first one that is set, in the order of GivenSources, wins; with none of them the default chain is asked
  // in the order: environment OSS_*, environment ALIBABA_CLOUD_*, OIDC environment, profile files
  // (~/.aliyun/config.json, ~/.alibabacloud/credentials), ALIBABA_CLOUD_ECS_METADATA,
  // ALIBABA_CLOUD_CREDENTIALS_URI.
  bool anonymous = false;
  std::string access_key_id;  // with secret, and token when temporary
  std::string access_key_secret;
  std::string security_token;
  std::string credential_file;     // "id:secret[:token]" or "bucket:id:secret" lines; mode 0600 or refused
  std::string credential_dir;      // files AccessKeyId, AccessKeySecret, SecurityToken that change on disk
  std::string credential_process;  // absolute command; JSON on stdout, 15 s, 1 MiB
  std::string ram_role;            // role name, or http:// URL of the answer
  bool hardened_metadata = false;  // IMDSv2 only
  std::string profile;             // name in ~/.aliyun/config.json
  // AssumeRole on top of whatever the above gave.
  std::string assume_role_arn;
  std::string assume_role_session_name = "ossfs2";
  std::string assume_role_external_id;
  // OIDC / RRSA.
  std::string oidc_role_arn;
  std::string oidc_provider_arn;
  std::string oidc_token_file;
  std::string sts_endpoint;  // "sts.aliyuncs.com"; tests give http://127.0.0.1:port
  std::string metadata_endpoint = "http://100.100.100.200";
  std::string bucket;                        // for credential files with several buckets
  std::chrono::seconds refresh_interval{0};  // credential_refresh_interval; 0: by expiry
  bool refresh_backoff = false;              // exponential with jitter instead of every 15 s
  // For the metadata service, which no proxy reaches; null: the same client as for STS.
  http::HttpClient* metadata_http = nullptr;
};

class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;
  // Blocks only when there is no valid set at all (at most 15 s).
  virtual Result<SharedKeys> Current() = 0;
  // Whether Current() would answer without waiting; event-loop threads ask this first.
  virtual bool Ready() const { return true; }
  // `used`: the set that was refused; nothing happens when the current one is another already.
  virtual Status ForceRefresh(const KeySet& used) = 0;
  // Whether another set may come from the source, after this one was refused.
  virtual bool CanChange() const { return false; }
  // "environment OSS_ACCESS_KEY_ID", "RAM role ecs-reader, expires 2026-...": never a secret.
  virtual std::string Describe() const = 0;
};

// The sources that the options name, by option, the one that is used first: ram_role, credential_process and the key
// pair in the order of the existing client, whose configs may still hold a key that was replaced by a role.
std::vector<std::string> GivenSources(const CredentialOptions& options);

// `http` serves the metadata and STS calls; never through a proxy for metadata.
Result<std::unique_ptr<CredentialProvider>> MakeCredentialProvider(http::HttpClient& http,
                                                                   const CredentialOptions& options,
                                                                   Clock& clock = Clock::Real());

}  // namespace ossfs2::oss
