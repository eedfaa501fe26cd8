// Stream sockets as both clients want them: non-blocking, close-on-exec, no delay,
// keep-alive probes, and a fair congestion control towards the own host.
#pragma once

#include <cstdint>

#include "http/net/address.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

// The descriptor; the caller closes it. Errors: EMFILE and the like.
Result<int> OpenStreamSocket(const SocketAddress& peer);

// Lets the connection leave from `source` (port 0). EADDRNOTAVAIL when the machine has no such address.
Status BindSource(int fd, const SocketAddress& source);

// Bytes that the kernel still holds for the peer; 0 when unknown.
uint64_t UnsentBytes(int fd);

}  // namespace ossfs2::http
