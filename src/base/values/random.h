// Seeds from the kernel. (std::random_device would bind the program to arc4random of newer C libraries.)
#pragma once

#include <cstdint>

namespace ossfs2 {

// 64 bits that nobody can guess; any thread.
uint64_t RandomSeed();

}  // namespace ossfs2
