// Objects whose bytes the service does not copy: an appendable one in a bucket with versioning. They are fetched and
// sent.
#include <cerrno>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class RefusedCopies : public WriteFixture {
 protected:
  RefusedCopies() { store_->PutContent("file", content_); }
  void RefusePartCopies(int count) {
    oss::FaultRule rule;
    rule.operation = "copy_part";
    rule.count = count;
    rule.error = MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "injected");
    rule.error.oss_code = "OperationNotSupported";
    faults_->AddRule(rule);
  }
  void Patch(WriteFile& file, uint64_t offset) {
    const std::string patch = "patch";
    MustWrite(file, offset, patch);
    content_.replace(offset, patch.size(), patch);
  }

  std::string content_ = Random(8 * kMiB, 71);
};

TEST_F(RefusedCopies, APatchIsStored) {
  RefusePartCopies(-1);
  auto file = OpenFile();
  Patch(*file, 5 * kPart);
  Patch(*file, 11 * kPart + 100);
  MustPublish(*file);
  ExpectContent("file", content_);
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

TEST_F(RefusedCopies, TheNextVersionIsCopiedAgain) {
  RefusePartCopies(1);
  auto file = OpenFile();
  Patch(*file, 5 * kPart);
  MustPublish(*file);
  const uint64_t copied = Count("copy_part");
  Patch(*file, 2 * kMiB);
  MustPublish(*file);
  EXPECT_GT(Count("copy_part"), copied) << "what this mount stores can be copied";
  ExpectContent("file", content_);
}

TEST_F(RefusedCopies, AShorterFileIsStored) {
  RefusePartCopies(-1);
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(5 * kMiB + 7));
  content_.resize(5 * kMiB + 7);
  MustPublish(*file);
  ExpectContent("file", content_);
}

TEST_F(RefusedCopies, OtherFailuresOfACopyStay) {
  Fail("copy_part", EIO, ErrorKind::kUnavailable);
  auto file = OpenFile();
  Patch(*file, 5 * kPart);
  const Result<Published> published = file->Publish({});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().errno_value, EIO);
  MustPublish(*file);
  ExpectContent("file", content_);
}

}  // namespace
}  // namespace ossfs2
