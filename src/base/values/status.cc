#include "ossfs2/status.h"

#include <cerrno>
#include <cstring>

namespace ossfs2 {

std::string Error::ToString() const {
  std::string out = text.empty() ? std::string(strerror(errno_value)) : text;
  if (!oss_code.empty() || !request_id.empty() || http_status != 0) {
    out += " [";
    if (http_status != 0) out += "HTTP " + std::to_string(http_status);
    if (!oss_code.empty()) out += (out.back() == '[' ? "" : ", ") + oss_code;
    if (!request_id.empty()) out += (out.back() == '[' ? "" : ", ") + ("request id " + request_id);
    out += "]";
  }
  return out;
}

Error MakeError(int errno_value, ErrorKind kind, std::string text) {
  Error error;
  error.errno_value = errno_value;
  error.kind = kind;
  error.text = std::move(text);
  return error;
}

Error ErrnoError(int errno_value, std::string what) {
  std::string text = std::move(what) + ": " + strerror(errno_value);
  if (errno_value == EMFILE)
    text += ". Next: raise the limit of open files (ulimit -Hn, LimitNOFILE= of a systemd unit) and mount again";
  return MakeError(errno_value, ErrorKind::kOther, std::move(text));
}

}  // namespace ossfs2
