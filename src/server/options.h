// Options: the command line of ossfs2-server; HelpText says what each means to its user.
//
// A value. Errors of the parsers: EINVAL with the option and what it takes; ReadSecretFile's with errno.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"
#include "server/exchange/exchange.h"
#include "server/faults.h"
#include "server/transport/http_server.h"

namespace ossfs2::server {

// --synthetic KEY=SIZE[xCOUNT] (storage/synthetic.h); more than one have "-000000" and so on behind the key.
struct SyntheticSpec {
  std::string key;
  uint64_t size = 0;
  uint64_t count = 1;
};

struct Options {
  std::string root;
  HttpServerConfig http;
  std::vector<std::string> buckets;  // made when missing; those that are in the root are served too
  std::string access_key_id;
  std::string access_key_secret;
  std::string secret_file;  // the secret was read from it
  std::string security_token;
  std::string region;           // empty: any
  bool public_access = false;
  int64_t latency_ns = 0;         // of every answer
  uint64_t rate_bytes_per_s = 0;  // of each connection; 0: no limit
  // From here to page_entries_max as in HandlerContext.
  bool discard = false;
  bool copies_change_etag = false;
  bool no_copy_crc = false;
  bool versioned = false;
  std::string storage_class = "Standard";
  int64_t restore_seconds = 1;
  int page_entries_max = 1000;
  std::vector<SyntheticSpec> synthetic;
  std::vector<FaultRule> faults;
  std::string requests_log;
  Addressing addressing;
  bool help = false;
  bool version = false;
};

// `environment`: OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN, when the flags are absent.
Result<Options> ParseOptions(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& environment);
std::string HelpText();

// "10ms", "2s", "150us", "5" (milliseconds): nanoseconds.
Result<int64_t> ParseDuration(std::string_view text);
// "models/a=2g", "k=1mx1000".
Result<SyntheticSpec> ParseSynthetic(std::string_view text);

}  // namespace ossfs2::server
