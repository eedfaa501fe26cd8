// WriteAppend: a file whose bytes go to an appendable object (enable_appendable_object).
//
// Bytes collect in one part buffer and are appended when it is full, when others wait for memory, and at Publish;
// appended bytes are visible in the bucket at once. Threads: the file's turn holder. Errors: a failed append fails
// every later call, because the object's length is not known for sure any more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/content/write_services.h"
#include "data/object_version.h"
#include "data/upload/part_buffer.h"

namespace ossfs2 {

class WriteAppend {
 public:
  static constexpr uint64_t kBytesMax = kPutBytesMax;  // of an appendable object

  // Over the appendable object `base`, or a new one when `base.size` is 0 and `exists` false.
  WriteAppend(WriteServices& services, ObjectVersion base, bool exists, WriteOptions options);

  uint64_t end() const { return base_.size + (buffer_ ? buffer_->size() : 0); }
  bool dirty() const { return !exists_ || (buffer_ && buffer_->size() > 0) || appended_; }
  bool Fits(uint64_t bytes) const { return end() + bytes <= kBytesMax; }
  // False: it would wait for memory or for an append.
  bool TryAppend(std::span<const std::byte> data);
  // All of it or nothing, so at most as much as the memory that a writer may wait for.
  Status Append(std::span<const std::byte> data);
  // Appends what is in memory.
  Status Flush();
  uint64_t MemoryBytes() const { return buffer_ ? buffer_->block_count() * MemoryPool::kBlockBytes : 0; }
  Status Read(uint64_t offset, std::span<std::byte> out);
  // Appends what is there and zeros up to `size`; the object's version then.
  Result<ObjectVersion> Publish(uint64_t size);
  const Status& failure() const { return failure_; }
  int64_t mtime_s() const { return mtime_s_; }
  // What is in the object so far; it exists when anything was appended.
  const ObjectVersion& stored() const { return base_; }
  bool exists() const { return exists_; }
  // What the object was made with; null: by somebody else, and an append takes no options along.
  const WriteOptions* MadeWith() const { return made_ ? &options_ : nullptr; }
  // The bytes that are not in it yet, in ranges.
  std::vector<std::span<const std::byte>> Unstored() const {
    return buffer_ ? buffer_->Spans() : std::vector<std::span<const std::byte>>();
  }

 private:
  void OpenBuffer(uint64_t bytes);  // with room for so many at least

  WriteServices& services_;
  ObjectVersion base_;  // as appended so far
  bool exists_;
  bool appended_ = false;
  bool made_ = false;
  const WriteOptions options_;
  std::unique_ptr<PartBuffer> buffer_;
  Status failure_;
  int64_t mtime_s_ = 0;
};

// One append; `version` becomes what the object then is.
Result<WriteResult> AppendBody(WriteServices& services, ObjectVersion& version, UploadBody body, uint64_t size,
                               const WriteOptions& options);

}  // namespace ossfs2
