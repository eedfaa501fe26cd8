// read_engine_bench: the cost of a read that is answered from memory.
//
//   read_engine_bench [threads] [request_bytes]
//
// Reads a cached object of 64 MiB again and again from each thread, one thread a file and then
// all threads on one file, and prints the CPU nanoseconds of a read. Envelope: one lock, one map look-up,
// one pin and one vector of iovecs: below a microsecond, against 28 µs of a FUSE request.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <thread>
#include <vector>

#include "data/memory/memory_pool.h"
#include "data/read/read_engine.h"
#include "oss/fakes/memory_store.h"

namespace {

using namespace ossfs2;

constexpr uint64_t kFileBytes = 64ull << 20;
constexpr int kReads = 200'000;

void ReadAll(ReadFile& file, size_t request) {
  for (uint64_t offset = 0; offset < kFileBytes; offset += request) {
    auto done = std::make_shared<std::promise<void>>();
    file.Read(1, offset, request, ReadInto::kPageCache, [done](const Result<ReadReply>&) { done->set_value(); });
    done->get_future().wait();
  }
}

double NanosecondsARead(const std::vector<std::shared_ptr<ReadFile>>& files, int threads, size_t request) {
  std::atomic<uint64_t> waited{0};
  std::vector<std::thread> readers;
  const auto cpu_ns = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  };
  const double start = cpu_ns();
  for (int t = 0; t < threads; ++t) {
    readers.emplace_back([&, t] {
      ReadFile& file = *files[static_cast<size_t>(t) % files.size()];
      uint64_t offset = 0;
      for (int i = 0; i < kReads; ++i) {
        bool answered = false;
        file.Read(static_cast<uint64_t>(t) + 1, offset, request, ReadInto::kPageCache,
                  [&answered](const Result<ReadReply>&) { answered = true; });
        if (!answered) waited.fetch_add(1);
        offset = offset + 2 * request <= kFileBytes ? offset + request : 0;
      }
    });
  }
  for (auto& reader : readers) reader.join();
  const double took = cpu_ns() - start;
  if (waited != 0) std::printf("(%llu reads missed)\n", static_cast<unsigned long long>(waited.load()));
  return took / kReads / threads;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 2;
  const size_t request = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1 << 20;
  auto store = oss::MakeMemoryStore();
  MemoryPool pool(2ull << 30);
  ReadOptions options;
  options.cache_bytes = 1ull << 30;
  auto engine = MakeReadEngine(*store, pool, options);
  std::vector<std::shared_ptr<ReadFile>> files;
  for (int i = 0; i < threads; ++i) {
    const std::string key = "file" + std::to_string(i);
    store->PutContent(key, std::string(kFileBytes, 'x'));
    const ObjectInfo info = *store->Head(key);
    files.push_back(engine->Open(static_cast<uint64_t>(i), {key, info.size, info.etag, info.crc64}));
    ReadAll(*files.back(), 1 << 20);
  }
  std::printf("%zu bytes, 1 thread: %.0f ns\n", request, NanosecondsARead(files, 1, request));
  std::printf("%zu bytes, %d threads, a file each: %.0f ns\n", request, threads,
              NanosecondsARead(files, threads, request));
  files.resize(1);
  std::printf("%zu bytes, %d threads, one file: %.0f ns\n", request, threads,
              NanosecondsARead(files, threads, request));
  files.clear();
  return 0;
}
