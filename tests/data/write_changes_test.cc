// What client programs do to objects that are there, as direct calls: contents and request counts.
#include <linux/falloc.h>

#include <cerrno>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WriteChanges : public WriteFixture {};

TEST_F(WriteChanges, AppendToExistingCopiesOnTheServer) {  // wget -c, >>
  const std::string old = Random(3 * kMiB, 12);
  store_->PutContent("file", old);
  store_->ResetCounts();
  auto file = OpenFile();
  EXPECT_FALSE(file->dirty());
  const std::string more = Random(700'000, 13);
  WriteInOrder(*file, more, 16 * kKiB, old.size());
  MustPublish(*file);
  ExpectContent("file", old + more);
  EXPECT_EQ(store_->BytesReceived(), more.size());
  EXPECT_EQ(store_->BytesSent(), 0u);
  EXPECT_EQ(Count("copy_part"), 1u);
}

TEST_F(WriteChanges, AppendToASmallObjectIsAGetAndAPut) {
  store_->PutContent("file", "old ");
  store_->ResetCounts();
  auto file = OpenFile();
  MustWrite(*file, 4, "new");
  MustPublish(*file);
  ExpectContent("file", "old new");
  EXPECT_EQ(Count("get"), 1u);
  EXPECT_EQ(Count("put"), 1u);
  MustWrite(*file, 7, "er");  // kept in memory: no second GET
  MustPublish(*file);
  ExpectContent("file", "old newer");
  EXPECT_EQ(Count("get"), 1u);
}

TEST_F(WriteChanges, ChangeInTheMiddleSendsOnlyTheChange) {
  options_.part_bytes = 8 * kMiB;
  std::string data = Random(64 * kMiB, 14);
  store_->PutContent("file", data);
  store_->ResetCounts();
  auto file = OpenFile();
  const std::string change = Random(kMiB, 15);
  const uint64_t at = 24 * kMiB - 300'000;  // over the border of two cells
  MustWrite(*file, at, change);
  data.replace(at, change.size(), change);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_LE(Count("part"), 2u);
  EXPECT_EQ(store_->BytesReceived(), change.size());
  EXPECT_EQ(store_->BytesSent(), 0u);
}

TEST_F(WriteChanges, RsyncInplaceReadsAndWritesHoles) {
  std::string data = Random(2 * kMiB, 16);
  store_->PutContent("file", data);
  auto file = OpenFile();
  for (uint64_t at = 100'000; at + 1000 < data.size(); at += 300'000) {
    std::string byte(1, '\0');
    ASSERT_TRUE(file->Read(at, {reinterpret_cast<std::byte*>(byte.data()), 1}));
    EXPECT_EQ(byte[0], data[at]);
    MustWrite(*file, at, std::string(1000, 'x'));
    data.replace(at, 1000, std::string(1000, 'x'));
  }
  ASSERT_TRUE(file->Truncate(data.size()));
  EXPECT_TRUE(ReadAll(*file) == data);
  MustPublish(*file);
  ExpectContent("file", data);
}

TEST_F(WriteChanges, ShrinkAndGrow) {
  std::string data = Random(3 * kMiB, 17);
  store_->PutContent("file", data);
  store_->ResetCounts();
  auto file = OpenFile();
  ASSERT_TRUE(file->Truncate(2 * kMiB + 1));
  ASSERT_TRUE(file->Truncate(2 * kMiB + 1000));
  data.resize(2 * kMiB + 1);
  data.resize(2 * kMiB + 1000);
  EXPECT_TRUE(ReadAll(*file) == data);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_LE(store_->BytesReceived(), kPart);
}

TEST_F(WriteChanges, TruncateToNothingThenAppend) {  // O_TRUNC, hf_xet >= 1.3
  store_->PutContent("file", Random(kMiB, 18));
  auto file = OpenFile();
  file->Discard();
  ASSERT_TRUE(file->Truncate(0));
  EXPECT_TRUE(file->dirty());
  ASSERT_TRUE(WriteAt(*file, 0, "fresh", WritePlace::kEnd));
  MustPublish(*file);
  ExpectContent("file", "fresh");
}

TEST_F(WriteChanges, TarReplacesTheTrailer) {
  std::string data = Random(kMiB + 20'480, 19);
  store_->PutContent("file", data);
  auto file = OpenFile();
  const std::string more = Random(300'000, 20);
  WriteInOrder(*file, more, 10'240, data.size() - 10'240);
  data.resize(data.size() - 10'240);
  MustPublish(*file);
  ExpectContent("file", data + more);
}

TEST_F(WriteChanges, PunchedHoleReadsAsZeros) {
  std::string data = Random(kMiB, 21);
  store_->PutContent("file", data);
  auto file = OpenFile();
  ASSERT_TRUE(file->Allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 400'000));
  data.replace(1000, 400'000, std::string(400'000, '\0'));
  EXPECT_TRUE(ReadAll(*file) == data);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(file->Allocate(FALLOC_FL_COLLAPSE_RANGE, 0, 4096).error().errno_value, EOPNOTSUPP);
}

TEST_F(WriteChanges, CopyRangeStaysOnTheServer) {
  const std::string source = Random(5 * kMiB, 23);
  store_->PutContent("source", source);
  const Result<ObjectInfo> info = store_->Head("source");
  store_->ResetCounts();
  auto file = NewFile();
  const Result<bool> copied = file->CopyRange({"source", info->size, info->etag, info->crc64}, 0, 0, source.size());
  ASSERT_TRUE(copied && *copied);
  MustWrite(*file, source.size(), "tail");
  MustPublish(*file);
  ExpectContent("file", source + "tail");
  EXPECT_EQ(store_->BytesReceived(), 4u);
}

TEST_F(WriteChanges, SourceOfACopyMayGoAfterwards) {
  // `copy_file_range` said that the bytes are copied: so its program may remove or replace the source.
  const std::string source = Random(kMiB, 24);
  store_->PutContent("source", source);
  const Result<ObjectInfo> info = store_->Head("source");
  const ObjectVersion version{"source", info->size, info->etag, info->crc64};
  auto file = NewFile();
  const Result<bool> copied = file->CopyRange(version, 0, 0, source.size());
  ASSERT_TRUE(copied && *copied);
  store_->PutContent("source", "another");
  EXPECT_TRUE(ReadAll(*file) == source);
  MustWrite(*file, source.size(), "tail");
  MustPublish(*file);
  ExpectContent("file", source + "tail");

  const Result<ObjectInfo> base = store_->Head("file");
  const ObjectVersion all{"file", base->size, base->etag, base->crc64};
  auto third = NewFile("third");
  ASSERT_TRUE(*third->CopyRange(all, 0, 0, base->size));
  ASSERT_TRUE(store_->Delete("file"));
  MustPublish(*third);
  ExpectContent("third", source + "tail");
}

}  // namespace
}  // namespace ossfs2
