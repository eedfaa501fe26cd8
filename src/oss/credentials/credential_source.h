// CredentialSource: one place that keys come from, asked anew at every refresh.
//
// Fetch blocks (files, a process of at most 15 s, HTTP of at most 10 s a call); only one thread calls it at a
// time. Errors name the place and the next step, never a secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/time/clock.h"
#include "oss/signing/signing.h"
#include "ossfs2/status.h"

namespace ossfs2::http {
class HttpClient;
}

namespace ossfs2::oss {

struct CredentialOptions;

struct Credentials {
  KeySet keys;
  std::optional<int64_t> expires_s;  // unix time; nothing: for ever
};

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Result<Credentials> Fetch() = 0;
  virtual std::string Name() const = 0;  // "RAM role ecs-reader"
  // False: the same keys for ever.
  virtual bool CanChange() const { return true; }
  // Cheap sources without expiry are asked again so often; 0: not.
  virtual std::chrono::seconds RecheckInterval() const { return std::chrono::seconds(0); }
};

using SourcePtr = std::unique_ptr<CredentialSource>;

// credential_files.cc
SourcePtr MakeStaticSource(KeySet keys, std::string name);
SourcePtr MakeFileSource(std::string path, std::string bucket);
SourcePtr MakeDirectorySource(std::string path);
// The environment's keys; null when there are none.
SourcePtr MakeEnvironmentSource();

// credential_process.cc
enum class ProgramPath : uint8_t { kAbsolute, kSearched };  // kSearched: a name without '/' is looked for in PATH
// `name`: what gave the command, for texts.
SourcePtr MakeProcessSource(std::string command, std::string name = "credential_process",
                            ProgramPath path = ProgramPath::kAbsolute);

// credential_metadata.cc
SourcePtr MakeMetadataSource(http::HttpClient& http, std::string endpoint, std::string role_or_url,
                             bool hardened, Clock& clock);
SourcePtr MakeUriSource(http::HttpClient& http, std::string url, Clock& clock);

// credential_sts.cc
struct RoleRequest {
  std::string sts_endpoint;
  std::string role_arn;
  std::string session_name;
  std::string external_id;
  std::string policy;
  std::string oidc_provider_arn;  // OIDC only
  std::string oidc_token_file;    // OIDC only
  int duration_s = 3600;
};
SourcePtr MakeOidcSource(http::HttpClient& http, RoleRequest role, Clock& clock);
SourcePtr MakeAssumeRoleSource(http::HttpClient& http, SourcePtr base, RoleRequest role, Clock& clock);

// credential_profile.cc
// Both read their file again when it has changed, as other tools that renew a login change it.
// A profile of ~/.aliyun/config.json; `name` empty: the current one.
Result<SourcePtr> MakeProfileSource(http::HttpClient& http, const CredentialOptions& options,
                                    const std::string& name, Clock& clock);
// A section of ~/.alibabacloud/credentials.
Result<SourcePtr> MakeIniSource(http::HttpClient& http, const CredentialOptions& options,
                                const std::string& name, Clock& clock);

// The same error, beginning with the option that led to it.
Error Naming(std::string_view option, Error error);
// The file's text, at most `bytes_max`.
Result<std::string> ReadSmallFile(const std::string& path, size_t bytes_max = 1 << 20);
// Without surrounding white space.
std::string TrimText(std::string_view text);

}  // namespace ossfs2::oss
