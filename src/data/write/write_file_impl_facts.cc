// What anybody may ask a WriteFileImpl: whether something is not stored, how much, and what `ossfs2 explain` shows.
#include <utility>

#include "base/values/str.h"
#include "data/write/write_file_impl.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {

bool WriteFileImpl::HasWork() const {
  if (discarded_) return false;
  if (detached()) return staged_ || changed_ || !exists_;
  if (!exists_ || provisional_) return true;
  if (staged_) return staged_->dirty();
  if (append_) return append_->dirty() || size() != append_->end();
  return changed_;
}

uint64_t WriteFileImpl::CountUnpublished() const {
  if (detached()) return 0;
  if (staged_) return staged_->DirtyBytes();
  if (stream_) return changed_ ? stream_->end() - stream_->seed_bytes() : 0;
  return append_ ? append_->end() - base_.size : 0;
}

void WriteFileImpl::Refresh() {
  unpublished_.store(CountUnpublished(), std::memory_order_relaxed);
  dirty_.store(HasWork(), std::memory_order_release);
  has_provisional_.store(provisional_ != nullptr, std::memory_order_release);
}

Explanation WriteFileImpl::Explain() {
  if (!turn_.TryAcquire()) return {"state: busy"};
  Operation operation(*this, std::adopt_lock);
  Explanation lines;
  const char* state = staged_ ? "staged" : append_ ? "appendable" : stream_ ? "streaming" : "clean";
  lines.push_back(StrCat("state: ", state));
  lines.push_back(StrCat("size: ", size()));
  lines.push_back(StrCat("unpublished: ", dirty() ? "yes" : "no"));
  if (staged_) {
    lines.push_back(StrCat("staged bytes: ", staged_->LocalBytes()));
    if (const Status refusal = staged_->Refusal(); !refusal) lines.push_back(StrCat("refused: ", refusal.error().text));
  }
  if (stream_) lines.push_back(StrCat("buffered bytes: ", stream_->MemoryBytes()));
  if (provisional_) lines.push_back("stored provisionally: yes");
  if (detached()) lines.push_back("without a name: yes");
  if (parking_) lines.push_back(StrCat("parked: ", parking_->version().key));
  if (const auto error = sticky_.Get()) lines.push_back(StrCat("error: ", error->text));
  return lines;
}

}  // namespace ossfs2
