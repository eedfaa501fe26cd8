// WriteStaged: a file that is written out of order, kept in a sparse local file until it is published.
//
// Over a base version (which may be empty): ranges written here are local, the rest comes from
// the base on demand, and beyond the base's end are zeros. Publishing sends the dirty ranges and
// copies the clean ones on the server (publication_plan.h), or sends them where those copies are refused.
// A cell that has been written completely is sent at once in the background (once: a cell that is then
// changed again waits for Publish), so that the end of a large download waits for its tail only.
//
// Threads: the file's turn holder only (early parts are read by background threads meanwhile).
// Bounds: staged_file_bytes_max (EFBIG), the staging space (ENOSPC). Memory: one part at a time
// for reading, plus the parts on their way, and the extents (extent_budget.h): beyond their bound some are joined.
// Errors: a failed Publish keeps all data and can be repeated.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/content/publication_plan.h"
#include "data/content/write_services.h"
#include "data/object_version.h"
#include "data/staging/extent_budget.h"
#include "data/staging/extent_map.h"
#include "data/staging/staging_file.h"
#include "data/upload/multipart_upload.h"

namespace ossfs2 {

class WriteStaged {
 public:
  // Over bytes [0, base_bytes) of `base`. `size` is the file's logical size.
  static Result<std::unique_ptr<WriteStaged>> Open(WriteServices& services, uint64_t owner, std::string key,
                                                   ObjectVersion base, uint64_t base_bytes, uint64_t size,
                                                   WriteOptions options);
  WriteStaged(WriteServices& services, uint64_t owner, std::string key, ObjectVersion base, uint64_t base_bytes,
              uint64_t size, WriteOptions options, std::shared_ptr<StagingFile> file);
  ~WriteStaged();
  WriteStaged(const WriteStaged&) = delete;
  WriteStaged& operator=(const WriteStaged&) = delete;

  uint64_t size() const { return size_; }
  bool dirty() const { return changed_; }
  // Bytes changed, not only the allocated size.
  bool data_changed() const { return data_changed_; }
  uint64_t DirtyBytes() const { return extents_.DirtyBytes(); }
  uint64_t LocalBytes() const { return extents_.LocalBytes(); }

  // There are too many extents: JoinExtents has to come before the next Write or Zero.
  bool HasTooManyExtents() const { return share_.full(); }
  // Joins extents that lie close to each other: what lies between is fetched, and is then stored as if it had been
  // written. Nothing when there are not too many.
  Status JoinExtents();
  Status Write(uint64_t offset, std::span<const std::byte> data);
  Status Truncate(uint64_t size);
  // Makes the range (inside the file) zeros.
  Status Zero(uint64_t offset, uint64_t length);
  Status Read(uint64_t offset, std::span<std::byte> out);  // inside the file
  // The bytes of the last page when it is not full and here; else empty.
  std::vector<std::byte> Tail() const;
  // Where the last byte ends that has ever been written, or was cut: space only allocated lies beyond.
  uint64_t WrittenEnd() const;

  struct Publication {
    uint64_t size = 0;  // size(), or less to leave out allocated space at the end
    WriteOptions options;
    bool forbid_overwrite = false;
  };
  struct Outcome {
    WriteResult result;
    WriteOptions stored_options;  // what the object really has
  };
  Result<Outcome> Publish(const Publication& publication);
  // The published version became the base; what is local stays as its cache.
  void Rebase(const ObjectVersion& base);

  // What the service said to an early part, if it takes none (no right, no quota): a download of 100 GB must not be
  // staged whole before its program learns that. The next publication asks again.
  Status Refusal() const;
  // Some byte is only in the base.
  bool NeedsBase() const;
  // Fetches what is only in the base, as far as there is room for it.
  Status FetchBase() { return FetchMissing(0, base_bytes_); }
  // Nothing is published any more; the base's bytes are now there (no key: nowhere, ESTALE).
  void Detach(const ObjectVersion& base);

 private:
  Status CheckRange(uint64_t end) const;
  Status Reserve(uint64_t bytes);
  // What of the range is not local; in all, what was reserved.
  Result<uint64_t> ReserveMissing(uint64_t begin, uint64_t end);
  void DropCached();
  void HideUnwritten(uint64_t begin, uint64_t end);
  void Touch(uint64_t begin, uint64_t end);
  void SendEarly(uint64_t begin, uint64_t end);
  void SendCellEarly(size_t cell);
  uint64_t Generation(size_t cell) const;
  MultipartUpload& Upload();
  std::vector<ContentRun> ContentRuns(uint64_t begin, uint64_t end) const;
  void CountExtents() { share_.Set(extents_.count()); }

  // --- write_staged_base.cc ---
  Status FetchMissing(uint64_t begin, uint64_t end);
  Result<bool> FetchPiece(uint64_t begin, uint64_t end);
  Status JoinClose(uint64_t gap_max, size_t extents_wanted, uint64_t& fetched);
  Status FillIn(uint64_t begin, uint64_t end, uint64_t& fetched);
  std::vector<ExtentMap::Run> GapsOf(uint64_t begin, uint64_t end) const;
  Result<std::shared_ptr<PartBuffer>> FetchGaps(uint64_t begin, uint64_t end) const;
  Status KeepGaps(const PartBuffer& gaps);
  // Two halves of a read: what only the base has, and what the local file has or what is zeros.
  Status ReadBase(uint64_t offset, std::span<std::byte> out) const;
  Status ReadLocal(uint64_t offset, std::span<std::byte> out) const;
  Result<std::shared_ptr<PartBuffer>> MakeBuffer(uint64_t begin, uint64_t end) const;
  Result<std::shared_ptr<PartBuffer>> Load(uint64_t begin, uint64_t end) const;

  // --- write_staged_publish.cc ---
  bool FitsOnePut(uint64_t size) const;
  Result<Outcome> PublishByPut(const Publication& publication);
  Result<Outcome> PublishByParts(const Publication& publication);
  Status SendPlan(const std::vector<PlanPart>& plan);
  Status SendRange(const PlanPart& part);
  Status SendMapped(const PlanPart& part);

  WriteServices& services_;
  const uint64_t owner_;
  const std::string key_;
  ObjectVersion base_;
  uint64_t base_bytes_;  // [0, base_bytes_) of the base are still part of the file
  uint64_t cut_end_ = 0;  // what was written was cut there: a hole before it is part of the file, not allocated space
  uint64_t size_;
  const WriteOptions options_;
  std::shared_ptr<StagingFile> file_;
  ExtentMap extents_;
  ExtentShare share_;
  bool changed_;
  bool data_changed_;
  bool detached_ = false;
  bool copies_refused_ = false;             // the service does not copy parts of the base
  std::map<size_t, uint64_t> generations_;  // of cells that were changed after being sent
  std::map<size_t, uint64_t> early_;        // cells that were sent, and their generation then
  std::shared_ptr<MultipartUpload> upload_;
};

}  // namespace ossfs2
