// Micro-benchmarks of the parts that every request or MiB passes: payload memory, the chunk map, streams,
// CRC64, signatures and list pages.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "data/memory/memory_pool.h"
#include "data/read/chunks/chunk_map.h"
#include "data/read/plan/stream_tracker.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/signing.h"
#include "oss/signing/signing_key_cache.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Takes the blocks of one 8 MiB chunk and gives them back.
void PoolTakeAndReturn(benchmark::State& state) {
  static MemoryPool pool(256 * kMiB);
  for (auto _ : state) benchmark::DoNotOptimize(pool.TryAllocate(MemoryTag::kRead, 32));
  state.SetItemsProcessed(state.iterations() * 32);
}
BENCHMARK(PoolTakeAndReturn)->ThreadRange(1, 4);

void ChunkMapFind(benchmark::State& state) {
  ChunkMap map;
  const auto count = static_cast<uint64_t>(state.range(0));
  for (uint64_t i = 0; i < count; ++i)
    map.Insert(std::make_shared<Chunk>(ByteRange{i * 8 * kMiB, (i + 1) * 8 * kMiB}, std::vector<BlockRef>{}, false));
  uint64_t offset = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(map.Find(offset));
    offset = (offset + 97 * kMiB) % (count * 8 * kMiB);
  }
}
BENCHMARK(ChunkMapFind)->Arg(16)->Arg(512);

void StreamTrackerSequentialRead(benchmark::State& state) {
  StreamTracker tracker;
  uint64_t offset = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(tracker.OnRead(1, {offset, offset + kMiB}, 1));
    offset += kMiB;
  }
}
BENCHMARK(StreamTrackerSequentialRead);

void StreamTrackerRandomRead(benchmark::State& state) {
  StreamTracker tracker;
  uint64_t place = 1;
  for (auto _ : state) {
    place = place * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t offset = (place >> 30) * 131072;
    benchmark::DoNotOptimize(tracker.OnRead(1, {offset, offset + 131072}, 1));
  }
}
BENCHMARK(StreamTrackerRandomRead);

void Crc64OfMiB(benchmark::State& state) {
  const std::string data(kMiB, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Crc64(0, data.data(), data.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kMiB));
}
BENCHMARK(Crc64OfMiB);

// 1: V1; 4: V4; 40: V4 without the cache of derived keys.
void SignGet(benchmark::State& state) {
  static oss::SigningKeyCache cache;
  const auto version = state.range(0) == 1 ? oss::SignatureVersion::kV1 : oss::SignatureVersion::kV4;
  const oss::KeySet keys{"LTAI0123456789", "0123456789abcdef0123456789abcd", ""};
  for (auto _ : state) {
    oss::SignableRequest request{"GET", "bucket", "models/llm/model-00001-of-00016.safetensors", {},
                                 {{"Host", "bucket.oss-cn-hangzhou.aliyuncs.com"}, {"Range", "bytes=0-8388607"}}};
    oss::SignRequest(request, keys, version, "cn-hangzhou", 1790000000, state.range(0) == 4 ? &cache : nullptr);
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(SignGet)->Arg(1)->Arg(4)->Arg(40)->ThreadRange(1, 2);

void ParseListOf1000(benchmark::State& state) {
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>b</Name><Prefix>d/</Prefix>"
      "<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>false</IsTruncated><KeyCount>1000</KeyCount>";
  for (int i = 0; i < 1000; ++i)
    xml += StrCat("<Contents><Key>d/file-", i, ".bin</Key><LastModified>2026-11-26T00:00:00.000Z</LastModified><ETag>",
                  "\"5B3C1A2E053D763E1B002CC607C5A0FE\"</ETag><Type>Normal</Type><Size>131072</Size>",
                  "<StorageClass>Standard</StorageClass></Contents>");
  xml += "</ListBucketResult>";
  for (auto _ : state) {
    const auto page = oss::ParseListXml(xml);
    if (!page || page->entries.size() != 1000) state.SkipWithError("the page was not read");
    benchmark::DoNotOptimize(page);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(ParseListOf1000);

}  // namespace
}  // namespace ossfs2

BENCHMARK_MAIN();
