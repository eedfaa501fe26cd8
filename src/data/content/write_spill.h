// WriteSpill: the part buffer of a stream whose bytes are on disk while its writer waits for memory.
//
// At most one buffer of a stream is away at a time, which is enough: only a part too short to be sent is spilled, and a
// stream has one of those. The file has no name, lies in the staging folder, counts in StagingSpace while it holds a
// buffer, and is kept for the next time.
// Whoever drops or changes a buffer brings it back first.
// Threads: the file's turn holder only. Errors: those of the disk; what cannot be spilled stays in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/content/write_services.h"
#include "data/staging/staging_file.h"
#include "data/upload/part_buffer.h"

namespace ossfs2 {

class WriteSpill {
 public:
  explicit WriteSpill(WriteServices& services) : services_(services) {}
  ~WriteSpill() { services_.space.Release(reserved_); }
  WriteSpill(const WriteSpill&) = delete;
  WriteSpill& operator=(const WriteSpill&) = delete;

  // Frees the buffer's blocks. Nothing happens when it is empty or another one is away; when the disk does not take it,
  // UploadMemory remembers why.
  void Spill(PartBuffer& buffer);
  // The buffer that is away, or null.
  const PartBuffer* buffer() const { return buffer_; }
  bool empty() const { return buffer_ == nullptr; }
  // What bringing it back takes; 0: none is away.
  size_t BlocksNeeded() const;
  // Bytes that its last block has room for.
  uint64_t Room() const;

  // False: there is no memory for it now, or the disk failed.
  bool TryBringBack();
  // Waits for memory.
  Status BringBack();
  // Takes BlocksNeeded() of `blocks`, from the front.
  Status BringBack(std::vector<BlockRef>& blocks);

 private:
  Status Store(const PartBuffer& buffer);
  void FreeSpace();

  WriteServices& services_;
  std::shared_ptr<StagingFile> file_;
  uint64_t reserved_ = 0;  // of the staging space
  PartBuffer* buffer_ = nullptr;
};

}  // namespace ossfs2
