// Transport: how the bytes of one connected, non-blocking socket travel: as they are, or
// inside TLS. LeanExchange and LeanConnection move plain bytes and know nothing more.
//
// Loop thread only. Nothing here blocks, closes the descriptor or raises SIGPIPE. Errors
// come as kFailed with a text in failure(); a transport that failed is of no further use.
//
// Events: the loop is level-triggered, so bytes that lie in the socket are told again. Bytes
// that the transport holds itself are not: whoever stops before `drained` must look at
// has_input() and go on. Output that the socket did not take waits in the transport; while
// has_output(), watch for EPOLLOUT and call Send or Flush.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "http/message/call_report.h"

namespace ossfs2::http {

struct IoStep {
  enum class State : uint8_t { kMoved, kWouldBlock, kClosed, kFailed };
  State state = State::kWouldBlock;
  size_t bytes = 0;      // of kMoved: the plain bytes; Send may have moved older output only
  bool drained = false;  // of Receive: no more for now, an event tells when there is
};

class Transport {
 public:
  explicit Transport(int fd) : fd_(fd) {}
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Until kMoved, after every event of the socket. Plain: done at once.
  virtual IoStep Handshake() = 0;
  // Fills `room` from the front. `from_socket` false: only with what the transport holds.
  virtual IoStep Receive(std::span<std::byte> room, bool from_socket) = 0;
  // Takes some of the bytes in order; fewer than asked: the socket is full.
  virtual IoStep Send(std::span<const iovec> pieces) = 0;
  virtual IoStep Flush() = 0;
  virtual bool has_input() const = 0;
  virtual bool has_output() const = 0;

  // The exchange is over: gives back memory. False: bytes are left over in either
  // direction, or the peer is about to close; the connection must not be used again.
  virtual bool Rest() = 0;
  // Of an idle connection: nothing has come that ends it or belongs to no request, as far
  // as a look can tell. Eats what the protocol itself sends (TLS tickets).
  virtual bool LooksAlive() = 0;
  // Before the descriptor is closed: tells the peer, if that costs no waiting.
  virtual void SayGoodbye() = 0;

  // After kClosed: the peer said that this is the end. TLS cut by a third party does not.
  virtual bool ended_properly() const = 0;
  const std::string& failure() const { return failure_; }
  Cause failure_cause() const { return failure_cause_; }
  int fd() const { return fd_; }

 protected:
  IoStep Fail(std::string text) {
    failure_ = std::move(text);
    return {IoStep::State::kFailed};
  }
  Cause failure_cause_ = Cause::kOther;

 private:
  const int fd_;
  std::string failure_;
};

std::unique_ptr<Transport> MakePlainTransport(int fd);

}  // namespace ossfs2::http
