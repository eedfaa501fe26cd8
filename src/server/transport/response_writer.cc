#include "server/transport/response_writer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::server {
namespace {

// A client that stays through a stall longer than this is cut off.
constexpr std::chrono::seconds kStallMax{900};

std::string Head(const HttpResponse& response, uint64_t length, bool keep_alive) {
  std::string head = StrCat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
                            "\r\nDate: ", oss::HttpDate(std::time(nullptr) + response.date_shift_s), "\r\n");
  for (const auto& [name, value] : response.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (response.status != 204 && response.status != 304) {
    head.append(StrCat("Content-Length: ", length, "\r\n"));
  }
  head.append(keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  return head;
}

// Sends pieces of the body and knows when to stop or to damage it.
class BodySender {
 public:
  BodySender(Stream& stream, Pacer& pacer, const HttpResponse& response, uint64_t total)
      : stream_(stream), pacer_(pacer), counter_(response.sent_counter), total_(total) {
    const WireFault fault = response.fault;
    if (fault == WireFault::kShort || fault == WireFault::kStall) stop_at_ = total / 2;
    if (fault == WireFault::kCorrupt && total > 0) flip_at_ = total / 2;
  }

  bool Text(const std::string& body) {
    for (size_t at = 0; at < body.size() && sent_ < stop_at_;) {
      const size_t step = Step(body.size() - at);
      Count(step);
      const bool flip = sent_ == flip_at_;
      const char flipped = static_cast<char>(body[at] ^ 0x20);
      if (!stream_.Write(flip ? &flipped : body.data() + at, step, false)) return Uncount(step);
      if (!Moved(step)) return false;
      at += step;
    }
    return true;
  }

  bool Stored(const Extent& extent) {
    ExtentFile file(extent);
    if (file.fd() < 0) return false;
    for (uint64_t at = 0; at < extent.size && sent_ < stop_at_;) {
      const size_t step = Step(file.RunBytes(at));
      Count(step);
      if (!SendStored(file, at, step)) return Uncount(step);
      if (!Moved(step)) return false;
      at += step;
    }
    return true;
  }

 private:
  size_t Step(uint64_t available) const {
    uint64_t step = std::min<uint64_t>({available, pacer_.StepBytes(), stop_at_ - sent_});
    if (sent_ < flip_at_) step = std::min(step, flip_at_ - sent_);
    return sent_ == flip_at_ ? 1 : static_cast<size_t>(step);
  }

  bool SendStored(const ExtentFile& file, uint64_t at, size_t step) {
    if (sent_ != flip_at_) return stream_.SendFile(file.fd(), file.FileOffset(at), step);
    char byte = 0;
    if (::pread(file.fd(), &byte, 1, static_cast<off_t>(file.FileOffset(at))) != 1) return false;
    byte = static_cast<char>(byte ^ 0x20);
    return stream_.Write(&byte, 1, true);
  }

  // Counted before it is sent: a client that has the last byte finds it counted.
  void Count(size_t bytes) {
    if (counter_ != nullptr) counter_->fetch_add(bytes, std::memory_order_relaxed);
  }
  bool Uncount(size_t bytes) {
    if (counter_ != nullptr) counter_->fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  bool Moved(size_t bytes) {
    sent_ += bytes;
    return sent_ >= total_ || pacer_.Moved(bytes);
  }

  Stream& stream_;
  Pacer& pacer_;
  std::atomic<uint64_t>* const counter_;
  const uint64_t total_;
  uint64_t sent_ = 0;
  uint64_t stop_at_ = UINT64_MAX;
  uint64_t flip_at_ = UINT64_MAX;
};

// Waits until the client goes away, the server stops, or kStallMax.
void Stall(Stream& stream, StopSignal& stop) {
  const auto until = std::chrono::steady_clock::now() + kStallMax;
  char byte = 0;
  while (std::chrono::steady_clock::now() < until && stop.SleepFor(std::chrono::milliseconds(100))) {
    const ssize_t n = ::recv(stream.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
  }
}

}  // namespace

bool WriteResponse(Stream& stream, Pacer& pacer, StopSignal& stop, const HttpResponse& response,
                   bool head_only, bool keep_alive) {
  const WireFault fault = response.fault;
  const uint64_t body_bytes = response.extents.empty() ? response.body.size() : response.extents_bytes;
  if (fault == WireFault::kReset) {
    stream.ResetOnClose();
    return false;
  }
  if (fault == WireFault::kStall && (body_bytes == 0 || head_only)) {
    Stall(stream, stop);
    return false;
  }
  const bool bodyless = head_only || response.status == 204 || response.status == 304;
  std::string head = Head(response, response.content_length.value_or(body_bytes), keep_alive);
  if (bodyless || body_bytes == 0) return stream.Write(head.data(), head.size(), false) && keep_alive;
  BodySender sender(stream, pacer, response, body_bytes);
  if (!stream.Write(head.data(), head.size(), true)) return false;
  if (response.extents.empty()) {
    if (!sender.Text(response.body)) return false;
  } else {
    for (const Extent& extent : response.extents) {
      if (!sender.Stored(extent)) return false;
    }
  }
  if (fault == WireFault::kStall) Stall(stream, stop);
  return keep_alive && fault != WireFault::kStall && fault != WireFault::kShort;
}

}  // namespace ossfs2::server
