// ServiceError: an error answer of the protocol, as a value; Reply<T> is a value or such an error.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2::server {

struct ServiceError {
  int status = 500;
  std::string code;
  std::string message;
  std::vector<std::pair<std::string, std::string>> headers;
  // Further elements of the XML: names and texts, not yet escaped.
  std::vector<std::pair<std::string, std::string>> elements;
};

template <class T>
using Reply = tl::expected<T, ServiceError>;
using Failure = tl::unexpected<ServiceError>;

inline Failure Fail(int status, std::string_view code, std::string_view message) {
  return Failure(ServiceError{status, std::string(code), std::string(message), {}, {}});
}
inline Failure NoSuchKey() { return Fail(404, "NoSuchKey", "The specified key does not exist."); }
inline Failure NoSuchBucket() { return Fail(404, "NoSuchBucket", "The specified bucket does not exist."); }
inline Failure NoSuchUpload() {
  return Fail(
      404, "NoSuchUpload",
      "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
      "aborted or completed.");
}
inline Failure PreconditionFailed(std::string_view which) {
  return Fail(412, "PreconditionFailed",
              std::string("At least one of the preconditions does not hold: ") + std::string(which));
}
inline Failure InvalidArgument(std::string_view message) { return Fail(400, "InvalidArgument", message); }
// A failure of the server's own disk.
inline Failure Internal(const Error& error) { return Fail(500, "InternalError", error.text); }

}  // namespace ossfs2::server
