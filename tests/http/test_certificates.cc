#include "tests/http/test_certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace ossfs2::http {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

struct Identity {
  Key key;
  Certificate certificate;
};

void Check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "OpenSSL cannot make a certificate for the test: %s\n", what);
  abort();
}

void AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  Check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer`, or by itself as an authority when that is null.
Identity Make(const char* name, const Identity* issuer, const char* names, bool expired) {
  static std::atomic<long> serial{1};
  Identity out{Key(EVP_EC_gen("P-256"), EVP_PKEY_free), Certificate(X509_new(), X509_free)};
  X509* const certificate = out.certificate.get();
  Check(out.key != nullptr && certificate != nullptr, "key");
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), expired ? -3600 : 86400);
  X509_NAME* const subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  X509_set_pubkey(certificate, out.key.get());
  if (issuer == nullptr) AddExtension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (names != nullptr) AddExtension(certificate, signer, NID_subject_alt_name, names);
  Check(X509_sign(certificate, (issuer == nullptr ? out.key : issuer->key).get(), EVP_sha256()) != 0, "signature");
  return out;
}

const Identity& Authority(int which) {
  static const Identity ones[2] = {Make("test authority", nullptr, nullptr, false),
                                   Make("other authority", nullptr, nullptr, false)};
  return ones[which];
}

std::string Store(const std::string& path, const Identity& identity) {
  FILE* const file = fopen(path.c_str(), "w");
  Check(file != nullptr && PEM_write_X509(file, identity.certificate.get()) == 1, "file");
  fclose(file);
  return path;
}

}  // namespace

const TestCertificates& TestCertificates::Get() {
  static const TestCertificates one;
  return one;
}

TestCertificates::TestCertificates() {
  authority_ = Store(folder() + "/ca.pem", Authority(0));
  other_authority_ = Store(folder() + "/other.pem", Authority(1));
}

ServerTls TestCertificates::Server(const Wish& wish) {
  const Identity identity = Make("test server", &Authority(0), wish.names.c_str(), wish.expired);
  ServerTls out(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  // The oldest versions need it; the client's level is its own.
  SSL_CTX_set_security_level(out.get(), 0);
  SSL_CTX_set_min_proto_version(out.get(), wish.version_min);
  SSL_CTX_set_max_proto_version(out.get(), wish.version_max);
  constexpr unsigned char kSessionContext[] = "test";
  SSL_CTX_set_session_id_context(out.get(), kSessionContext, sizeof(kSessionContext));
  Check(SSL_CTX_use_certificate(out.get(), identity.certificate.get()) == 1 &&
            SSL_CTX_use_PrivateKey(out.get(), identity.key.get()) == 1,
        "server");
  return out;
}

}  // namespace ossfs2::http
