// The disk of the staging folder refuses to write in the middle: what is read, and stored, is still one content.
#include <sys/resource.h>

#include <csignal>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

// No file of this process grows beyond `bytes`, nor is anything changed behind them: a write over that place is short,
// as on a disk that is full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uint64_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit now = before_;
    now.rlim_cur = bytes;
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &now), 0);
  }
  ~FileSizeLimit() {
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  const sighandler_t handler_;
  rlimit before_{};
};

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
    const FileSizeLimit limit(kMiB + 100);
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
    const FileSizeLimit limit(kMiB + 500 * kKiB);
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
