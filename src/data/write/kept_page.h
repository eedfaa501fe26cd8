// KeptPage: a page of a written file for those who read it next, because the kernel does not keep it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ossfs2 {

// Of the pages that a program writes the kernel keeps those that one write covered wholly.
inline constexpr size_t kKeptPageBytes = 4096;

// Another page of a stored version: its bytes, up to its end or to that of the file. Nobody changes them any more.
struct KeptPage {
  uint64_t offset = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

}  // namespace ossfs2
