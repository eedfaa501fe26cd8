// Temporary credentials from STS: AssumeRole and AssumeRoleWithOIDC.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>

#include "base/values/str.h"
#include "oss/credentials/credential_http.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

using Parameters = std::map<std::string, std::string>;

std::string Form(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += StrCat(PercentEncode(name), "=", PercentEncode(value));
  }
  return out;
}

std::string StsUrl(const std::string& endpoint) {
  std::string url = endpoint.empty() ? "sts.aliyuncs.com" : endpoint;
  if (url.find("://") == std::string::npos) url.insert(0, "https://");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Parameters RoleBody(const RoleRequest& role) {
  Parameters body = {{"RoleArn", role.role_arn},
                     {"RoleSessionName", role.session_name},
                     {"DurationSeconds", StrCat(role.duration_s)}};
  if (!role.policy.empty()) body["Policy"] = role.policy;
  return body;
}

// What both have in common: the service's clock decides, as it does for requests to the bucket. It is learned from
// the Date of the answers.
class StsSource : public CredentialSource {
 public:
  StsSource(http::HttpClient& http, RoleRequest role, Clock& clock)
      : http_(http), role_(std::move(role)), clock_(clock) {}

  Result<Credentials> Fetch() override {
    const int64_t before_s = clock_ahead_s_;
    auto credentials = Ask();
    const bool is_late = !credentials && credentials.error().oss_code.starts_with("InvalidTimeStamp");
    return is_late && clock_ahead_s_ != before_s ? Ask() : credentials;
  }

 protected:
  virtual Result<Credentials> Ask() = 0;

  Parameters CommonQuery(const char* action) const {
    const std::string now = IsoDate(clock_.NowWallNs() / 1'000'000'000 - clock_ahead_s_);
    return {{"Action", action},
            {"Format", "JSON"},
            {"Version", "2015-04-01"},
            {"Timestamp", now.substr(0, 19) + "Z"}};
  }

  Result<Credentials> Call(const Parameters& query, const Parameters& body) {
    const auto answer =
        FetchText(http_, clock_, Name(), "POST", StrCat(StsUrl(role_.sts_endpoint), "/?", Form(query)),
                  {{"Content-Type", "application/x-www-form-urlencoded"}}, Form(body));
    if (!answer) return answer.error();
    clock_ahead_s_ = answer->clock_ahead_s.value_or(clock_ahead_s_);
    return KeysOfAnswer(*answer, Name());
  }

  http::HttpClient& http_;
  const RoleRequest role_;
  Clock& clock_;

 private:
  int64_t clock_ahead_s_ = 0;
};

class OidcSource final : public StsSource {
 public:
  using StsSource::StsSource;
  std::string Name() const override { return "OIDC role " + role_.role_arn; }

 private:
  Result<Credentials> Ask() override {
    const auto token = ReadSmallFile(role_.oidc_token_file);  // it rotates
    if (!token) return Naming("oidc_token_file", token.error());
    Parameters body = RoleBody(role_);
    body["OIDCProviderArn"] = role_.oidc_provider_arn;
    body["OIDCToken"] = TrimText(*token);
    return Call(CommonQuery("AssumeRoleWithOIDC"), body);
  }
};

class AssumeRoleSource final : public StsSource {
 public:
  AssumeRoleSource(http::HttpClient& http, SourcePtr base, RoleRequest role, Clock& clock)
      : StsSource(http, std::move(role), clock), base_(std::move(base)) {}
  std::string Name() const override { return StrCat("role ", role_.role_arn, " assumed by ", base_->Name()); }

 private:
  Result<Credentials> Ask() override {
    const auto base = base_->Fetch();
    if (!base) return base.error();
    Parameters body = RoleBody(role_);
    if (!role_.external_id.empty()) body["ExternalId"] = role_.external_id;
    Parameters query = CommonQuery("AssumeRole");
    query["AccessKeyId"] = base->keys.access_key_id;
    query["SignatureMethod"] = "HMAC-SHA1";
    query["SignatureVersion"] = "1.0";
    query["SignatureNonce"] = Nonce();
    if (!base->keys.security_token.empty()) query["SecurityToken"] = base->keys.security_token;
    // RPC signature 1.0 covers query and body together.
    Parameters all = query;
    all.insert(body.begin(), body.end());
    const std::string to_sign = StrCat("POST&%2F&", PercentEncode(Form(all)));
    query["Signature"] = Base64Encode(HmacSha1(base->keys.access_key_secret + "&", to_sign));
    return Call(query, body);
  }

  std::string Nonce() {
    return HexEncode(
               Sha256(StrCat(clock_.NowWallNs(), " ", ++nonces_, " ", reinterpret_cast<uintptr_t>(this))))
        .substr(0, 32);
  }

  const SourcePtr base_;
  uint64_t nonces_ = 0;
};

}  // namespace

SourcePtr MakeOidcSource(http::HttpClient& http, RoleRequest role, Clock& clock) {
  return std::make_unique<OidcSource>(http, std::move(role), clock);
}

SourcePtr MakeAssumeRoleSource(http::HttpClient& http, SourcePtr base, RoleRequest role, Clock& clock) {
  return std::make_unique<AssumeRoleSource>(http, std::move(base), std::move(role), clock);
}

}  // namespace ossfs2::oss
