// The control requests under /-/ .
#include "base/values/size.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/options.h"
#include "server/service.h"

namespace ossfs2::server {
namespace {

constexpr size_t kAdminBodyBytesMax = 64 << 10;

HttpResponse TextAnswer(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.Add("Content-Type", text.starts_with('{') ? "application/json" : "text/plain");
  response.body = std::move(text);
  return response;
}

HttpResponse StatusAnswer(const Status& status) {
  return status ? TextAnswer(200, "{}\n") : TextAnswer(400, StrCat(status.error().text, "\n"));
}

// ID:SECRET[:TOKEN]
Status SetKey(KeyRing& keys, const std::string& value) {
  const size_t first = value.find(':');
  if (first == std::string::npos)
    return MakeError(EINVAL, ErrorKind::kInvalid, "key takes ID:SECRET or ID:SECRET:TOKEN");
  const size_t second = value.find(':', first + 1);
  AccessKey key;
  key.secret = value.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  if (second != std::string::npos) key.token = value.substr(second + 1);
  keys.Set(value.substr(0, first), std::move(key));
  return {};
}

}  // namespace

Status OssService::Configure(std::string_view query) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const size_t equals = pair.find('=');
    const std::string name(pair.substr(0, equals));
    const std::string value =
        equals == std::string_view::npos ? "" : oss::PercentDecode(pair.substr(equals + 1));
    const auto invalid = [&](const char* why) {
      return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(name, "=", value, ": ", why));
    };
    if (name == "latency") {
      auto latency = ParseDuration(value);
      if (!latency) return latency.error();
      tuning_.latency_ns = *latency;
    } else if (name == "rate") {
      auto rate = ParseSize(value);
      if (!rate) return rate.error();
      tuning_.rate_bytes_per_s = *rate;
    } else if (name == "page_entries") {
      auto entries = ParseSize(value);
      if (!entries || *entries < 1 || *entries > 1000) return invalid("1 to 1000");
      context_.page_entries_max = static_cast<int>(*entries);
    } else if (name.ends_with("key") && !auth_.keys_by_control) {
      return invalid("keys are changed only on a server that listens on 127.0.0.1 or ::1");
    } else if (name == "key") {
      OSSFS2_RETURN_IF_ERROR(SetKey(keys_, value));
    } else if (name == "expire_key") {
      if (!keys_.Expire(value)) return invalid("no such key");
    } else if (name == "remove_key") {
      if (!keys_.Remove(value)) return invalid("no such key");
    } else {
      return invalid("unknown; known: latency, rate, page_entries, key, expire_key, remove_key");
    }
  }
  return {};
}

HttpResponse OssService::Admin(const HttpRequest& request, BodyReader& body) {
  const std::string what = StrCat(request.method, " ", request.path);
  if (what == "GET /-/stats") return TextAnswer(200, stats_.ToJson());
  if (what == "GET /-/health") return TextAnswer(200, "ok\n");
  if (what == "POST /-/reset") {
    stats_.Reset();
    return TextAnswer(200, "{}\n");
  }
  if (what == "DELETE /-/fault") {
    faults_.Clear();
    return TextAnswer(200, "{}\n");
  }
  if (what == "POST /-/config") return StatusAnswer(Configure(request.query));
  if (what == "POST /-/fault") {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = body.Read(buffer, sizeof(buffer))) > 0 && text.size() < kAdminBodyBytesMax;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    auto rule = ParseFaultRule(text);
    return StatusAnswer(rule ? faults_.Add(std::move(*rule)) : Status(rule.error()));
  }
  return TextAnswer(
      404, "known: GET /-/stats, GET /-/health, POST /-/reset, POST and DELETE /-/fault, POST /-/config\n");
}

}  // namespace ossfs2::server
