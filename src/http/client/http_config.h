// HttpConfig: what a client is made with, and the limits that it keeps. A value; each client takes a copy.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace ossfs2::http {

struct HttpConfig {
  int loop_threads = 0;                     // 0: half the cores, 2 to 16
  int connections_max = 1024;               // to all hosts; more calls wait for one
  std::chrono::seconds idle_connection_max{45};  // OSS drops idle ones after 50-60 s
  std::chrono::seconds connection_age_max{300};  // so that DNS changes are followed
  std::chrono::seconds dns_cache_ttl{30};
  std::string proxy;                        // "http://host:port"; empty: none (the environment is not read)
  std::vector<std::string> source_addresses;  // bind_ips: used in turn; an unusable one rests for 30 s
  bool ipv6 = true;                         // false: resolve IPv4 only
  std::string ca_file;                      // PEM bundle; empty: SSL_CERT_FILE, then the system's
  std::string ca_dir;
  bool lean = true;                         // false: libcurl even without a proxy
};

}  // namespace ossfs2::http
