// StagingFile: a sparse local file without a name that holds what a staged file was written.
//
// Ranges never written, punched or cut off read as zeros. The caller accounts for its space in
// StagingSpace. Threads: reads from any thread beside one writer (the turn holder's).
// Errors: the errno of the system call, ENOSPC included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "data/staging/staging_space.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class StagingFile {
 public:
  static Result<std::shared_ptr<StagingFile>> Open(StagingSpace& space);
  explicit StagingFile(int fd) : fd_(fd) {}
  ~StagingFile();
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;

  Status Write(uint64_t offset, std::span<const std::byte> data);
  Status Read(uint64_t offset, std::span<std::byte> out) const;  // zeros beyond the end
  // Bytes of the file as memory, for parts larger than the pool lends. While it lives nobody may cut the file.
  class Mapping {
   public:
    Mapping(void* address, size_t mapped, size_t skip, size_t size)
        : address_(address), mapped_(mapped), skip_(skip), size_(size) {}
    ~Mapping();
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_) + skip_, size_}; }

   private:
    void* const address_;
    const size_t mapped_;
    const size_t skip_;
    const size_t size_;
  };
  Result<std::shared_ptr<const Mapping>> Map(uint64_t offset, uint64_t length);

  Status Truncate(uint64_t size);
  // Makes the range zeros and gives its space back where the disk can.
  Status Punch(uint64_t offset, uint64_t length);

 private:
  const int fd_;
};

}  // namespace ossfs2
