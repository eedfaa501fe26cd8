// Space that is only allocated: a store of it that fails can be repeated, since no byte of a program is lost.
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class AllocatedSpace : public WriteFixture {};

TEST_F(AllocatedSpace, BehindAnObjectIsStoredByTheSecondTry) {
  const std::string content = Random(kMiB, 51);
  store_->PutContent("file", content);
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(3 * kMiB));
  Fail("copy_part", EIO, ErrorKind::kUnavailable);
  EXPECT_FALSE(file->Publish({}));
  EXPECT_TRUE(file->sticky_error());
  MustPublish(*file);
  ExpectContent("file", content + std::string(2 * kMiB, '\0'));
}

TEST_F(AllocatedSpace, OfANewFileIsStoredByTheSecondTry) {
  auto file = NewFile();
  ASSERT_TRUE(file->Truncate(3 * kMiB));
  Fail("part", EIO, ErrorKind::kUnavailable);
  EXPECT_FALSE(file->Publish({}));
  MustPublish(*file);
  ExpectContent("file", std::string(3 * kMiB, '\0'));
}

}  // namespace
}  // namespace ossfs2
