// Part buffers that lie in the staging folder while their writers wait for memory count in its bound.
#include <gmock/gmock.h>

#include <cerrno>

#include "base/report/metrics.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteSpillSpace : public WriteFixture {
 protected:
  static constexpr size_t kShare = 48;  // blocks that uploads may have of a pool of 64
  static constexpr size_t kBytes = 1000;

  WriteSpillSpace() { SetPool(MemoryPool::kLimitBytesMin); }

  static int64_t Staged() { return Registry::Default().gauge("staging_bytes", "").Value(); }
  static std::string Content(size_t i) { return Random(kBytes, i); }
  // Small files that hold all memory that uploads may have.
  void FillMemory() {
    for (size_t i = 0; i < kShare; ++i) {
      files_.push_back(NewFile("small" + std::to_string(i)));
      MustWrite(*files_.back(), 0, Content(i));
    }
  }

  std::vector<std::shared_ptr<WriteFile>> files_;
};

TEST_F(WriteSpillSpace, BuffersAreCountedUntilTheyComeBack) {
  FillMemory();
  EXPECT_EQ(Staged(), 0);
  auto late = NewFile("late");
  MustWrite(*late, 0, "late");
  const int64_t spilled = Staged();
  EXPECT_GE(spilled, static_cast<int64_t>(kBytes));
  EXPECT_EQ(spilled % static_cast<int64_t>(kBytes), 0);
  for (size_t i = 0; i < kShare; ++i) {
    MustPublish(*files_[i]);
    ExpectContent("small" + std::to_string(i), Content(i));
    files_[i].reset();
  }
  EXPECT_EQ(Staged(), 0);
}

TEST_F(WriteSpillSpace, AFileThatIsGivenUpGivesItsSpaceBack) {
  FillMemory();
  auto late = NewFile("late");
  MustWrite(*late, 0, "late");
  EXPECT_GT(Staged(), 0);
  for (const auto& file : files_) file->Discard();
  files_.clear();
  EXPECT_EQ(Staged(), 0);
}

TEST_F(WriteSpillSpace, BeyondTheBoundBuffersStayInMemory) {
  options_.staging_bytes_max = kBytes / 2;
  options_.standstill_max = std::chrono::milliseconds(150);
  FillMemory();
  const Status refused = WriteAt(*NewFile("late"), 0, "no room");
  ASSERT_EQ(ErrnoOf(refused), ENOSPC);
  EXPECT_THAT(refused.error().text, testing::HasSubstr("of the 500 B allowed"));
  EXPECT_EQ(Staged(), 0);
  for (size_t i = 0; i < kShare; ++i) {
    MustPublish(*files_[i]);
    ExpectContent("small" + std::to_string(i), Content(i));
  }
}

}  // namespace
}  // namespace ossfs2
