#include "http/transport/ca_bundle.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/values/str.h"

namespace ossfs2::http {
namespace {

bool Readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

std::string FromEnvironment(const char* name) {
  const char* const value = getenv(name);
  return value != nullptr && Readable(value) ? value : "";
}

Status CheckReadable(const char* what, const std::string& path) {
  if (path.empty() || Readable(path)) return {};
  return MakeError(errno, ErrorKind::kInvalid,
                   StrCat(what, " ", path, ": ", strerror(errno), "; name a readable PEM bundle or directory"));
}

}  // namespace

const std::vector<std::string>& UsualCaBundles() {
  static const std::vector<std::string>* paths = new std::vector<std::string>{
      "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch
      "/etc/pki/tls/certs/ca-bundle.crt",                   // Alibaba Cloud Linux, RHEL, CentOS
      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, newer RHEL
      "/etc/ssl/ca-bundle.pem",                             // SUSE
      "/etc/ssl/cert.pem",                                  // Alpine
      "/usr/local/share/certs/ca-root-nss.crt",             // built by hand, BSD style
  };
  return *paths;
}

Result<CaLocation> FindCaBundle(const CaLocation& configured) {
  OSSFS2_RETURN_IF_ERROR(CheckReadable("ca_file", configured.file));
  OSSFS2_RETURN_IF_ERROR(CheckReadable("ca_dir", configured.dir));
  CaLocation out = configured;
  if (!out.file.empty() || !out.dir.empty()) return out;
  out = {FromEnvironment("SSL_CERT_FILE"), FromEnvironment("SSL_CERT_DIR")};
  if (!out.file.empty() || !out.dir.empty()) return out;
  for (const std::string& path : UsualCaBundles()) {
    if (!Readable(path)) continue;
    out.file = path;
    break;
  }
  return out;
}

}  // namespace ossfs2::http
