#include "server/auth/auth.h"

#include "base/values/text.h"
#include "server/auth/oss_auth.h"
#include "server/auth/s3_auth.h"
#include "server/auth/signature_parts.h"

namespace ossfs2::server {

void DetectDialect(Exchange& e) {
  const std::string authorization = e.http.HeaderOr("Authorization", "");
  e.dialect.s3 = authorization.starts_with("AWS4-HMAC-SHA256") || e.HasQuery("X-Amz-Algorithm");
  if (authorization.empty() && !e.dialect.s3) {  // unsigned: by the headers it brings
    for (const auto& [name, value] : e.http.headers) {
      if (LowerCase(name.substr(0, 6)) == "x-amz-") e.dialect.s3 = true;
    }
  }
}

Reply<void> Authenticate(const KeyRing& keys, const AuthConfig& config, int64_t now_s, Exchange& e) {
  const bool has_header = !e.http.HeaderOr("Authorization", "").empty();
  const bool url_of_oss = IsSignedUrl(e);
  if (has_header && url_of_oss)
    return InvalidArgument("Signatures in the header and in the URL exclude each other.");
  if (e.dialect.s3 && (has_header || e.HasQuery("X-Amz-Algorithm"))) return AuthenticateS3(keys, config, now_s, e);
  if (has_header || url_of_oss) return AuthenticateOss(keys, config, now_s, e);
  if (config.public_access) return {};
  return AccessDenied("You have no right to access this object because of bucket acl.");
}

}  // namespace ossfs2::server
