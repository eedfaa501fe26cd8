// HttpRequest and HttpResponse: one exchange as the server's handlers see it. Values.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/values/text.h"
#include "server/storage/extent.h"

namespace ossfs2::server {

using NameValues = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string path;   // as sent, still encoded, without the query
  std::string query;  // as sent, without '?'
  NameValues headers;
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool expect_continue = false;
  bool keep_alive = true;
  uint64_t connection = 0;  // a number for the log

  // The value of the first header of this name, in any case; null when absent.
  const std::string* Header(std::string_view name) const;
  std::string HeaderOr(std::string_view name, std::string_view fallback) const;
};

// How a fault bends the sending of an answer; kNormal without faults.
enum class WireFault : uint8_t {
  kNormal,
  kReset,    // nothing is sent; the connection is reset
  kShort,    // half of the body, then a close
  kStall,    // half of the body (or nothing when it is empty), then silence
  kCorrupt,  // one byte in the middle of the body is flipped
};

struct HttpResponse {
  int status = 200;
  NameValues headers;           // without Content-Length, Date, Connection
  std::string body;             // sent when `extents` is empty
  std::vector<Extent> extents;  // a body from stored data
  uint64_t extents_bytes = 0;
  std::optional<uint64_t> content_length;  // for HEAD: the length that a GET would have
  bool close = false;                      // no keep-alive after this answer
  WireFault fault = WireFault::kNormal;
  int64_t date_shift_s = 0;                       // added to the Date header
  std::atomic<uint64_t>* sent_counter = nullptr;  // gets the body bytes, each before it is sent

  std::shared_ptr<void> until_sent;  // destroyed when the answer is sent or given up

  void Add(std::string_view name, std::string_view value) { headers.emplace_back(name, value); }
};

const char* ReasonPhrase(int status);

}  // namespace ossfs2::server
