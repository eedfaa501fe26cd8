// Bounds of what is written: of a file, of the staging folder and of its disk.
#include <cerrno>
#include <fstream>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteLimits : public WriteFixture {};

TEST_F(WriteLimits, StagingSpaceIsBounded) {
  options_.staging_bytes_max = kMiB;
  auto file = NewFile();
  ASSERT_TRUE(file->Truncate(100 * kMiB));
  const std::string piece = Random(kPart, 9);
  Status status;
  uint64_t written = 0;
  for (uint64_t at = 50 * kMiB; status && at < 60 * kMiB; at += 2 * kPart) {
    status = WriteAt(*file, at, piece);
    written += status ? kPart : 0;
  }
  EXPECT_EQ(ErrnoOf(status), ENOSPC);
  EXPECT_EQ(written, kMiB);
  EXPECT_TRUE(file->sticky_error());  // room may come
  file.reset();
  auto next = NewFile("next");
  ASSERT_TRUE(next->Truncate(100 * kMiB));
  EXPECT_TRUE(WriteAt(*next, 50 * kMiB, piece));
}

TEST_F(WriteLimits, AMissingStagingFolderIsNotTakenForAMissingFile) {
  std::ofstream(folder_.path() + "/file").flush();
  options_.staging_dir = folder_.path() + "/file/deep/staging";
  EXPECT_EQ(ErrnoOf(WriteAt(*NewFile(), 10 * kMiB, "x")), EIO);
}

TEST_F(WriteLimits, TheDiskKeepsAReserve) {
  options_.staging_free_bytes_min = ~0ull >> 2;
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 10 * kMiB, "x")), ENOSPC);
}

TEST_F(WriteLimits, TheDiskKeepsAShare) {
  options_.staging_free_percent_min = 100;
  EXPECT_EQ(ErrnoOf(WriteAt(*NewFile(), 10 * kMiB, "x")), ENOSPC);
  engine_.reset();
  options_.staging_free_percent_min = 0;
  EXPECT_TRUE(WriteAt(*NewFile(), 10 * kMiB, "x"));
}

TEST_F(WriteLimits, SizesHaveLimits) {
  options_.staged_file_bytes_max = kMiB;
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 2 * kMiB, "x")), EFBIG);
  EXPECT_EQ(ErrnoOf(file->Truncate(kObjectBytesMax + 1)), EFBIG);
  EXPECT_TRUE(NewFile("large")->Truncate(kObjectBytesMax));
}

TEST_F(WriteLimits, WithoutAStagingFolderTheErrorSaysSo) {
  options_.staging_dir.clear();
  auto file = NewFile();
  EXPECT_EQ(ErrnoOf(WriteAt(*file, 10 * kMiB, "x")), EOPNOTSUPP);
}

}  // namespace
}  // namespace ossfs2
