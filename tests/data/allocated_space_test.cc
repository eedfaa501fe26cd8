// Space that is only allocated: it never cuts what others write meanwhile, and a store of it that fails can be
// repeated, since no byte of a program is lost.
#include <thread>
#include <vector>

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

TEST_F(AllocatedSpace, DoesNotCutWhatIsWrittenMeanwhile) {
  constexpr size_t kPieces = 100'000;
  constexpr size_t kPieceBytes = 16;
  auto file = NewFile();
  const std::string content = Random(kPieces * kPieceBytes, 53);
  std::vector<std::thread> allocating;
  for (int i = 0; i < 3; ++i)
    allocating.emplace_back([&] {
      while (file->size() < content.size()) EXPECT_TRUE(file->Allocate(0, 0, file->size() + 1));
    });
  for (size_t i = 0; i < kPieces; ++i)
    EXPECT_TRUE(file->Write(i * kPieceBytes, Bytes(content).subspan(i * kPieceBytes, kPieceBytes),
                            WritePlace::kOffset));
  for (std::thread& thread : allocating) thread.join();
  const std::string there = ReadAll(*file);
  EXPECT_TRUE(there.substr(0, content.size()) == content);
}

}  // namespace
}  // namespace ossfs2
