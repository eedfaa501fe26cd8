#include "fuse/session/landing_zone.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace ossfs2 {
namespace {

thread_local LandingZone* t_zone = nullptr;

// linux/fuse.h: what stands before the bytes of a WRITE.
constexpr size_t kFrontBytes = sizeof(fuse_in_header) + sizeof(fuse_write_in);

// What libfuse adds to the largest WRITE for its buffer (lib/fuse_i.h, FUSE_BUFFER_HEADER_SIZE). A larger buffer means
// larger writes than a landing holds.
constexpr size_t kHeaderRoomBytes = 4096;

bool IsWrite(const char* request) {
  uint32_t opcode;
  std::memcpy(&opcode, request + offsetof(fuse_in_header, opcode), sizeof(opcode));
  return opcode == FUSE_WRITE;
}

void MoveBack(const Landing& landing, char* to, size_t count) {
  for (size_t i = 0; count > 0; ++i) {
    const size_t bytes = std::min(count, Landing::kPieceBytes);
    std::memcpy(to, landing.Piece(i).data(), bytes);
    to += bytes;
    count -= bytes;
  }
}

}  // namespace

LandingZone::LandingZone(const Maker& maker) : maker_(maker) { t_zone = this; }

LandingZone::~LandingZone() { t_zone = nullptr; }

LandingZone* LandingZone::OfThread() { return t_zone; }

void LandingZone::Prepare() {
  has_write_ = false;
  if (landing_ && (++unused_requests_ > kRequestsWithoutUse || !landing_->Refill())) landing_.reset();
  if (wanted_ && !landing_) {
    landing_ = maker_();
    unused_requests_ = 0;
  }
  wanted_ = false;
}

ssize_t LandingZone::Receive(int fd, char* buffer, size_t size) {
  // The kernel refuses to give requests to a reader without room for the largest WRITE.
  const bool fits = size >= kFrontBytes + Landing::kBytes && size <= kHeaderRoomBytes + Landing::kBytes;
  if (!landing_ || !fits) return read(fd, buffer, size);
  std::array<iovec, 1 + Landing::kPieces> parts;
  parts[0] = {buffer, kFrontBytes};
  for (size_t i = 0; i < Landing::kPieces; ++i) {
    const std::span<std::byte> piece = landing_->Piece(i);
    parts[i + 1] = {piece.data(), piece.size()};
  }
  const ssize_t got = readv(fd, parts.data(), static_cast<int>(parts.size()));
  if (got <= static_cast<ssize_t>(kFrontBytes)) return got;
  has_write_ = IsWrite(buffer);
  if (!has_write_) MoveBack(*landing_, buffer + kFrontBytes, static_cast<size_t>(got) - kFrontBytes);
  return got;
}

void LandingZone::NoteWrite(size_t size) {
  if (size < kLargeWriteBytes) return;
  wanted_ = true;
  unused_requests_ = 0;
}

std::unique_ptr<Landing> LandingZone::Take() {
  if (!has_write_) return nullptr;
  has_write_ = false;
  return std::move(landing_);
}

}  // namespace ossfs2
