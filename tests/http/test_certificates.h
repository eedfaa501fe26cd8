// TestCertificates: two authorities and certificates for servers, made once a process in a
// temporary folder, and the server side of TLS that presents one of them.
#pragma once

#include <memory>
#include <string>

#include "tests/support/temp_folder.h"

struct ssl_ctx_st;

namespace ossfs2::http {

using ServerTls = std::shared_ptr<ssl_ctx_st>;

class TestCertificates {
 public:
  static const TestCertificates& Get();
  // PEM files of the authorities: of the one that signed everything, and of another.
  const std::string& authority() const { return authority_; }
  const std::string& other_authority() const { return other_authority_; }
  const std::string& folder() const { return folder_.path(); }

  struct Wish {
    std::string names = "DNS:localhost,DNS:two.test,IP:127.0.0.1";  // subjectAltName
    bool expired = false;
    int version_min = 0;  // TLS1_2_VERSION and the like; 0: OpenSSL's
    int version_max = 0;
  };
  static ServerTls Server(const Wish& wish);
  static ServerTls Server() { return Server(Wish()); }

 private:
  TestCertificates();
  const test::TempFolder folder_;
  std::string authority_;
  std::string other_authority_;
};

}  // namespace ossfs2::http
