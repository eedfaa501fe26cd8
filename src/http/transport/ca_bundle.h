// Where the trusted certificates lie: the binary travels to other distributions, whose
// bundles lie elsewhere than the OpenSSL and libcurl it brings along believe. Reads the environment and looks which
// files are there; threads: any.
#pragma once

#include <string>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2::http {

struct CaLocation {
  std::string file;  // PEM bundle; empty: none
  std::string dir;   // hashed directory; empty: none
};

// In order: what is configured (ca_file, ca_dir); SSL_CERT_FILE and SSL_CERT_DIR; the six usual
// bundles. Both empty when nothing was found: the library's own default is tried.
// ENOENT or EACCES, kInvalid, when a configured place cannot be read.
Result<CaLocation> FindCaBundle(const CaLocation& configured);

// The six bundle paths, in the order of trying.
const std::vector<std::string>& UsualCaBundles();

}  // namespace ossfs2::http
