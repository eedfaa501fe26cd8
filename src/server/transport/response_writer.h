// Writing answers: head, body, sendfile of stored data, and the ways in which faults bend them.
//
// Threads: the one of the connection; blocks at the pace of the client and of the Pacer.
#pragma once

#include <cstdint>

#include "server/transport/http_message.h"
#include "server/transport/stream.h"

namespace ossfs2::server {

// True when the connection can serve further requests. `head_only`: the answer of a HEAD.
bool WriteResponse(Stream& stream, Pacer& pacer, StopSignal& stop, const HttpResponse& response,
                   bool head_only, bool keep_alive);

}  // namespace ossfs2::server
