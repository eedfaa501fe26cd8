// The one table from OSS error codes and HTTP statuses to errno, kind, retry rule and advice.
//
// Every error that the service names becomes an Error here, so that one cause has one errno and one
// sentence wherever it happens. Pure functions; thread-safe. Texts never hold secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2::oss {

// Next steps that several errors share. An answer that OSS cannot have given:
inline constexpr std::string_view kStrangeAnswerAdvice =
    "if it lasts, look for a proxy or captive portal that answers in place of OSS";
// A request or an answer that did not come whole.
inline constexpr std::string_view kCutOffAdvice =
    "if it lasts, look for a proxy or a network that cuts connections between this machine and OSS";
// Bytes that changed between a program and OSS.
inline constexpr std::string_view kDamagedReadAdvice =
    "read it again; if it comes back, find what changes bytes: a proxy on the way, or this machine's memory";
inline constexpr std::string_view kDamagedWriteAdvice =
    "write the file again, since the bucket may hold the damaged bytes; if it comes back, find what changes them: a "
    "proxy on the way, or this machine's memory";

// What to do about a failed attempt, besides failing.
enum class Remedy : uint8_t {
  kNone,      // repeating does not help
  kRetry,     // the same request may succeed after a pause
  kThrottle,  // as kRetry, after a longer pause
  kRefresh,   // once, after a refresh of the credentials
  kClock,     // once, after learning the clock offset
};

struct ErrorRule {
  std::string_view code;
  int errno_value;
  ErrorKind kind;
  Remedy remedy;
  std::string_view advice;  // the next step for a person; may be empty
};

// By code when the table has it, else by status. Never fails.
const ErrorRule& FindErrorRule(int http_status, std::string_view code);

// An error answer of the service, from its XML body or x-oss-err.
struct ServiceError {
  int http_status = 0;
  std::string code;
  std::string message;
  std::string request_id;
  std::string ec;        // diagnostic number; only shown
  std::string endpoint;  // of AccessDenied for a wrong region
};

// What was asked, for the text.
struct RequestNames {
  std::string_view operation;  // "get", "list"...
  std::string_view key;        // empty for bucket operations
  std::string_view bucket;
  std::string_view endpoint;
  std::string_view source = {};  // of a copy; key is its target
};

Error MakeServiceError(const ServiceError& answer, const RequestNames& names);

// "get of models/a.bin in bucket b", for texts.
std::string DescribeRequest(const RequestNames& names);

}  // namespace ossfs2::oss
