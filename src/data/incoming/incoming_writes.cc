#include "data/incoming/incoming_writes.h"

#include <utility>

#include "data/incoming/write_landing.h"

namespace ossfs2 {

std::unique_ptr<Landing> IncomingWrites::MakeLanding() { return WriteLanding::Make(pool_); }

void IncomingWrites::KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) {
  waiting_.Keep(bytes, std::move(may_run));
}

}  // namespace ossfs2
