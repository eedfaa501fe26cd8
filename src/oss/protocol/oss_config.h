// OssConfig: which bucket an OssStore works on, how it asks, and what it puts on every object.
//
// A plain value; MakeEndpoint checks what belongs to the address (endpoint.h), the options of the mount the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/values/tunable.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// A Tunable may change while the store is in use.
struct OssConfig {
  std::string endpoint;  // "http://host[:port]", "https://...", or bare (= https)
  std::string bucket;
  std::string region;  // empty: derived from the endpoint; none: V1
  bool path_style = false;
  bool cname = false;         // the endpoint belongs to the bucket
  int signature_version = 0;  // 0: by region; 1; 4
  // Of a whole operation with its retries. For uploads the time in which bytes move does not count, up to what the body
  // needs at 256 KiB/s; a GET starts it over whenever bytes come.
  Tunable<std::chrono::milliseconds> request_timeout{std::chrono::milliseconds(60000)};
  std::chrono::milliseconds connect_timeout{5000};
  Tunable<std::chrono::milliseconds> stall_timeout{std::chrono::milliseconds(15000)};
  std::chrono::milliseconds retry_delay_min{100};  // back-off: a random wait up to min * 2^n, at most max
  std::chrono::milliseconds retry_delay_max{5000};
  std::chrono::milliseconds throttle_delay_min{1000};  // in place of retry_delay_min after 429 and 503
  // An upload whose answer was lost is looked for, and ended, so long after (orphan_uploads.h).
  std::chrono::milliseconds orphan_age{2000};
  // Whether programs of this machine wait for a processor (CpuPressure): then no GET is hedged. Any thread; must not
  // block.
  std::function<bool()> is_short_of_processors{};
  bool check_crc64 = true;
  // Put on every object written (empty: not sent).
  std::string storage_class;
  std::string sse;  // "AES256", "KMS", "SM4"
  std::string sse_key_id;
  std::string object_acl;
  std::string tagging;  // "k1=v1&k2=v2", already encoded
  Metadata user_metadata;
  bool requester_pays = false;
  Tunable<uint64_t> traffic_limit_bits_per_s{0};  // x-oss-traffic-limit, per connection
  std::string user_agent;                         // empty: "ossfs2/VERSION"
};

}  // namespace ossfs2::oss
