// CopySource: the object that a copy, or the copy of a part, takes its bytes from (header x-oss-copy-source).
#pragma once

#include <string>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/operations/handler_context.h"

namespace ossfs2::server {

struct CopySource {
  std::string bucket;
  std::string key;
  RecordPtr record;  // as it was when the request came
};
// Errors: a text that is no "/bucket/key", no such bucket or key, and what the conditions of the request refuse.
Reply<CopySource> FindCopySource(HandlerContext& context, const Exchange& e);

}  // namespace ossfs2::server
