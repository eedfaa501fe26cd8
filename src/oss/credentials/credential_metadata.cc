// Credentials of the machine's RAM role from the metadata service, and from a credentials URI.
#include <cerrno>

#include "base/values/str.h"
#include "oss/credentials/credential_http.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr const char* kRolePath = "/latest/meta-data/ram/security-credentials/";

Error Refused(std::string text) { return MakeError(EACCES, ErrorKind::kAccessDenied, std::move(text)); }

class MetadataSource final : public CredentialSource {
 public:
  MetadataSource(http::HttpClient& http, std::string endpoint, std::string role, bool hardened, Clock& clock)
      : http_(http),
        endpoint_(std::move(endpoint)),
        role_(std::move(role)),
        hardened_(hardened),
        clock_(clock) {
    while (endpoint_.ends_with('/')) endpoint_.pop_back();
  }
  std::string Name() const override {
    return role_.empty() ? "RAM role of this machine" : "RAM role " + role_;
  }

  Result<Credentials> Fetch() override {
    std::vector<http::Header> headers;
    const auto token = FetchToken();
    if (!token && hardened_) return token.error();
    if (token) headers.push_back({"X-aliyun-ecs-metadata-token", *token});
    if (role_.empty()) {
      const auto role = Get(kRolePath, headers);
      if (!role) return role.error();
      role_ = TrimText(role->body);
      if (role_.empty() || role_.find_first_of("/\n <") != std::string::npos) {
        role_.clear();
        return Refused(
            "the metadata service names no RAM role. Next: attach one to this machine, or set ram_role");
      }
    }
    const auto answer = Get(kRolePath + PercentEncode(role_), headers);
    if (!answer) return answer.error();
    return KeysOfAnswer(*answer, Name());
  }

 private:
  Result<std::string> FetchToken() {
    const auto answer =
        FetchText(http_, clock_, "the metadata service", "PUT", endpoint_ + "/latest/api/token",
                  {{"X-aliyun-ecs-metadata-token-ttl-seconds", "21600"}}, "");
    if (!answer) return answer.error();
    if (answer->status != 200 || answer->body.empty()) {
      return Refused(StrCat("the metadata service gives no token (HTTP ", answer->status,
                            "), which hardened mode needs. Next: see whether this machine is an ECS instance whose "
                            "metadata service gives tokens"));
    }
    return TrimText(answer->body);
  }
  Result<HttpText> Get(const std::string& path, const std::vector<http::Header>& headers) {
    auto answer = FetchText(http_, clock_, "the metadata service", "GET", endpoint_ + path, headers, "");
    if (!answer) {
      answer.error().text += ". Next: ram_role works only on an ECS instance or pod that has a RAM role";
      return answer.error();
    }
    if (answer->status == 404) {
      return Refused(StrCat(Name(), " is not attached to this machine (HTTP 404). Next: check ram_role"));
    }
    if (answer->status != 200) return StatusError("the metadata service", answer->status);
    return answer;
  }

  http::HttpClient& http_;
  std::string endpoint_;
  std::string role_;
  const bool hardened_;
  Clock& clock_;
};

class UriSource final : public CredentialSource {
 public:
  UriSource(http::HttpClient& http, std::string url, Clock& clock)
      : http_(http), url_(std::move(url)), clock_(clock) {}
  std::string Name() const override { return "credentials URL"; }  // the URL itself may hold a secret
  Result<Credentials> Fetch() override {
    const auto answer = FetchText(http_, clock_, Name(), "GET", url_, {}, "");
    if (!answer) return answer.error();
    if (answer->status != 200) return StatusError(Name(), answer->status);
    return KeysOfAnswer(*answer, Name());
  }

 private:
  http::HttpClient& http_;
  const std::string url_;
  Clock& clock_;
};

}  // namespace

SourcePtr MakeMetadataSource(http::HttpClient& http, std::string endpoint, std::string role_or_url,
                             bool hardened, Clock& clock) {
  if (role_or_url.starts_with("http://") || role_or_url.starts_with("https://")) {
    return MakeUriSource(http, std::move(role_or_url), clock);
  }
  return std::make_unique<MetadataSource>(http, std::move(endpoint), std::move(role_or_url), hardened, clock);
}

SourcePtr MakeUriSource(http::HttpClient& http, std::string url, Clock& clock) {
  return std::make_unique<UriSource>(http, std::move(url), clock);
}

}  // namespace ossfs2::oss
