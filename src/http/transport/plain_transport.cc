// The Transport of plain TCP: one system call for each step, straight between the socket
// and the memory of the caller.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "http/transport/transport.h"

namespace ossfs2::http {
namespace {

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(int fd) : Transport(fd) {}

  IoStep Handshake() override { return {IoStep::State::kMoved}; }

  IoStep Receive(std::span<std::byte> room, bool) override {
    ssize_t count = 0;
    do {
      count = recv(fd(), room.data(), room.size(), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count == 0) return {IoStep::State::kClosed};
    if (count < 0) return WouldBlock() ? IoStep{} : Fail(strerror(errno));
    const auto bytes = static_cast<size_t>(count);
    return {IoStep::State::kMoved, bytes, bytes < room.size()};
  }

  IoStep Send(std::span<const iovec> pieces) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    ssize_t sent = 0;
    do {
      sent = sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return WouldBlock() ? IoStep{} : Fail(strerror(errno));
    return {IoStep::State::kMoved, static_cast<size_t>(sent)};
  }

  IoStep Flush() override { return {IoStep::State::kMoved}; }
  bool has_input() const override { return false; }
  bool has_output() const override { return false; }
  bool Rest() override { return true; }
  bool LooksAlive() override {
    char byte = 0;
    return recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && WouldBlock();
  }
  void SayGoodbye() override {}
  bool ended_properly() const override { return true; }
};

}  // namespace

std::unique_ptr<Transport> MakePlainTransport(int fd) { return std::make_unique<PlainTransport>(fd); }

}  // namespace ossfs2::http
