#include "server/transport/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ossfs2::server {
namespace {

class PlainStream final : public Stream {
 public:
  using Stream::Stream;

  ssize_t Read(void* buffer, size_t size) override {
    for (;;) {
      const ssize_t n = ::recv(fd(), buffer, size, 0);
      if (n >= 0 || errno != EINTR) return n;
    }
  }

  bool Write(const void* data, size_t size, bool more) override {
    const char* at = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t n = ::send(fd(), at, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }

  bool SendFile(int file, uint64_t offset, size_t size) override {
    off_t at = static_cast<off_t>(offset);
    while (size > 0) {
      const ssize_t n = ::sendfile(fd(), file, &at, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      size -= static_cast<size_t>(n);
    }
    return true;
  }
};

}  // namespace

constexpr auto kStep = std::chrono::milliseconds(5);

size_t Pacer::StepBytes() const {
  const uint64_t rate = bytes_per_s_.load(std::memory_order_relaxed);
  if (rate == 0) return 1 << 20;
  return std::clamp<uint64_t>(rate * kStep.count() / 1000, 16 << 10, 1 << 20);
}

bool Pacer::Moved(size_t bytes) {
  const uint64_t rate = bytes_per_s_.load(std::memory_order_relaxed);
  if (rate == 0) return true;
  const auto now = std::chrono::steady_clock::now();
  // A sleep that lasted too long is made good for, but not more than 20 ms of it.
  next_ = std::max(next_, now - std::chrono::milliseconds(20));
  next_ += std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate)));
  // Small pieces share a sleep, so that pacing costs the machine little.
  return next_ - now < kStep || stop_.SleepFor(next_ - now);
}

void Stream::ResetOnClose() {
  const linger hard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

std::unique_ptr<Stream> MakePlainStream(int fd) { return std::make_unique<PlainStream>(fd); }

void ChooseCongestionControl(int listener) {
  if (::setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0) {
    ::setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
  }
}

void TuneSocket(int fd, int timeout_s) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  const timeval limit{timeout_s, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

}  // namespace ossfs2::server
