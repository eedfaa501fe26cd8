// The service's own time, from the Date of an answer: for what must not go by the clock of this machine.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/daemon/mount_stack.h"
#include "http/message/response.h"

namespace ossfs2 {

// One unsigned HEAD of the endpoint itself, within MountStack::kProbeDeadline. Any answer will do, a refusal too.
// Errors: of the network or of TLS.
Result<http::Response> AskService(const StoreStack& stack, const Settings& settings);
// Seconds since 1970; nullopt when the answer has no Date.
std::optional<int64_t> TimeOf(const http::Response& answer);

}  // namespace ossfs2
