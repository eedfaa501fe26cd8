// The disk of the staging folder refuses to write in the middle: what is read, and stored, is still one content.
#include "tests/data/write_fixture.h"
#include "tests/support/file_size_limit.h"

namespace ossfs2 {
namespace {

class StagingDisk : public WriteFixture {
 protected:
  // Patched at its end, so that it is staged and the rest of it is in the bucket only.
  void Begin() {
    content_ = Random(4 * kMiB, 31);
    store_->PutContent("file", content_);
    file_ = OpenFile();
    MustWrite(*file_, 4 * kMiB - 5, "patch");
    content_.replace(4 * kMiB - 5, 5, "patch");
  }
  std::string ReadPiece(uint64_t offset, size_t size) {
    std::string out(size, '\0');
    const Result<size_t> got = file_->Read(offset, {reinterpret_cast<std::byte*>(out.data()), size});
    EXPECT_TRUE(got) << got.error().ToString();
    return out;
  }

  std::string content_;
  std::shared_ptr<WriteFile> file_;
};

TEST_F(StagingDisk, BytesThatCannotBeKeptAreReadAllTheSame) {
  Begin();
  {
    const test::FileSizeLimit limit(kMiB + 100);
    EXPECT_TRUE(ReadPiece(kMiB, kMiB) == content_.substr(kMiB, kMiB));
  }
  EXPECT_TRUE(ReadAll(*file_) == content_);
  MustPublish(*file_);
  ExpectContent("file", content_);
}

TEST_F(StagingDisk, AWriteThatFailsHalfwayLeavesTheOldBytesInWhatIsNotWrittenYet) {
  Begin();
  EXPECT_TRUE(ReadPiece(kMiB, kMiB) == content_.substr(kMiB, kMiB));  // from here on they lie on the disk as well
  {
    const test::FileSizeLimit limit(kMiB + 500 * kKiB);
    EXPECT_FALSE(WriteAt(*file_, kMiB + 400 * kKiB, std::string(200 * kKiB, 'x')));
  }
  EXPECT_TRUE(ReadAll(*file_) == content_);
  // Stored with what is next to it.
  MustWrite(*file_, kMiB + 390 * kKiB, "near");
  content_.replace(kMiB + 390 * kKiB, 4, "near");
  MustPublish(*file_);
  ExpectContent("file", content_);
}

}  // namespace
}  // namespace ossfs2
