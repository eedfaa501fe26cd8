// Writes whose bytes lie in a landing.
#include <algorithm>

#include "data/incoming/write_landing.h"
#include "data/write/write_file_impl.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {

Result<size_t> WriteFileImpl::TryWriteLanded(uint64_t offset, Landing& landing, size_t size, WritePlace place) {
  if (auto error = sticky_.Get()) return std::move(*error);
  if (!turn_.TryAcquire()) return size_t{0};
  Operation operation(*this, std::adopt_lock);
  if (place == WritePlace::kEnd) offset = this->size();
  if (!FitsObject(offset, size)) return TooLarge();
  auto& memory = static_cast<WriteLanding&>(landing);
  size_t taken = 0;
  for (size_t i = 0; taken < size; ++i) {
    const auto data = memory.Piece(i).first(std::min(size - taken, Landing::kPieceBytes));
    // Of what may be kept, and sent by others at once, no edge must be read afterwards.
    const bool whole = data.size() == Landing::kPieceBytes && (offset + taken) % services_.options.page_bytes == 0;
    const Result<bool> piece = TryWritePiece(offset + taken, data, whole ? &memory.block(i) : nullptr);
    NotePiece(offset + taken, data, piece);
    if (!piece && taken == 0) {
      NoteFailure(piece.error());
      return piece.error();
    }
    // The caller gives the rest to WriteLanded, which meets the error again and counts what was taken before it.
    if (!piece || !*piece) break;
    taken += data.size();
  }
  if (taken > 0) operation.Wrote(offset, taken);
  return taken;
}

Result<size_t> WriteFileImpl::WriteLanded(uint64_t offset, const Landing& landing, size_t from, size_t size,
                                          WritePlace place) {
  Operation operation(*this);
  const uint64_t begin = place == WritePlace::kEnd ? this->size() : offset + from;
  Status status;
  if (auto error = sticky_.Get()) status = std::move(*error);
  if (status && !FitsObject(begin, size - from)) status = TooLarge();
  size_t at = from;
  while (status && at < size) {
    const auto rest = landing.Piece(at / Landing::kPieceBytes).subspan(at % Landing::kPieceBytes);
    const auto data = rest.first(std::min(rest.size(), size - at));
    status = WritePiece(begin + (at - from), data, size - at - data.size());
    NotePiece(begin + (at - from), data, status ? Result<bool>(true) : Result<bool>(status.error()));
    NoteFailure(status);
    if (!status) break;
    operation.Wrote(begin + (at - from), data.size());
    at += data.size();
  }
  if (stream_) stream_->DropSpare();
  // The next write meets the error.
  if (!status && at == 0) return status.error();
  return at;
}

}  // namespace ossfs2
