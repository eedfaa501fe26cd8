// A copy on the server that fails takes nothing along of what was written before it.
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class CopyRangeFaults : public WriteFixture {
 protected:
  ObjectVersion PutSource(const std::string& content) {
    store_->PutContent("source", content);
    const Result<ObjectInfo> info = store_->Head("source");
    return {"source", info->size, info->etag, info->crc64};
  }
};

TEST_F(CopyRangeFaults, OfASourceThatWasReplacedIsLeftToTheCaller) {
  const ObjectVersion source = PutSource(Random(kMiB, 41));
  const std::string before = Random(5 * kPart, 42);
  for (const bool at_begin : {true, false}) {
    auto file = NewFile();
    if (!at_begin) WriteInOrder(*file, before, 64 * kKiB);
    const uint64_t at = at_begin ? 0 : before.size();
    PutSource("another");
    const Result<bool> copied = file->CopyRange(source, 0, at, source.size);
    ASSERT_TRUE(copied) << copied.error().ToString();
    EXPECT_FALSE(*copied);
    EXPECT_EQ(file->size(), at);
    MustWrite(*file, at, "read and written");
    MustPublish(*file);
    ExpectContent("file", (at_begin ? "" : before) + "read and written");
    file.reset();
    engine_.reset();  // waits for what runs in the background
    EXPECT_EQ(store_->OpenUploads(), 0u);
    ASSERT_TRUE(store_->Delete("file"));
  }
}

TEST_F(CopyRangeFaults, OfASourceThatIsGoneIsLeftToTheCallerToo) {
  const ObjectVersion source = PutSource(Random(kMiB, 46));
  const std::string before = Random(5 * kPart, 47);
  auto file = NewFile();
  WriteInOrder(*file, before, 64 * kKiB);
  ASSERT_TRUE(store_->Delete("source"));
  const Result<bool> copied = file->CopyRange(source, 0, before.size(), source.size);
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_FALSE(*copied);
  MustPublish(*file);
  ExpectContent("file", before);
}

TEST_F(CopyRangeFaults, NothingCopiedIsAnEmptyFile) {
  const ObjectVersion source = PutSource(Random(kMiB, 43));
  PutSource("another");
  auto file = NewFile();
  const Result<bool> copied = file->CopyRange(source, 0, 0, source.size);
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_FALSE(*copied);
  MustPublish(*file);
  ExpectContent("file", "");
}

TEST_F(CopyRangeFaults, CanBeAskedForOnceMore) {
  const std::string content = Random(3 * kMiB, 44);
  const ObjectVersion source = PutSource(content);
  const std::string before = Random(5 * kPart, 45);
  auto file = NewFile();
  WriteInOrder(*file, before, 64 * kKiB);
  Fail("copy_part", EIO, ErrorKind::kUnavailable);
  const Result<bool> failed = file->CopyRange(source, 0, before.size(), source.size);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().errno_value, EIO);
  EXPECT_TRUE(file->sticky_error());
  const Result<bool> copied = file->CopyRange(source, 0, before.size(), source.size);
  ASSERT_TRUE(copied && *copied);
  MustPublish(*file);
  ExpectContent("file", before + content);
}

}  // namespace
}  // namespace ossfs2
