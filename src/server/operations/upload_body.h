// Receiving the bodies of uploads: into a blob, with CRC64 always and MD5 where it is asked for or cheap. What is
// discarded is not hashed: MD5 and SHA-256 take more of the machine than receiving, and only S3 clients would be
// slower for it.
//
// Threads: reads on the calling one, for as long as the client sends. No object refers to what came of a body that
// broke off; the file goes with the blob, or its end is written over by the next append.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/operations/handler_context.h"

namespace ossfs2::server {

struct ReceivedBody {
  std::vector<Extent> extents;  // one or none
  uint64_t size = 0;
  uint64_t crc64 = 0;
  std::string etag;
  std::string content_md5;  // base64, when computed
};
// Reads the whole upload body into a blob and checks Content-MD5, CRC and length. `tail`: an extent of an
// appendable object that may be continued in place (null: a new blob).
Reply<ReceivedBody> ReceiveBody(HandlerContext& context, Exchange& e, const Extent* tail = nullptr);
// A small body as text, at most `bytes_max` (`code` when larger), Content-MD5 checked when present.
Reply<std::string> ReceiveText(Exchange& e, size_t bytes_max, std::string_view code);

}  // namespace ossfs2::server
