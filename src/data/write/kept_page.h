// KeptPage: a page of a written file for those who read it next, because the kernel does not keep it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ossfs2 {

// Of the pages that a program writes the kernel keeps those that one write covered wholly. This is another page of a
// stored version: its bytes, up to its end or to that of the file. Nobody changes them any more. Pages are those of the
// kernel (base/machine/page_size.h), because it asks for no less than one.
struct KeptPage {
  uint64_t offset = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

}  // namespace ossfs2
