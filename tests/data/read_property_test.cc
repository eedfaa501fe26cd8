// Random reads by several threads against known content, with failing GETs, little memory,
// closes and replaced files: what is read is right or an error that was injected.
#include <random>
#include <thread>

#include "tests/data/read_harness.h"
#include "tests/support/seed.h"

namespace ossfs2 {
namespace {

struct Shared {
  ReadHarness& harness;
  std::vector<std::string> keys;
  std::vector<ObjectVersion> versions;
  std::atomic<uint64_t> good{0};
  std::atomic<uint64_t> failed{0};
};

void OneThread(Shared& shared, uint64_t seed, uint64_t handle) {
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40 && !testing::Test::HasFatalFailure(); ++round) {
    const size_t index = random() % shared.keys.size();
    auto file = shared.harness.engine().Open(index, shared.versions[index]);
    const uint64_t size = shared.versions[index].size;
    uint64_t offset = random() % (size + 1);
    const size_t step = size_t{1} << (12 + random() % 9);
    const uint64_t how = random() % 4;
    for (int i = 0; i < 20; ++i) {
      auto reply = shared.harness.Start(*file, handle, offset, step).get();
      if (reply.has_value()) {
        shared.harness.Check(*file, offset, step, reply);
        shared.good.fetch_add(1);
      } else {
        ASSERT_EQ(reply.error().errno_value, EBUSY) << reply.error().ToString();
        shared.failed.fetch_add(1);
      }
      if (how == 0)
        offset = random() % (size + 1);
      else if (how == 1)
        offset = offset >= step ? offset - step : size;
      else
        offset = offset < size ? offset + step : 0;
    }
    if (random() % 2 == 0) file->CloseHandle(handle);
    if (random() % 16 == 0) shared.harness.engine().Drop(index);
  }
}

TEST(ReadPropertyTest, RandomReadsSeeTheContent) {
  const uint64_t seed = test::TestSeed();
  std::mt19937_64 random(seed);
  ReadOptions options;
  options.verify_crc64 = true;
  options.cache_bytes = random() % 2 * 4 * kMiB;
  options.cache_until_close = random() % 2 == 0;
  ReadHarness harness((16 + random() % 32) * kMiB, options);
  Shared shared{harness, {}, {}};
  for (uint64_t i = 0; i < 6; ++i) {
    shared.keys.push_back("k" + std::to_string(i));
    shared.versions.push_back(harness.Put(shared.keys.back(), random() % (8 * kMiB), seed + i));
  }
  for (int i = 0; i < 20; ++i) {
    oss::FaultRule rule;
    rule.operation = "get";
    rule.skip = static_cast<int>(random() % 60);
    rule.count = 1 + static_cast<int>(random() % 3);
    rule.error = MakeError(EBUSY, ErrorKind::kUnavailable, "injected");
    rule.bytes_before = random() % 2 == 0 ? -1 : static_cast<int64_t>(random() % kMiB);
    harness.fault().AddRule(rule);
  }
  const uint64_t mismatches = ReadMetrics::Get().crc_mismatches.Value();
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; ++i) threads.emplace_back(OneThread, std::ref(shared), seed * 31 + i, i + 1);
  for (auto& thread : threads) thread.join();
  EXPECT_GT(shared.good.load(), 3000u);
  EXPECT_LE(harness.pool().PeakBytes(), harness.pool().limit_bytes());
  EXPECT_EQ(ReadMetrics::Get().crc_mismatches.Value(), mismatches);
}

}  // namespace
}  // namespace ossfs2
