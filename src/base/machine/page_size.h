// The kernel's pages: 4 KiB on x86-64; 4, 16 or 64 KiB on aarch64, as that kernel was built.
#pragma once

#include <unistd.h>

#include <cstdint>

namespace ossfs2 {

inline uint64_t KernelPageBytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// To the next multiple of `page_bytes`, and to the last one.
constexpr uint64_t PageUp(uint64_t offset, uint64_t page_bytes) {
  return (offset + page_bytes - 1) / page_bytes * page_bytes;
}
constexpr uint64_t PageDown(uint64_t offset, uint64_t page_bytes) { return offset / page_bytes * page_bytes; }

}  // namespace ossfs2
