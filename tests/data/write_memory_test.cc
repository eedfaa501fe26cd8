// Writers that share a pool too small for all of them at once.
#include <barrier>
#include <thread>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteMemory : public WriteFixture {};

// Each holds a block and asks for one more at the same moment; nobody else could give any up.
TEST_F(WriteMemory, SmallFilesThatGrowInAnyOrderDoNotWaitForEachOther) {
  constexpr size_t kFiles = 16;
  SetPool(kFiles * MemoryPool::kBlockBytes);
  options_.part_bytes = 2 * MemoryPool::kBlockBytes;
  std::vector<std::shared_ptr<WriteFile>> files;
  for (size_t i = 0; i < kFiles; ++i) files.push_back(NewFile("file" + std::to_string(i)));
  std::barrier together(kFiles);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kFiles; ++i)
    threads.emplace_back([&, i] {
      MustWrite(*files[i], 100, "first");
      together.arrive_and_wait();
      MustWrite(*files[i], MemoryPool::kBlockBytes + 100, "second");
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kFiles; ++i) {
    MustPublish(*files[i]);
    std::string wanted(MemoryPool::kBlockBytes + 106, '\0');
    wanted.replace(100, 5, "first");
    wanted.replace(MemoryPool::kBlockBytes + 100, 6, "second");
    ExpectContent("file" + std::to_string(i), wanted);
  }
}

}  // namespace
}  // namespace ossfs2
