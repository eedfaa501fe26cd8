// LandingZone: where a worker thread receives its next request.
//
// Why: copying the bytes of large writes out of the request costs a fifth of the daemon's time. So a worker that sees
// large writes takes a Landing (ossfs2/landing.h), and from then on reads requests with readv: what precedes the
// bytes of a WRITE goes to the request buffer as always, what follows into the landing, page by page aligned, and the
// writer keeps that memory. The few bytes of other requests that lie behind are moved back to where libfuse
// expects them.
// A landing is given up when memory is short, or after kRequestsWithoutUse requests that had no use for it. A worker
// that waits for a request keeps its landing; the pool bounds what all of them hold.
// Threads: each worker has its own zone, which OfThread finds.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "ossfs2/landing.h"

namespace ossfs2 {

class LandingZone {
 public:
  using Maker = std::function<std::unique_ptr<Landing>()>;
  static constexpr size_t kLargeWriteBytes = Landing::kPieceBytes;
  static constexpr int kRequestsWithoutUse = 64;

  // The zone of this thread until it is destroyed.
  explicit LandingZone(const Maker& maker);
  ~LandingZone();
  LandingZone(const LandingZone&) = delete;
  LandingZone& operator=(const LandingZone&) = delete;

  static LandingZone* OfThread();

  // Before each request: replaces what the last one took.
  void Prepare();
  // Instead of read(2). -1 with errno as there.
  ssize_t Receive(int fd, char* buffer, size_t size);
  // Large writes are worth a landing from now on.
  void NoteWrite(size_t size);

  // What the bytes of the WRITE in hand lie in; null: they follow the header as usual.
  Landing* landed() const { return has_write_ ? landing_.get() : nullptr; }
  // The same for a write that has to wait.
  std::unique_ptr<Landing> Take();

 private:
  const Maker& maker_;
  std::unique_ptr<Landing> landing_;
  bool wanted_ = false;
  bool has_write_ = false;
  int unused_requests_ = 0;
};

}  // namespace ossfs2
