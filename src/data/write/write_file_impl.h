// WriteFileImpl: the state machine of one file (write_file.h says what it promises).
//
// Its content is one of
//   at rest    [0, base_bytes_) of the base, then zeros up to size()
//   stream_    written in order (write_stream.h); also a whole small file in memory, in any order
//   append_    goes to an appendable object (write_append.h)
//   staged_    anything else (write_staged.h)
// A stream becomes staged at the first write that does not fit it. If bytes of it are only in parts already
// sent, which nobody can read, the upload is first completed under the real key, provisionally
// (provisional.h), and the staged file goes on over that version: nothing is sent twice. The same
// happens when the 10,000 part numbers run out: the next stream is seeded with the version, by few large
// copies, and so files grow to 48.8 TiB.
// A detached file (no name any more) is at rest or staged_ for good, over a parked copy of its base.
//
// Threads: calls take their turn in order (turn.h). size(), dirty() and sticky_error() never wait.
// The methods lie in write_file_impl.cc (writing, reading, giving up), _landed.cc, _content.cc (from one state to
// another), _size.cc, _publish.cc, _detach.cc and _facts.cc.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "data/content/write_append.h"
#include "data/content/write_services.h"
#include "data/content/write_staged.h"
#include "data/content/write_stream.h"
#include "data/explanation.h"
#include "data/recovery/parking.h"
#include "data/recovery/provisional.h"
#include "data/write/seam_pages.h"
#include "data/write/sticky_error.h"
#include "data/write/turn.h"
#include "data/write/write_file.h"

namespace ossfs2 {

class WriteFileImpl final : public WriteFile, public std::enable_shared_from_this<WriteFileImpl> {
 public:
  WriteFileImpl(WriteServices& services, SeamBudget& seams, WriteTarget target);
  ~WriteFileImpl() override;

  Result<bool> TryWrite(uint64_t offset, std::span<const std::byte> data, WritePlace place) override;
  Result<size_t> TryWriteLanded(uint64_t offset, Landing& landing, size_t size, WritePlace place) override;
  Result<size_t> WriteLanded(uint64_t offset, const Landing& landing, size_t from, size_t size,
                             WritePlace place) override;
  Status Write(uint64_t offset, std::span<const std::byte> data, WritePlace place) override;
  Status Truncate(uint64_t size) override;
  Status Allocate(int mode, uint64_t offset, uint64_t length) override;
  Result<bool> CopyRange(const ObjectVersion& source, uint64_t source_offset, uint64_t offset,
                         uint64_t length) override;
  Result<size_t> Read(uint64_t offset, std::span<std::byte> out) override;
  Result<Published> Publish(const WriteOptions& options) override;
  Result<Published> Sync(const WriteOptions& options) override;
  void SetOptions(const WriteOptions& options) override;
  void GiveUp() override { given_up_.store(true, std::memory_order_release); }
  void Discard() override;
  Status Detach(const NameLoss& loss) override;
  bool detached() const override { return detached_.load(std::memory_order_acquire); }
  void Rebind(const ObjectVersion& version, bool exists) override;
  uint64_t size() const override { return size_.load(std::memory_order_acquire); }
  bool dirty() const override { return dirty_.load(std::memory_order_acquire); }
  bool provisional() const override { return has_provisional_.load(std::memory_order_acquire); }
  Status sticky_error() const override { return sticky_.status(); }

  // --- for the engine ---
  // On its way out: who opens its id now has another file.
  bool ended() const { return detached() || given_up_.load(std::memory_order_acquire); }
  uint64_t UnpublishedBytes() const { return unpublished_.load(std::memory_order_relaxed); }
  // Gives up buffer memory if nobody is using the file; the bytes it will free, maybe only soon. Never waits.
  uint64_t ReleaseMemory(Release how);
  // The engine goes down: later calls fail with EIO.
  void Refuse();
  // After Refuse: unpublished data is dropped. Waits for the call that has the turn.
  void Abandon();
  Explanation Explain();

 private:
  class Operation;  // a turn, and the published facts brought up to date at its end

  // --- writing ---
  // `more` bytes follow at once: memory is asked for them as well.
  Status WritePiece(uint64_t offset, std::span<const std::byte> data, size_t more = 0);
  Result<bool> TryWritePiece(uint64_t offset, std::span<const std::byte> data, BlockRef* filled = nullptr);
  // False: it does not fit a stream.
  Result<bool> WriteToStream(uint64_t offset, std::span<const std::byte> data, size_t more);
  // After an attempt to write a piece.
  void NotePiece(uint64_t offset, std::span<const std::byte> data, const Result<bool>& taken);
  Status Resize(uint64_t size);
  Status ShrinkTo(uint64_t size);
  uint64_t FlushSoon();
  void NoteFailure(const Status& status);
  void Stick(const Error& error);
  Error TooLarge() const;
  static bool FitsObject(uint64_t offset, uint64_t length) {
    return offset <= kObjectBytesMax && length <= kObjectBytesMax - offset;
  }

  // --- content ---
  bool AtRest() const { return !stream_ && !staged_ && !append_; }
  bool AtWholeBase() const;
  uint64_t HeadCapacity() const { return services_.PartBytesAt(0); }
  uint64_t LoadBytesMax() const;
  std::unique_ptr<WriteStream> NewStream(const WriteOptions& options) const;
  Status BeginContent(uint64_t offset, uint64_t length);
  Status LoadBase();      // a small one, into the head of a stream
  void GoOnBehindBase();  // a stream seeded with copies of it
  Result<bool> BeginAppendable();
  Status EndAppendable();  // what was appended becomes the base
  Result<std::unique_ptr<WriteStaged>> OpenStaged(const ObjectVersion& base, uint64_t base_bytes) const;
  Status EnterStaged();
  Status StageStream(const ObjectVersion& base, uint64_t base_bytes);
  Status StageAppended();  // as it is, over what was appended so far
  Status StageRest();      // what is in memory; the parts that were sent are given up
  Status StoreProvisionally();
  Status Compact();
  Status MakeReadable();
  void StartOver();  // O_TRUNC: nothing of the base is content any more
  void DropContent();
  bool DropCopy();  // a stream that is only a copy of what is stored; false: it is not

  // --- publishing ---
  // kWritten leaves out space that is only allocated behind the last written byte.
  enum class UpTo : uint8_t { kSize, kWritten };
  Result<Published> PublishTurn(const WriteOptions& options, UpTo up_to);
  Result<Published> Store(uint64_t size, const WriteOptions& options);
  Result<Published> StoreStream(uint64_t size, const WriteOptions& options);
  Result<Published> StoreStaged(uint64_t size, const WriteOptions& options);
  Result<Published> StoreAppend(uint64_t size, const WriteOptions& options);
  Published Adopt(const WriteResult& result, uint64_t size);
  void GivePages(Published& published);
  void FixOptions(Published& published, const WriteOptions& stored, const WriteOptions& wanted);
  bool MustBeNew() const { return exclusive_ && !exists_; }
  bool HasWork() const;
  uint64_t WrittenEnd() const;
  uint64_t CountUnpublished() const;
  void Refresh();

  WriteServices& services_;
  const uint64_t file_id_;
  Turn turn_;

  // The turn holder's.
  ObjectVersion base_;
  bool exists_;
  bool exclusive_;
  uint64_t base_bytes_;
  WriteOptions options_;         // what uploads are opened with
  bool changed_ = false;         // at rest or in the stream: differs from the base
  bool discarded_ = false;
  bool content_lost_ = false;  // detached: what was only in memory could not be kept, and sticky_ says why
  std::unique_ptr<WriteStream> stream_;
  std::unique_ptr<WriteStaged> staged_;
  std::unique_ptr<WriteAppend> append_;
  std::unique_ptr<Provisional> provisional_;
  WriteOptions provisional_options_;  // what the provisional version was stored with
  std::unique_ptr<Parking> parking_;  // detached: where the rest of the base is
  SeamPages seams_;                   // of size() bytes, stored or not

  std::atomic<uint64_t> size_;
  std::atomic<bool> dirty_;
  std::atomic<uint64_t> unpublished_{0};
  std::atomic<bool> detached_{false};
  std::atomic<bool> has_provisional_{false};
  std::atomic<bool> given_up_{false};
  std::atomic<bool> flushing_{false};  // a task that appends what is in memory is on its way
  StickyError sticky_;
};

}  // namespace ossfs2
