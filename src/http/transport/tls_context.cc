#include "http/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/values/str.h"
#include "http/net/address.h"
#include "http/transport/tls_transport.h"

namespace ossfs2::http {
namespace {

bool HasAesInstructions() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
  constexpr unsigned long kAes = 1ul << 3;  // HWCAP_AES
  return (getauxval(AT_HWCAP) & kAes) != 0;
#else
  return false;
#endif
}

// TLS 1.3, or with the key exchange that the others at the front of the list have.
bool IsPreferred(const SSL_CIPHER* cipher) {
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  return SSL_CIPHER_get_cipher_nid(cipher) == NID_aes_128_gcm && (exchange == NID_kx_any || exchange == NID_kx_ecdhe);
}

// Changes the order only: what the system's policy left out stays out.
void PreferAes128(SSL_CTX* context) {
  const STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context);
  std::string tls13;
  std::string tls12;
  for (const bool preferred : {true, false}) {
    for (int n = 0; n < sk_SSL_CIPHER_num(ciphers); ++n) {
      const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, n);
      if (IsPreferred(cipher) != preferred) continue;
      const bool new_kind = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
      std::string& list = new_kind ? tls13 : tls12;
      if (!list.empty()) list += ':';
      list += SSL_CIPHER_get_name(cipher);
    }
  }
  if (!tls13.empty()) SSL_CTX_set_ciphersuites(context, tls13.c_str());
  if (!tls12.empty()) SSL_CTX_set_cipher_list(context, tls12.c_str());
  ERR_clear_error();  // on failure the order stays as it was
}

int OnNewSession(SSL* ssl, SSL_SESSION*) {
  if (auto* const transport = static_cast<TlsTransport*>(SSL_get_app_data(ssl))) transport->KeepSession(ssl);
  return 0;  // no reference of OpenSSL's is kept
}

std::string LastReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  return reason != nullptr ? reason : "unknown reason";
}

// Without brackets of an IPv6 literal and without the dot that ends a full name.
std::string NameToCheck(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::string(host);
}

bool SetPeer(SSL* ssl, const std::string& name) {
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SocketAddress::FromLiteral(name, 0))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Status TlsContext::Trust(const CaLocation& ca) {
  trust_place_ = !ca.file.empty() ? ca.file : ca.dir;
  ERR_clear_error();
  if (ca.file.empty() && ca.dir.empty()) {
    trust_place_ = "OpenSSL's default place";
    SSL_CTX_set_default_verify_paths(context_);
    return {};
  }
  if (!ca.file.empty() && SSL_CTX_load_verify_file(context_, ca.file.c_str()) != 1)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("ca_file ", ca.file, ": no certificate could be read from it (", LastReason(),
                            "); name a readable PEM bundle, by ca_file or SSL_CERT_FILE"));
  std::error_code ignored;
  if (ca.dir.empty()) return {};
  if (!std::filesystem::is_directory(ca.dir, ignored) || SSL_CTX_load_verify_dir(context_, ca.dir.c_str()) != 1)
    return MakeError(
        EINVAL, ErrorKind::kInvalid,
        StrCat("ca_dir ", ca.dir, " is not a directory of certificates; name one that `openssl rehash` prepared"));
  return {};
}

Result<std::unique_ptr<TlsContext>> TlsContext::Make(const CaLocation& configured) {
  const auto ca = FindCaBundle(configured);
  if (!ca) return ca.error();
  std::unique_ptr<TlsContext> out(new TlsContext);
  SSL_CTX* const context = out->context_ = SSL_CTX_new(TLS_client_method());
  if (context == nullptr)
    return MakeError(ENOMEM, ErrorKind::kNoSpace, StrCat("OpenSSL could not be set up: ", LastReason()));
  OSSFS2_RETURN_IF_ERROR(out->Trust(*ca));
  // A system policy may ask for more than 1.2.
  if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION) SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // As libcurl does: a trusted intermediate certificate is an anchor like a root.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &OnNewSession);
  constexpr unsigned char kHttp11[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, kHttp11, sizeof(kHttp11) - 1);
  if (HasAesInstructions()) PreferAes128(context);
  return out;
}

std::unique_ptr<Transport> TlsContext::NewTransport(int fd, const std::string& host, const std::string& key) {
  ERR_clear_error();
  SSL* const ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  const std::string name = NameToCheck(host);
  if (!SetPeer(ssl, name)) {
    SSL_free(ssl);
    return nullptr;
  }
  SSL_set_connect_state(ssl);
  sessions_.Offer(key, ssl);
  return std::make_unique<TlsTransport>(fd, ssl, *this, name, key);
}

}  // namespace ossfs2::http
