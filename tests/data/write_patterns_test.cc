// What client programs do to new files, as direct calls: contents and request counts.
#include <algorithm>
#include <numeric>

#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

class WritePatterns : public WriteFixture {};

TEST_F(WritePatterns, SmallFileIsOnePut) {
  auto file = NewFile();
  const std::string data = Random(100'000, 1);
  WriteInOrder(*file, data, 8 * kKiB);
  EXPECT_EQ(file->size(), data.size());
  EXPECT_TRUE(file->dirty());
  MustPublish(*file);
  EXPECT_FALSE(file->dirty());
  ExpectContent("file", data);
  EXPECT_EQ(Count("put"), 1u);
  EXPECT_EQ(Count("initiate"), 0u);
}

TEST_F(WritePatterns, EmptyNewFileIsStored) {
  auto file = NewFile();
  EXPECT_TRUE(file->dirty());
  MustPublish(*file);
  ExpectContent("file", "");
  const Result<Published> again = file->Publish({});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(Count("put"), 1u);
}

TEST_F(WritePatterns, SequentialIsPartsOneInitiateOneComplete) {
  auto file = NewFile();
  const std::string data = Random(25 * kMiB, 2);
  WriteInOrder(*file, data, kMiB);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(Count("part"), data.size() / kPart);
  EXPECT_EQ(Count("initiate"), 1u);
  EXPECT_EQ(Count("complete"), 1u);
  EXPECT_EQ(Count("put"), 0u);
  EXPECT_EQ(store_->BytesReceived(), data.size());
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

TEST_F(WritePatterns, AppendIgnoresTheOffset) {
  auto file = NewFile();
  ASSERT_TRUE(WriteAt(*file, 0, "abc", WritePlace::kEnd));
  ASSERT_TRUE(WriteAt(*file, 0, "def", WritePlace::kEnd));
  MustPublish(*file);
  ExpectContent("file", "abcdef");
}

TEST_F(WritePatterns, PreallocatedThenInOrderKeepsStreaming) {  // safetensors >= 0.8
  auto file = NewFile();
  const std::string data = Random(3 * kMiB + 17, 3);
  ASSERT_TRUE(file->Truncate(data.size()));
  EXPECT_EQ(file->size(), data.size());
  WriteInOrder(*file, data, 100'000);
  ASSERT_TRUE(file->Truncate(data.size()));  // rsync --append ends so
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(store_->BytesReceived(), data.size());
}

TEST_F(WritePatterns, AllocatedTailIsZerosAtClose) {
  auto file = NewFile();
  ASSERT_TRUE(file->Allocate(0, 0, 2 * kMiB));
  MustWrite(*file, 0, "head");
  MustPublish(*file);
  std::string wanted(2 * kMiB, '\0');
  wanted.replace(0, 4, "head");
  ExpectContent("file", wanted);
}

TEST_F(WritePatterns, HeaderPatchedAtTheEndCostsNothing) {  // zip, mp4
  auto file = NewFile();
  std::string data = Random(4 * kMiB, 4);
  WriteInOrder(*file, data, 64 * kKiB);
  MustWrite(*file, 14, "patched header");
  data.replace(14, 14, "patched header");
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(store_->BytesReceived(), data.size());
  EXPECT_EQ(Count("copy") + Count("copy_part"), 0u);
}

TEST_F(WritePatterns, PatchOfASentPartSendsNothingTwice) {
  auto file = NewFile();
  std::string data = Random(4 * kMiB, 5);
  WriteInOrder(*file, data, 64 * kKiB);
  MustWrite(*file, 2 * kMiB + 5, "PATCH");
  data.replace(2 * kMiB + 5, 5, "PATCH");
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_LE(store_->BytesReceived(), data.size() + kPart);
  EXPECT_EQ(store_->Keys(), std::vector<std::string>{"file"});
}

TEST_F(WritePatterns, ReadBackWhileWriting) {  // git-lfs, rsync
  auto file = NewFile();
  const std::string data = Random(2 * kMiB + 1000, 6);
  WriteInOrder(*file, data, 32 * kKiB);
  EXPECT_TRUE(ReadAll(*file) == data);
  const std::string more = Random(kMiB, 7);
  WriteInOrder(*file, more, 32 * kKiB, data.size());
  MustPublish(*file);
  ExpectContent("file", data + more);
}

TEST_F(WritePatterns, RandomOrderChunks) {  // hf_transfer, hf_xet < 1.3, ollama
  auto file = NewFile();
  const std::string data = Random(6 * kMiB + 12345, 8);
  const size_t chunk = 100'000;
  std::vector<size_t> order((data.size() + chunk - 1) / chunk);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(9));
  ASSERT_TRUE(file->Truncate(data.size()));
  for (const size_t i : order) MustWrite(*file, i * chunk, std::string_view(data).substr(i * chunk, chunk));
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(store_->BytesReceived(), data.size());
}

TEST_F(WritePatterns, AriaAllocatesSyncsAndJumps) {
  auto file = NewFile();
  const std::string data = Random(8 * kMiB, 10);
  ASSERT_TRUE(file->Allocate(0, 0, 4096));
  ASSERT_TRUE(file->Allocate(0, 4096, data.size() - 4096));
  ASSERT_TRUE(file->Sync({}));
  EXPECT_EQ(store_->BytesReceived(), 0u);
  EXPECT_TRUE(file->dirty());
  const size_t step = 16 * kKiB;
  const size_t lane = data.size() / 4;
  for (size_t at = 0; at < lane; at += step)
    for (size_t i = 0; i < 4; ++i)
      MustWrite(*file, i * lane + at, std::string_view(data).substr(i * lane + at, step));
  const Result<Published> synced = file->Sync({});
  ASSERT_TRUE(synced);
  EXPECT_TRUE(synced->changed);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(store_->BytesReceived(), data.size());
}

TEST_F(WritePatterns, SyncInTheMiddleOfAPreallocatedStagedFile) {
  auto file = NewFile();
  const std::string data = Random(4 * kMiB, 11);
  ASSERT_TRUE(file->Truncate(data.size()));
  MustWrite(*file, kMiB, std::string_view(data).substr(kMiB, kMiB));
  ASSERT_TRUE(file->Sync({}));
  const std::optional<std::string> stored = store_->Content("file");
  ASSERT_TRUE(stored);
  ASSERT_EQ(stored->size(), 2 * kMiB);
  EXPECT_TRUE(stored->substr(kMiB) == data.substr(kMiB, kMiB));
  MustWrite(*file, 0, std::string_view(data).substr(0, kMiB));
  MustWrite(*file, 2 * kMiB, std::string_view(data).substr(2 * kMiB));
  MustPublish(*file);
  ExpectContent("file", data);
}

// A byte behind the end makes a hole; cut off, it leaves the hole, which fsync must not take for allocated space.
TEST_F(WritePatterns, SyncStoresAHoleThatAWriteHasLeft) {
  auto file = NewFile();
  MustWrite(*file, 0, "text");
  MustWrite(*file, 2 * kMiB, "x");
  ASSERT_TRUE(file->Truncate(kMiB));
  ASSERT_TRUE(file->Truncate(3 * kMiB));  // and this is
  ASSERT_TRUE(file->Sync({}));
  ExpectContent("file", "text" + std::string(kMiB - 4, '\0'));
}

TEST_F(WritePatterns, SyncInMidStreamThenOn) {  // torch DCP, dd conv=fsync
  auto file = NewFile();
  const std::string data = Random(3 * kMiB, 22);
  WriteInOrder(*file, std::string_view(data).substr(0, kMiB + 100), 64 * kKiB);
  ASSERT_TRUE(file->Sync({}));
  ExpectContent("file", data.substr(0, kMiB + 100));
  WriteInOrder(*file, std::string_view(data).substr(kMiB + 100), 64 * kKiB, kMiB + 100);
  MustPublish(*file);
  ExpectContent("file", data);
  EXPECT_EQ(store_->BytesReceived(), data.size());
}

TEST_F(WritePatterns, ExclusiveCreationRefusesAnExistingKey) {
  auto file = NewFile("file", true);
  MustWrite(*file, 0, "mine");
  store_->PutContent("file", "theirs");
  const Result<Published> published = file->Publish({});
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().errno_value, EEXIST);
  ExpectContent("file", "theirs");
}

TEST_F(WritePatterns, MetadataComesWithTheObject) {
  WriteOptions options;
  options.metadata["mode"] = "600";
  for (const bool known_before : {true, false}) {
    auto file = NewFile("file");
    if (known_before) file->SetOptions(options);
    store_->ResetCounts();
    WriteInOrder(*file, Random(kMiB, 24), 64 * kKiB);
    ASSERT_TRUE(file->Publish(options));
    EXPECT_EQ(store_->MetadataOf("file"), options.metadata);
    EXPECT_EQ(Count("copy"), known_before ? 0u : 1u);
  }
}

TEST_F(WritePatterns, DatabasePagesWithSyncs) {  // sqlite3 journal_mode=DELETE
  auto file = NewFile();
  std::string model(3 * kMiB, '\0');
  WriteInOrder(*file, model, 4096);
  std::mt19937_64 random(25);
  for (int i = 0; i < 40; ++i) {
    const uint64_t at = random() % (model.size() / 4096) * 4096;
    const std::string page = Random(4096, random());
    MustWrite(*file, at, page);
    model.replace(at, 4096, page);
    if (i % 8 == 7) {
      ASSERT_TRUE(file->Sync({}));
    }
  }
  MustPublish(*file);
  ExpectContent("file", model);
}

TEST_F(WritePatterns, DiscardLeavesNothing) {
  auto file = NewFile();
  WriteInOrder(*file, Random(2 * kMiB, 26), 64 * kKiB);
  file->Discard();
  EXPECT_FALSE(file->dirty());
  file.reset();
  engine_.reset();
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(store_->OpenUploads(), 0u);
}

}  // namespace
}  // namespace ossfs2
