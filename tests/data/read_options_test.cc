// The bounds of prefetch that options set: GETs of one file, chunks held ahead, bytes of one GET.
#include <functional>
#include <thread>

#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kRead = 128 * kKiB;

// Reads 24 MiB in order, so that the window is wide, then one more piece with all GETs held; what is asked
// from then on is prefetch, but for that piece.
void WidenThenHold(ReadHarness& harness, ReadFile& file) {
  harness.ReadRange(file, 7, 0, 24 * kMiB, kRead);
  harness.store().HoldData(true);
}

class Held {
 public:
  explicit Held(const ReadOptions& options) : harness(256 * kMiB, options) {
    harness.store().SetLatency(std::chrono::milliseconds(10));  // from a near server few GETs are enough
    file = harness.engine().Open(1, harness.Put("a", 96 * kMiB));
    WidenThenHold(harness, *file);
    // On through what is there, until a read has to wait.
    for (uint64_t offset = 24 * kMiB;; offset += kRead) {
      waiting = harness.Start(*file, 7, offset, kRead);
      at = offset;
      if (waiting.wait_for(std::chrono::seconds(0)) != std::future_status::ready) break;
    }
  }
  ~Held() {
    harness.store().HoldData(false);
    harness.store().ReleaseHeld(10'000);
    harness.Check(*file, at, kRead, waiting.get());
  }
  ReadHarness harness;
  std::shared_ptr<ReadFile> file;
  std::future<Result<ReadReply>> waiting;
  uint64_t at = 0;
};

// Prefetch may go on when a GET that was not held ends.
void Await(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_TRUE(condition());
}

TEST(ReadOptionsTest, ConcurrencyPerFileBoundsThePrefetchOfAFile) {
  ReadOptions options;
  options.chunk_bytes = kMiB;
  options.concurrency_per_file = 2;
  EXPECT_LE(Held(options).harness.store().HeldCalls(), 2u + 1u)
      << "and what the reader waits for (that more are used without it: e2e/test_options.py)";
}

TEST(ReadOptionsTest, ChunksBoundWhatIsHeldAhead) {
  ReadOptions options;
  options.chunk_bytes = kMiB;
  options.chunks_max = 2;
  EXPECT_LE(Held(options).harness.pool().UsedBytes(MemoryTag::kRead), 2 * kMiB + kMiB)
      << "two chunks, and the block that the reader is in";
  for (const int64_t by_memory : {0, -1}) {
    options.chunks_max = by_memory;
    Held held(options);
    Await([&] { return held.harness.pool().UsedBytes(MemoryTag::kRead) > 4 * kMiB; });
  }
}

TEST(ReadOptionsTest, ChunkSizeBoundsOneGet) {
  ReadOptions options;
  options.chunk_bytes = kMiB;
  Held held(options);
  const uint64_t asked = held.harness.Asked();
  EXPECT_GE(held.harness.store().Requests().at("get"), asked / kMiB);
}

}  // namespace
}  // namespace ossfs2
