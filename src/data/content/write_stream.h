// WriteStream: a file that is written in order, as parts that upload while later bytes arrive.
//
// Its bytes are, from the start: a seed (the base object, copied on the server) or the head (the
// first part, kept here unsent while memory allows, so that a header patched at the end, or a
// whole small file in any order, costs nothing), then sent parts (sent_parts.h), then the tail that is
// being filled. What is in head and tail can be read back, and of the sent parts those that are still somewhere.
// While memory is short one of head and tail may lie on disk (write_spill.h).
//
// Threads: the file's turn holder only. Memory: at most the part being filled, the head and
// the parts on their way (bounded by `concurrency`); ReleaseMemory gives up what can be given up.
// Errors: a part that failed for good fails every later call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/content/sent_parts.h"
#include "data/content/write_services.h"
#include "data/content/write_spill.h"
#include "data/object_version.h"
#include "data/upload/multipart_upload.h"
#include "data/upload/part_buffer.h"

namespace ossfs2 {

class WriteStream {
 public:
  WriteStream(WriteServices& services, uint64_t owner, std::string key, WriteOptions options);
  ~WriteStream();
  WriteStream(const WriteStream&) = delete;
  WriteStream& operator=(const WriteStream&) = delete;

  // Right after construction: begin with the base's bytes, copied on the server, or downloaded into the head.
  void SeedByCopy(const ObjectVersion& base);
  Status SeedByDownload(const ObjectVersion& base);

  uint64_t end() const;
  // In-place changes: all of the range (which may end beyond end() while the file is only its head) is in memory.
  bool CanPatch(uint64_t offset, uint64_t length) const;
  // Takes all at the end or nothing (false: it would have to wait). `filled`: the block of a landing (write_landing.h)
  // that is full of `data`, if there is one; it may be kept, and is then null, instead of copied.
  Result<bool> TryAppend(std::span<const std::byte> data, BlockRef* filled = nullptr, size_t more = 0);
  // `more` bytes follow at once: memory for them is kept for the next call, or until DropSpare.
  Status Append(std::span<const std::byte> data, size_t more = 0);
  void DropSpare() { spare_.clear(); }
  Result<bool> TryPatch(uint64_t offset, std::span<const std::byte> data);
  Status Patch(uint64_t offset, std::span<const std::byte> data);
  // Part numbers are used up: the owner completes it, and goes on in a stream that is seeded with the result.
  bool OutOfNumbers() const;
  // Ranges of another object appended by copies on the server; false: too short, or a short part would be left, or that
  // version is gone. When it fails nothing was appended, and what was before is still good unless the upload is gone.
  Result<bool> AppendCopy(const ObjectVersion& source, uint64_t offset, uint64_t length);
  // Shortens to `size`; false: what would be cut is not in memory.
  Result<bool> TryCut(uint64_t size);
  // False: some byte is gone from here.
  Result<bool> Read(uint64_t offset, std::span<std::byte> out);
  // The bytes of the last page when it is not full and in memory; else empty.
  std::vector<std::byte> Tail() const;
  // No byte is gone: the stream can be turned into a staged file without publishing.
  bool Lossless() const;
  uint64_t seed_bytes() const { return seed_bytes_; }
  // Calls `take` for each range that is in memory.
  Status EachResident(const std::function<Status(uint64_t offset, std::span<const std::byte> data)>& take);

  struct Publication {
    uint64_t size = 0;  // zeros follow the written bytes up to here
    WriteOptions options;
    bool forbid_overwrite = false;
    // Called before the upload is completed; an error stops it.
    std::function<Status(const std::string& upload_id, std::optional<uint64_t> crc64)> before_complete;
  };
  struct Outcome {
    WriteResult result;
    bool multipart = false;
    WriteOptions stored_options;  // what the object really has
  };
  // May be repeated after an error. After success the stream is only good to be kept as a small file
  // in memory (whole_in_memory) or to be dropped.
  Result<Outcome> Publish(const Publication& publication);
  bool whole_in_memory() const { return upload_ == nullptr && sent_.empty(); }

  void ReleaseMemory(Release how);
  uint64_t MemoryBytes() const;
  Status failure() const { return upload_ ? upload_->failure() : Status(); }

 private:
  PartBuffer* Current() const;        // what the next byte goes to, if there is one with capacity left
  size_t BlocksNeeded(uint64_t bytes) const;
  bool MayTake() const;               // neither back-pressure nor spilled nor out of numbers
  bool TryTake(std::span<const std::byte> data, size_t more);
  void Take(std::span<const std::byte> data, size_t more);  // into spare_, which has the room that is missing
  bool TryKeep(BlockRef& block);
  void YieldTail();
  PartBuffer& OpenBuffer();
  MultipartUpload& Upload();
  void SendHead();
  void SendTail();
  void SendBuffer(int number, std::shared_ptr<PartBuffer> buffer);
  void PadTo(PartBuffer& buffer, uint64_t size);
  void SendCopy(const ObjectVersion& source, uint64_t offset, uint64_t length);
  bool TakeBackCopies(int first_number);
  void SendZerosTo(uint64_t size);
  Status AppendWaiting(std::span<const std::byte> data, size_t more);
  PartBuffer* Holding(uint64_t offset) const;
  Status GrowHead(uint64_t size);
  Result<Outcome> PublishByPut(const Publication& publication);
  Result<Outcome> PublishByParts(const Publication& publication);
  size_t OutstandingMax() const;

  WriteServices& services_;
  const uint64_t owner_;
  const std::string key_;
  const WriteOptions options_;
  uint64_t seed_bytes_ = 0;
  std::optional<uint64_t> seed_crc_;
  std::shared_ptr<PartBuffer> head_;  // at offset 0, unsent; null when seeded by copy or sent
  std::shared_ptr<PartBuffer> tail_;  // null: nothing after the head, or the last part was just sent
  SentParts sent_;
  int next_number_ = 1;
  std::shared_ptr<MultipartUpload> upload_;
  bool completed_ = false;
  std::vector<BlockRef> spare_;       // granted and about to be used
  WriteSpill spill_;                  // of head_ or tail_
};

}  // namespace ossfs2
