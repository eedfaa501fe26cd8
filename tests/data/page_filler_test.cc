// What the read engine puts into the kernel's page cache ahead of its readers.
#include "data/read/pages/page_filler.h"

#include <algorithm>
#include <map>

#include "base/machine/page_size.h"
#include "tests/base/thread_limit.h"
#include "tests/data/fake_pages.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kNobody = 99;  // a file of which nothing lies in the page cache

ReadOptions Filling() {
  ReadOptions options;
  options.fill_threads = 2;
  return options;
}

TEST(PageFillerTest, ASequentialReaderFindsItsBytesInThePageCacheAndEachIsAskedOnce) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  const uint64_t before = ReadMetrics::Get().page_fill_bytes.Value();
  const uint64_t size = 768 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  const uint64_t asked = ReadBehind(harness, *file, pages, size);
  EXPECT_EQ(harness.Asked(), size);
  harness.engine().SetKernelPages(nullptr);
  const auto stored = pages.stored();
  ASSERT_FALSE(stored.empty());
  uint64_t bytes = 0;
  for (const auto& [offset, text] : stored) {
    EXPECT_EQ(offset % KernelPageBytes(), 0u);
    ASSERT_EQ(text, harness.content("a").substr(offset, text.size())) << "at " << offset;
    bytes += text.size();
    // A tripwire is left out while its chunk is in memory, which it was to the reader's coming.
    const uint64_t wire = offset / PageFiller::kTripwireEvery * PageFiller::kTripwireEvery +
                          PageFiller::kTripwireEvery - PageFiller::kTripwireBytes;
    EXPECT_LE(offset + text.size(), wire) << "at " << offset;
  }
  EXPECT_EQ(bytes, ReadMetrics::Get().page_fill_bytes.Value() - before);
  EXPECT_LT(asked, size);
}

// The kernel had let the pages go.
TEST(PageFillerTest, WhatIsReadFromHereAsWellIsCountedOnce) {
  FakePages pages;
  ReadHarness harness(256 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  const uint64_t size = 384 * kMiB;
  const ObjectVersion version = harness.Put("a", size);
  // A reader that never has to wait gets nothing ahead of it; whether it has to is the scheduler's.
  uint64_t file_id = 0;
  while (file_id < 50 && pages.Stores(file_id) == 0) {
    auto file = harness.engine().Open(++file_id, version);
    ReadBehind(harness, *file, pages, size, kNobody);
    const Explanation lines = harness.engine().Explain(file_id);
    EXPECT_NE(std::find(lines.begin(), lines.end(), "bytes fetched ahead and not read yet: 0"), lines.end());
  }
  EXPECT_NE(pages.Stores(file_id), 0u);
  harness.engine().SetKernelPages(nullptr);
}

TEST(PageFillerTest, IsOffWhereNoThreadCanBeMade) {
  ExpectInOwnProcess([] {
    FakePages pages;
    PageFiller filler(2);
    LimitThreads(0);
    filler.SetKernel(&pages);
    return !filler.on() && !filler.Queue([](KernelPages&) {});
  });
}

TEST(PageFillerTest, NothingForDirectReaders) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  auto file = harness.engine().Open(1, harness.Put("a", 384 * kMiB));
  harness.read_into = ReadInto::kProgram;
  harness.ReadRange(*file, 7, 0, 384 * kMiB, kMiB);
  harness.engine().SetKernelPages(nullptr);
  EXPECT_TRUE(pages.stored().empty());
}

TEST(PageFillerTest, AStoreThatCameTooLateIsUndone) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  const uint64_t size = 768 * kMiB;
  auto file = harness.engine().Open(1, harness.Put("a", size));
  pages.Hold(true);
  harness.ReadRange(*file, 7, 0, 512 * kMiB, kMiB);  // reads go on while a store hangs
  pages.WaitEntered();
  harness.engine().Drop(1);  // the file was overwritten
  pages.Hold(false);
  pages.WaitDropped();
  harness.engine().SetKernelPages(nullptr);
}

TEST(PageFillerTest, StoppedFillingStartsNoMoreAndUndoesWhatHangs) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  auto file = harness.engine().Open(1, harness.Put("a", 768 * kMiB));
  pages.Hold(true);
  harness.ReadRange(*file, 7, 0, 512 * kMiB, kMiB);
  pages.WaitEntered();
  harness.engine().StopFilling(1, StoresUnderWay::kWait);  // comes back although a store hangs
  EXPECT_TRUE(pages.stored().empty());
  pages.Hold(false);
  pages.WaitDropped();
  harness.ReadRange(*file, 7, 512 * kMiB, 768 * kMiB, kMiB);
  harness.engine().SetKernelPages(nullptr);
  EXPECT_LE(pages.stored().size(), 2u) << "only those that hung, one a thread";
}

constexpr uint64_t kFileBytes = 400 * kMiB;
constexpr uint64_t kReadBytes = 320 * kMiB;  // after 256 MiB a stream has the window that is helped


class ClosedFillTest : public testing::Test {
 protected:
  void SetUp() override {
    harness_.engine().SetKernelPages(&pages_);
    other_ = harness_.Put("other", kFileBytes);
    version_ = harness_.Put("a", kFileBytes);
  }
  void TearDown() override { harness_.engine().SetKernelPages(nullptr); }
  std::shared_ptr<ReadFile> Open() { return harness_.engine().Open(1, version_); }
  // What is ahead of the reader, who stands still then, is stored.
  void ReadAndAwaitStores(ReadFile& file, uint64_t file_id) {
    const uint64_t before = pages_.Stores(file_id);
    ReadBehind(harness_, file, pages_, kReadBytes, file_id);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (pages_.Stores(file_id) < before + 8 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    ASSERT_GE(pages_.Stores(file_id), before + 8);
  }
  // What is read of another file pushes the chunks of a closed one out of memory, and its stores queue up behind
  // theirs.
  void PushOut() {
    const uint64_t id = next_id_++;
    ReadAndAwaitStores(*harness_.engine().Open(id, other_), id);
  }

  FakePages pages_;
  ReadHarness harness_{256 * kMiB, Filling()};
  ObjectVersion version_;
  ObjectVersion other_;
  uint64_t next_id_ = 2;
};

TEST_F(ClosedFillTest, IsNotStoredOnceMoreWhenItLeavesMemory) {
  auto file = Open();
  ReadAndAwaitStores(*file, 1);
  file.reset();
  PushOut();
  EXPECT_EQ(pages_.StoredTwice(1), 0u);
}

TEST_F(ClosedFillTest, IsNotStoredWhileItIsOpenForWritingWhoeverOpensAndClosesIt) {
  auto file = Open();
  ReadAndAwaitStores(*file, 1);
  std::shared_ptr<const void> writer = harness_.engine().HoldFilling(1);
  const std::shared_ptr<const void> second = harness_.engine().HoldFilling(1);
  writer.reset();
  const uint64_t before = pages_.Stores(1);
  file.reset();
  PushOut();
  file = Open();
  ReadBehind(harness_, *file, pages_, kFileBytes, kNobody);
  file.reset();
  PushOut();
  EXPECT_EQ(pages_.Stores(1), before);
}

TEST_F(ClosedFillTest, IsStoredAgainAfterItsWriterIsGone) {
  harness_.engine().HoldFilling(1).reset();
  auto file = Open();
  ReadAndAwaitStores(*file, 1);
}

// A reader that waits for the store has locked a page, and the kernel keeps a store of that page until it is answered.
TEST(PageFillerTest, ShutdownEndsReadsBeforeItWaitsForStores) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  auto file = harness.engine().Open(1, harness.Put("a", 768 * kMiB));
  auto other = harness.engine().Open(2, harness.Put("b", kMiB));
  pages.Hold(true);
  harness.ReadRange(*file, 7, 0, 512 * kMiB, kMiB);
  pages.WaitEntered();
  harness.store().HoldData(true);
  std::promise<bool> answered;
  other->Read(8, 0, 4096, ReadInto::kPageCache, [&](Result<ReadReply> reply) {
    pages.Hold(false);
    answered.set_value(reply.has_value());
  });
  harness.engine().Shutdown();
  EXPECT_FALSE(answered.get_future().get());
}

}  // namespace
}  // namespace ossfs2
