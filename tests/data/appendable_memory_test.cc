// Appendable objects while memory is short.
#include <cerrno>
#include <mutex>
#include <vector>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class AppendableMemory : public WriteFixture {
 protected:
  static constexpr size_t kShare = 48;  // blocks that uploads may have of a pool of 64

  AppendableMemory() {
    SetPool(MemoryPool::kLimitBytesMin);
    EXPECT_EQ(pool_->upload_share_bytes(), kShare * MemoryPool::kBlockBytes);
    options_.appendable = true;
    options_.part_bytes = 2 * MemoryPool::kBlockBytes;
  }

  // Takes a block as soon as there is one.
  void TakeBlock() {
    pool_->AllocateAsync(MemoryTag::kUpload, 1, [this](std::vector<BlockRef> given) {
      std::lock_guard lock(mutex_);
      for (BlockRef& block : given) taken_.push_back(std::move(block));
    });
  }
  void GiveBack() {
    std::vector<BlockRef> given;
    {
      std::lock_guard lock(mutex_);
      given.swap(taken_);
    }
  }

  std::mutex mutex_;
  std::vector<BlockRef> taken_;
};

// Logs that many programs keep open, each with a little that is not stored yet.
TEST_F(AppendableMemory, OpenFilesGiveTheirMemoryToOneThatWaits) {
  std::vector<std::shared_ptr<WriteFile>> files;
  for (size_t i = 0; i < kShare; ++i) {
    files.push_back(NewFile("log" + std::to_string(i)));
    MustWrite(*files.back(), 0, "line\n");
  }
  auto late = NewFile("late");
  const Status written = WriteAt(*late, 0, "late");
  ASSERT_TRUE(written) << written.error().ToString();
  MustPublish(*late);
  ExpectContent("late", "late");
  for (size_t i = 0; i < kShare; ++i) {
    MustWrite(*files[i], 5, "next\n");
    MustPublish(*files[i]);
    ExpectContent("log" + std::to_string(i), "line\nnext\n");
  }
}

TEST_F(AppendableMemory, OfAWriteThatIsRefusedNothingIsAppended) {
  options_.standstill_max = std::chrono::milliseconds(150);
  auto file = NewFile();
  const std::string first = Random(100, 71);
  const std::string second = Random(4 * MemoryPool::kBlockBytes, 72);
  MustWrite(*file, 0, first);
  for (size_t i = 0; i < kShare - 2; ++i) TakeBlock();
  // What comes free by the append is somebody else's.
  oss::FaultRule rule;
  rule.operation = "append";
  rule.meanwhile = [this] {
    TakeBlock();
    TakeBlock();
  };
  faults_->AddRule(rule);
  const Status refused = file->Write(first.size(), Bytes(second), WritePlace::kOffset);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errno_value, ENOSPC);
  EXPECT_EQ(file->size(), first.size());
  MustPublish(*file);
  ExpectContent("file", first);
  EXPECT_FALSE(file->dirty());
  GiveBack();
  MustWrite(*file, first.size(), second);
  MustPublish(*file);
  ExpectContent("file", first + second);
}

}  // namespace
}  // namespace ossfs2
