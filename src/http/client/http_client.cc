#include "http/client/http_client.h"

#include <utility>

#include "base/threads/awaited.h"

namespace ossfs2::http {

Result<Response> HttpClient::Fetch(Request request) {
  const auto answer = std::make_shared<Awaited<Result<Response>>>();
  Start(std::move(request), nullptr,
        [answer](Result<Response> result, const CallReport&) { answer->Set(std::move(result)); });
  return answer->Take();
}

}  // namespace ossfs2::http
