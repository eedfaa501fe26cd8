// Errors as values: Error, Status and Result<T>, used by every layer.
//
// An Error carries what a caller must decide on (errno, kind, retryable) and a
// text that a user can act on: what failed, on which object, the OSS code and
// request id, and the next step. Nothing in the project throws across a module
// boundary. Texts never hold secrets. Values; safe to copy between threads.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace ossfs2 {

// What went wrong, for code that must react rather than report.
enum class ErrorKind : uint8_t {
  kOther,              // only the errno says more
  kNotFound,           // the object, upload or bucket does not exist
  kAlreadyExists,      // forbid-overwrite or O_EXCL met an existing name
  kVersionChanged,     // If-Match failed: the object was replaced (ESTALE)
  kAccessDenied,       // signature, rights or archive state
  kExpiredCredential,  // one refresh may help
  kThrottled,          // 429 or 503 with a throttling code
  kClockSkew,          // the Date of the answer tells the offset
  kUnavailable,        // 5xx, reset, refused connection, time-out
  kCorrupt,            // CRC, length, range or markers do not match
  kCanceled,           // the caller gave up
  kNoSpace,            // memory, staging or quota exhausted
  kInvalid,            // the request itself is wrong
};

struct Error {
  int errno_value = 5;  // EIO; what a system call returns, positive
  ErrorKind kind = ErrorKind::kOther;
  bool retryable = false;  // the same request may succeed later
  std::string text;        // one sentence or two for a person
  std::string oss_code;    // for example "NoSuchKey"; empty when none came
  std::string request_id;  // x-oss-request-id; empty when none came
  int http_status = 0;     // 0 when no answer came

  // The text with code and request id, for logs and messages.
  std::string ToString() const;
};

Error MakeError(int errno_value, ErrorKind kind, std::string text);
// An Error from errno of a failed system call: "open /x: Permission denied".
Error ErrnoError(int errno_value, std::string what);

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

using Status = Result<void>;

inline int ErrnoOf(const Status& status) { return status ? 0 : status.error().errno_value; }

// RETURN_IF_ERROR(expr): leaves the function with the error of a Status or Result.
#define OSSFS2_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (auto ossfs2_status = (expression); !ossfs2_status)                  \
      return std::move(ossfs2_status.error());                              \
  } while (false)

}  // namespace ossfs2
