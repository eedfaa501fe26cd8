// What the read engine puts into the kernel's page cache ahead of its readers.
#include "data/page_filler.h"

#include <map>
#include <thread>

#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

// Keeps what it is given; a gate may hold a store up.
class FakePages final : public KernelPages {
 public:
  bool Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) override {
    MutexLock lock(mutex_);
    ++entered_;
    changed_.NotifyAll();
    while (held_) changed_.Wait(lock);
    std::string bytes;
    for (const iovec& part : parts) bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    stored_[offset] = bytes;
    last_file_ = file_id;
    return known_;
  }
  void Drop(uint64_t) override {
    MutexLock lock(mutex_);
    ++drops_;
    changed_.NotifyAll();
  }

  void Hold(bool held) {
    MutexLock lock(mutex_);
    held_ = held;
    changed_.NotifyAll();
  }
  void WaitEntered() {
    MutexLock lock(mutex_);
    while (entered_ == 0) changed_.Wait(lock);
  }
  void WaitDropped() {
    MutexLock lock(mutex_);
    while (drops_ == 0) changed_.Wait(lock);
  }
  bool Has(uint64_t offset) {
    MutexLock lock(mutex_);
    const auto it = stored_.upper_bound(offset);
    return it != stored_.begin() && std::prev(it)->first + std::prev(it)->second.size() > offset;
  }
  std::map<uint64_t, std::string> stored() {
    MutexLock lock(mutex_);
    return stored_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool held_ GUARDED_BY(mutex_) = false;
  bool known_ = true;
  int entered_ GUARDED_BY(mutex_) = 0;
  int drops_ GUARDED_BY(mutex_) = 0;
  uint64_t last_file_ GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::string> stored_ GUARDED_BY(mutex_);
};

ReadOptions Filling() {
  ReadOptions options;
  options.fill_threads = 2;
  return options;
}

// Reads like a process behind a page cache: what the fake holds is not asked of the engine.
uint64_t ReadBehind(ReadHarness& harness, ReadFile& file, FakePages& pages, uint64_t size) {
  uint64_t asked = 0;
  for (uint64_t offset = 0; offset < size && !testing::Test::HasFatalFailure(); offset += 128 * kKiB) {
    if (offset % (8 * kMiB) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a reader with work of its own
    if (pages.Has(offset)) continue;
    harness.Read(file, 7, offset, 128 * kKiB);
    asked += 128 * kKiB;
  }
  return asked;
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
    EXPECT_EQ(offset % 4096, 0u);
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

TEST(PageFillerTest, NothingForDirectReaders) {
  FakePages pages;
  ReadHarness harness(512 * kMiB, Filling());
  harness.engine().SetKernelPages(&pages);
  auto file = harness.engine().Open(1, harness.Put("a", 384 * kMiB));
  file->SetDirect(7);
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
  harness.engine().StopFilling(1, true);  // comes back although a store hangs
  EXPECT_TRUE(pages.stored().empty());
  pages.Hold(false);
  pages.WaitDropped();
  harness.ReadRange(*file, 7, 512 * kMiB, 768 * kMiB, kMiB);
  harness.engine().SetKernelPages(nullptr);
  EXPECT_LE(pages.stored().size(), 2u) << "only those that hung, one a thread";
}

}  // namespace
}  // namespace ossfs2
