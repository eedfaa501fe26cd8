// Stream: the bytes of one connection, plain TCP or TLS, with the pace of the connection.
//
// Used by one thread at a time; Shutdown of the socket by another thread ends a blocked call.
// Calls block; the socket's own time-outs bound them. Nothing here closes the descriptor.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "ossfs2/status.h"
#include "server/transport/stop_signal.h"

namespace ossfs2::server {

// Holds a connection to a rate, in bytes per second (0: no limit); read at every step, so it may change.
class Pacer {
 public:
  Pacer(const std::atomic<uint64_t>& bytes_per_s, StopSignal& stop)
      : bytes_per_s_(bytes_per_s), stop_(stop) {}

  // The most bytes to move before the next Moved call: 5 ms worth, 16 KiB to 1 MiB.
  size_t StepBytes() const;
  // Sleeps as long as `bytes` take at the rate, or not yet when that is less than 5 ms. False when the server stops.
  bool Moved(size_t bytes);

 private:
  const std::atomic<uint64_t>& bytes_per_s_;
  StopSignal& stop_;
  std::chrono::steady_clock::time_point next_{};
};

class Stream {
 public:
  explicit Stream(int fd) : fd_(fd) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Bytes read; 0 at the end; -1 with errno (EAGAIN: nothing came within the socket's time-out).
  virtual ssize_t Read(void* buffer, size_t size) = 0;
  // `more`: further bytes follow at once. False: the connection is useless.
  virtual bool Write(const void* data, size_t size, bool more) = 0;
  // Sends a range of a file. False: the connection is useless, or the file is shorter.
  virtual bool SendFile(int file, uint64_t offset, size_t size) = 0;
  // The close that follows sends RST instead of FIN.
  void ResetOnClose();
  int fd() const { return fd_; }

 private:
  const int fd_;
};

std::unique_ptr<Stream> MakePlainStream(int fd);

// TLS for all connections of a server, from PEM files.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  // Handshakes; null when it fails.
  virtual std::unique_ptr<Stream> Accept(int fd) = 0;
};
// EINVAL, kInvalid, when OpenSSL cannot use the files.
Result<std::unique_ptr<TlsContext>> MakeTlsContext(const std::string& certificate_file, const std::string& key_file);

// Cubic, else reno, for the connections that `listener` will accept: bbr without fq halves loopback speed. To be
// called before listen. A connection that began with bbr has its packets paced by a kernel timer for good, also
// when another control is chosen for it later.
void ChooseCongestionControl(int listener);

// NODELAY and time-outs, for an accepted connection.
void TuneSocket(int fd, int timeout_s);

}  // namespace ossfs2::server
