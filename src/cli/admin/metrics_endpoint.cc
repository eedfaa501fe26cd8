#include "cli/admin/metrics_endpoint.h"

#include "base/report/metrics.h"
#include "base/values/str.h"
#include "cli/admin/socket_server.h"

namespace ossfs2 {
namespace {

constexpr size_t kRequestBytesMax = 8u << 10;
constexpr auto kIoLimit = std::chrono::seconds(10);

std::string Page(std::string_view status, std::string_view type, std::string_view body) {
  return StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", body.size(),
                "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace

std::string AnswerMetricsRequest(std::string_view request) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const std::string_view line = request.substr(0, request.find_first_of("\r\n"));
  const size_t blank = line.find(' ');
  const std::string_view method = line.substr(0, blank);
  std::string_view target = blank == std::string_view::npos ? "" : line.substr(blank + 1);
  target = target.substr(0, target.find_first_of(" ?"));
  if (method != "GET" && method != "HEAD") return Page("405 Method Not Allowed", kText, "only GET\n");
  std::string page;
  if (target == "/metrics") {
    page = Page("200 OK", "text/plain; version=0.0.4; charset=utf-8", Registry::Default().PrometheusText());
  } else if (target == "/healthz" || target == "/") {
    page = Page("200 OK", kText, "ok\n");
  } else {
    page = Page("404 Not Found", kText, "there are /metrics and /healthz\n");
  }
  return method == "HEAD" ? page.substr(0, page.find("\r\n\r\n") + 4) : page;
}

Result<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const std::string& address, uint16_t port) {
  const auto fd = ListenTcp(address, port);
  if (!fd) return fd.error();
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint);
  endpoint->port_ = BoundPort(*fd);
  endpoint->server_ = std::make_unique<SocketServer>(*fd, "ossfs2-metrics", [](int connection) {
    const auto request = ReadUntil(connection, "\r\n\r\n", kRequestBytesMax, kIoLimit);
    if (request) WriteAll(connection, AnswerMetricsRequest(*request), kIoLimit);
  });
  return endpoint;
}

MetricsEndpoint::MetricsEndpoint() = default;
MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace ossfs2
