// CredentialsTest: sources of credentials without those of the machine: no variables, a home of its own, and a service
// that does not answer unless a test has another one.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "oss/credentials/credentials.h"
#include "tests/oss/fake_http.h"
#include "tests/support/temp_folder.h"

namespace ossfs2::oss {

inline constexpr const char* kVariables[] = {"OSS_ACCESS_KEY_ID",
                                      "OSS_ACCESS_KEY_SECRET",
                                      "OSS_SESSION_TOKEN",
                                      "ALIBABA_CLOUD_ACCESS_KEY_ID",
                                      "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                                      "ALIBABA_CLOUD_SECURITY_TOKEN",
                                      "ALIBABA_CLOUD_ROLE_ARN",
                                      "ALIBABA_CLOUD_ROLE_SESSION_NAME",
                                      "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                                      "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
                                      "ALIBABA_CLOUD_ECS_METADATA",
                                      "ALIBABA_CLOUD_CREDENTIALS_URI",
                                      "ALIBABA_CLOUD_PROFILE",
                                      "ALIBABA_CLOUD_CONFIG_FILE",
                                      "ALIBABA_CLOUD_CREDENTIALS_FILE"};

// What the metadata service answers.
inline std::string SetJson(const std::string& id, const std::string& expiration) {
  return R"({"Code":"Success","AccessKeyId":")" + id +
         R"(","AccessKeySecret":"S3cretValue","SecurityToken":"T0ken","Expiration":")" + expiration + R"("})";
}
// And STS.
inline std::string StsJson(const std::string& id) {
  return R"({"RequestId":"R","Credentials":)" + SetJson(id, "2099-01-01T00:00:00Z") + "}";
}

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    for (const char* variable : kVariables) unsetenv(variable);
    home_ = getenv("HOME") == nullptr ? "" : getenv("HOME");
    setenv("HOME", folder_.c_str(), 1);
  }
  ~CredentialsTest() override {
    for (const char* variable : kVariables) unsetenv(variable);
    setenv("HOME", home_.c_str(), 1);
  }
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    return temp_.Write(name, text, mode);
  }
  std::unique_ptr<CredentialProvider> Make(FakeHttp& http) {
    auto provider = MakeCredentialProvider(http, options_, clock_);
    EXPECT_TRUE(provider) << provider.error().text;
    return provider ? std::move(*provider) : nullptr;
  }
  // The set of a provider that needs no HTTP.
  Result<KeySet> Keys() {
    auto provider = MakeCredentialProvider(none_, options_, clock_);
    if (!provider) return provider.error();
    const auto keys = (*provider)->Current();
    if (!keys) return keys.error();
    return **keys;
  }

  const test::TempFolder temp_;
  const std::string folder_ = temp_.path();
  std::string home_;
  CredentialOptions options_;
  FakeClock clock_;
  FakeHttp none_{[](const SeenRequest&, size_t) { return LostReply(); }};
};

}  // namespace ossfs2::oss
