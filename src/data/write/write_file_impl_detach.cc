// How a WriteFileImpl loses its name.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/write/write_file_impl.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {
namespace {

// A base of at most this is fetched instead of parked: one request instead of two.
constexpr uint64_t kFetchBytesMax = 1u << 20;

bool IsLost(const Error& error) {
  return error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kVersionChanged ||
         error.kind == ErrorKind::kAccessDenied;
}

}  // namespace

// Everything is in a staging file or in an object that can be read, and small ones are here.
Status WriteFileImpl::MakeReadable() {
  if (append_) OSSFS2_RETURN_IF_ERROR(StageAppended());
  const bool small_base = exists_ && base_bytes_ > 0 && base_bytes_ <= kFetchBytesMax;
  if (stream_ || (small_base && !staged_)) {
    // Without room for it, what is stored as well can be parked.
    if (Status staged = EnterStaged(); !staged && !DropCopy()) return staged;
  }
  // It may still be parked when this fails.
  if (small_base && staged_) (void)staged_->FetchBase();
  return {};
}

Status WriteFileImpl::Detach(const NameLoss& loss) {
  Operation operation(*this);
  const bool too_much = stream_ && !stream_->Lossless() && stream_->end() - stream_->seed_bytes() > kDetachedStoreBytes;
  const bool given_up = sticky_.set();
  const Status readable = too_much || given_up ? Status() : MakeReadable();
  std::unique_ptr<Parking> parking;
  if (exists_ && (staged_ ? staged_->NeedsBase() : !stream_ && !append_ && base_bytes_ > 0)) {
    Result<std::unique_ptr<Parking>> begun =
        Parking::Begin(services_.store, services_.journal, base_, loss.parking_folder, loss.park);
    if (begun)
      parking = std::move(*begun);
    else if (IsLost(begun.error()))
      LogLimited(LogLevel::kWarning,
                 StrCat(base_.key, " loses its name while it is open, and could not be kept for its readers: ",
                        begun.error().ToString()));
    else
      return begun.error();
  }
  if (Status taken = loss.take(parking ? parking->version() : ObjectVersion(), exists_); !taken) {
    if (parking) parking->End();
    return taken;
  }
  detached_.store(true, std::memory_order_release);
  seams_.Clear();  // no version of it is stored any more
  Status rest = readable;
  if (rest && too_much) rest = StageRest();
  if (stream_ || append_) {
    StartOver();
    content_lost_ = true;
    if (!rest) Stick(rest.error());
  }
  const uint64_t base_size = base_.size;
  base_ = parking ? parking->version() : ObjectVersion();
  base_.size = base_size;
  parking_ = std::move(parking);
  if (staged_) staged_->Detach(base_);
  if (provisional_) provisional_->Settle();
  provisional_.reset();
  return {};
}

}  // namespace ossfs2
