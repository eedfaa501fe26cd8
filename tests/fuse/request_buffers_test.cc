// Receive buffers that outlive the workers.
#include "fuse/request_buffers.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace ossfs2 {
namespace {

TEST(RequestBuffers, MemoryOfAWaitingWriteOutlivesThem) {
  // The place is written over when the object is gone, as a stack is.
  alignas(RequestBuffers) std::byte place[sizeof(RequestBuffers)];
  auto* buffers = new (place) RequestBuffers();
  fuse_buf buffer{};
  buffer.mem = std::malloc(100);
  RequestBuffers::SetCurrent(buffers, &buffer);
  RequestBuffers::Memory memory = RequestBuffers::TakeCurrent();
  RequestBuffers::SetCurrent(nullptr, nullptr);
  EXPECT_EQ(buffer.mem, nullptr);
  buffers->~RequestBuffers();
  std::memset(place, 0xff, sizeof(place));
  std::memset(memory.get(), 1, 100);
  memory.reset();
}

}  // namespace
}  // namespace ossfs2
