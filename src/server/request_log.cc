#include "server/request_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/time/clock.h"
#include "base/values/str.h"

namespace ossfs2::server {

RequestLog::~RequestLog() {
  if (fd_ >= 0) ::close(fd_);
}

Status RequestLog::Open(const std::string& path) {
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return ErrnoError(errno, StrCat("open ", path));
  return {};
}

void RequestLog::Write(const Exchange& e, const HttpResponse& response, std::string_view fault,
                       std::chrono::steady_clock::duration taken) const {
  if (fd_ < 0) return;
  const uint64_t bytes_out = response.extents.empty() ? response.body.size() : response.extents_bytes;
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(taken).count();
  const std::string line = StrCat(
      "{\"time_ms\":", Clock::Real().NowWallNs() / 1'000'000, ",\"connection\":", e.http.connection,
      ",\"op\":\"", OperationName(e.operation), "\",\"method\":", JsonString(e.http.method),
      ",\"bucket\":", JsonString(e.bucket_name), ",\"key\":", JsonString(e.key),
      ",\"range\":", JsonString(e.http.HeaderOr("Range", "")),
      ",\"prefix\":", JsonString(e.QueryOr("prefix", "")),
      ",\"part\":", JsonString(e.QueryOr("partNumber", "")), ",\"s3\":", e.dialect.s3 ? "true" : "false",
      ",\"status\":", response.status, ",\"bytes_in\":", e.raw_body.bytes_read(),
      ",\"bytes_out\":", bytes_out, ",\"fault\":", JsonString(fault), ",\"taken_us\":", micros,
      ",\"request_id\":\"", e.request_id, "\"}\n");
  // One write in append mode: lines of several threads do not mix.
  [[maybe_unused]] const ssize_t n = ::write(fd_, line.data(), line.size());
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 32) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace ossfs2::server
