// Contract of ReadEngine: single flight, errors, versions, closing, memory limits.
#include <thread>

#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

Error Unavailable() {
  Error error = MakeError(EIO, ErrorKind::kUnavailable, "injected");
  error.retryable = true;
  return error;
}

TEST(ReadEngineTest, ReadsPastTheEndAreShortThenEmpty) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 1000));
  harness.Read(*file, 7, 900, 4096);
  harness.Read(*file, 7, 1000, 4096);
  harness.Read(*file, 7, 5000, 1);
  auto empty = harness.engine().Open(2, harness.Put("empty", 0));
  harness.Read(*empty, 8, 0, 4096);
  EXPECT_EQ(harness.Asked(), 100u);
}

// One of the begin asks for more (read_head_test.cc).
TEST(ReadEngineTest, FirstReadIsOneSmallGet) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 16 * kMiB));
  harness.store().HoldData(true);
  auto read = harness.Start(*file, 7, 4 * kMiB, 128 * kKiB);
  EXPECT_EQ(harness.store().HeldCalls(), 1u);
  EXPECT_EQ(harness.Asked(), 128 * kKiB);
  harness.store().ReleaseHeld(1);
  harness.Check(*file, 4 * kMiB, 128 * kKiB, read.get());
}

TEST(ReadEngineTest, ReadsJoinWhatIsInFlight) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 10 * kMiB));
  harness.store().HoldData(true);
  std::vector<std::future<Result<ReadReply>>> same;
  for (uint64_t i = 0; i < 8; ++i) same.push_back(harness.Start(*file, i, 4 * kMiB, kMiB));
  auto half = harness.Start(*file, 9, 4 * kMiB + 512 * kKiB, kMiB);
  EXPECT_EQ(harness.Asked(), kMiB + 512 * kKiB);
  EXPECT_EQ(harness.store().HeldCalls(), 2u);
  harness.store().HoldData(false);
  harness.store().ReleaseHeld(100);
  for (auto& read : same) harness.Check(*file, 4 * kMiB, kMiB, read.get());
  harness.Check(*file, 4 * kMiB + 512 * kKiB, kMiB, half.get());
}

TEST(ReadEngineTest, RepliesStayValidAfterTheFileIsGone) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 4 * kMiB));
  Result<ReadReply> reply = harness.Start(*file, 7, 100, kMiB).get();
  harness.engine().Drop(1);
  harness.Check(*file, 100, kMiB, reply);
  EXPECT_GT(harness.pool().UsedBytes(), 0u);
  reply = ReadReply{};
}

TEST(ReadEngineTest, FailedPrefetchIsNotPassedOn) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 16 * kMiB));
  oss::FaultRule rule;
  rule.operation = "get";
  rule.skip = 2;  // the two reads that make a stream
  rule.count = 2;
  rule.error = Unavailable();
  rule.bytes_before = 300 * 1000;
  harness.fault().AddRule(rule);
  harness.ReadRange(*file, 7, 0, 16 * kMiB, 128 * kKiB);
  EXPECT_EQ(harness.fault().FaultsInjected(), 2u);
}

TEST(ReadEngineTest, FailedDemandIsTheAnswerAndIsAskedAgainNextTime) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 16 * kMiB));
  oss::FaultRule rule;
  rule.operation = "get";
  rule.error = Unavailable();
  rule.error.errno_value = ETIMEDOUT;
  harness.fault().AddRule(rule);
  auto reply = harness.Start(*file, 7, 0, 128 * kKiB).get();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().errno_value, ETIMEDOUT);
  harness.Read(*file, 7, 0, 128 * kKiB);
}

TEST(ReadEngineTest, ReplacedObjectIsStaleUntilOpenedAnew) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 32 * kMiB, 1));
  harness.Read(*file, 7, 0, 128 * kKiB);
  const ObjectVersion next = harness.Put("a", 32 * kMiB, 2);
  auto reply = harness.Start(*file, 7, 20 * kMiB, 128 * kKiB).get();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().errno_value, ESTALE);
  reply = harness.Start(*file, 7, 0, 128 * kKiB).get();  // also what was in memory
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().errno_value, ESTALE);
  auto fresh = harness.engine().Open(1, next);
  harness.Read(*fresh, 8, 0, 128 * kKiB);
  EXPECT_NE(fresh, file);
}

TEST(ReadEngineTest, ObjectPutBackIsReadAgain) {
  ReadHarness harness;
  const ObjectVersion version = harness.Put("a", 4 * kMiB, 1);
  auto file = harness.engine().Open(1, version);
  harness.Put("a", 4 * kMiB, 2);
  EXPECT_FALSE(harness.Start(*file, 7, 0, 4096).get().has_value());
  harness.Put("a", 4 * kMiB, 1);
  auto again = harness.engine().Open(1, harness.Version("a"));
  harness.Read(*again, 8, 0, 4096);
}

TEST(ReadEngineTest, StaleReachesAllWhoWait) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 32 * kMiB, 1));
  harness.store().HoldData(true);
  auto first = harness.Start(*file, 7, 0, kMiB);
  auto joined = harness.Start(*file, 8, 0, kMiB);
  auto elsewhere = harness.Start(*file, 9, 9 * kMiB, kMiB);
  harness.Put("a", 32 * kMiB, 2);
  harness.store().HoldData(false);
  harness.store().ReleaseHeld(100);
  for (auto* read : {&first, &joined, &elsewhere}) EXPECT_EQ(read->get().error().errno_value, ESTALE);
}

TEST(ReadEngineTest, ADeletedObjectIsReadFromMemoryThenStaleAndAskedForOnce) {
  ReadOptions options;
  options.concurrency = 0;  // no prefetch
  ReadHarness harness(256 * kMiB, options);
  const ObjectVersion version = harness.Put("a", 32 * kMiB);
  auto file = harness.engine().Open(1, version);
  harness.Read(*file, 7, 0, kMiB);
  ASSERT_TRUE(harness.store().Delete("a").has_value());
  const uint64_t before = harness.store().Requests()["get"];
  for (int i = 0; i < 3; ++i) EXPECT_EQ(harness.Start(*file, 7, 20 * kMiB, kMiB).get().error().errno_value, ESTALE);
  EXPECT_EQ(harness.store().Requests()["get"], before + 1);
  harness.Read(*file, 7, 0, kMiB);
  // It came back, and whoever opens it has seen that.
  harness.Put("a", 32 * kMiB);
  ASSERT_EQ(harness.engine().Open(1, harness.Version("a")), file);
  harness.Read(*file, 7, 20 * kMiB, kMiB);
}

TEST(ReadEngineTest, RenamedObjectIsReadOn) {
  ReadHarness harness;
  ObjectVersion version = harness.Put("old", 32 * kMiB, 1);
  auto file = harness.engine().Open(1, version);
  harness.Read(*file, 7, 0, kMiB);
  harness.Put("new", 32 * kMiB, 1);
  ASSERT_TRUE(harness.store().Delete("old").has_value());
  file->Rebind(harness.Version("new"));
  harness.Read(*file, 7, 0, kMiB);
  harness.Read(*file, 7, 20 * kMiB, kMiB);
  EXPECT_EQ(file->version().key, "new");
}

TEST(ReadEngineTest, GetOfTheOldNameIsAskedAgainUnderTheNewOne) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("old", 32 * kMiB, 1));
  harness.store().HoldData(true);
  auto read = harness.Start(*file, 7, 0, kMiB);
  harness.Put("new", 32 * kMiB, 1);
  ASSERT_TRUE(harness.store().Delete("old").has_value());
  file->Rebind(harness.Version("new"));
  harness.store().HoldData(false);
  harness.store().ReleaseHeld(100);
  harness.Check(*file, 0, kMiB, read.get());
}

TEST(ReadEngineTest, CloseCancelsPrefetchAndKeepsWhatCame) {
  ReadHarness harness;
  const ObjectVersion version = harness.Put("a", 24 * kMiB);
  auto file = harness.engine().Open(1, version);
  harness.Read(*file, 7, 0, kMiB);
  harness.store().HoldData(true);
  auto second = harness.Start(*file, 7, kMiB, kMiB);
  ASSERT_GT(harness.store().HeldCalls(), 2u);
  harness.store().ReleaseHeld(1);
  harness.Check(*file, kMiB, kMiB, second.get());
  const uint64_t canceled = ReadMetrics::Get().prefetch_canceled.Value();
  file->CloseHandle(7);
  EXPECT_GT(ReadMetrics::Get().prefetch_canceled.Value(), canceled);
  harness.store().HoldData(false);
  file = harness.engine().Open(1, version);
  harness.ReadRange(*file, 8, 0, 24 * kMiB, kMiB);
}

TEST(ReadEngineTest, ShutdownCancelsAndRefuses) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 64 * kMiB));
  harness.Read(*file, 7, 0, kMiB);
  harness.store().HoldData(true);
  auto second = harness.Start(*file, 7, kMiB, kMiB);
  harness.engine().Shutdown();
  EXPECT_FALSE(second.get().has_value());
  auto later = harness.Start(*file, 7, 0, kMiB).get();
  ASSERT_FALSE(later.has_value());
  EXPECT_EQ(later.error().errno_value, EIO);
  harness.engine().Shutdown();
}

TEST(ReadEngineTest, WithoutPrefetchEachReadIsAGet) {
  ReadOptions options;
  options.concurrency = 0;
  ReadHarness harness(64 * kMiB, options);
  auto file = harness.engine().Open(1, harness.Put("a", 4 * kMiB));
  harness.ReadRange(*file, 7, 0, 4 * kMiB, 128 * kKiB);
  EXPECT_EQ(harness.store().Requests()["get"], 32u);
  EXPECT_EQ(harness.Asked(), 4 * kMiB);
}

TEST(ReadEngineTest, ConcurrencyIsAnUpperBound) {
  ReadOptions options;
  options.concurrency = 2;
  ReadHarness harness(64 * kMiB, options);
  auto file = harness.engine().Open(1, harness.Put("a", 32 * kMiB));
  harness.store().HoldData(true);
  std::vector<std::future<Result<ReadReply>>> reads;
  for (uint64_t i = 0; i < 6; ++i) reads.push_back(harness.Start(*file, i, i * 5 * kMiB, 4096));
  EXPECT_EQ(harness.store().HeldCalls(), 2u);
  harness.store().HoldData(false);
  harness.store().ReleaseHeld(2);
  for (uint64_t i = 0; i < 6; ++i) harness.Check(*file, i * 5 * kMiB, 4096, reads[i].get());
}

TEST(ReadEngineTest, ManyReadersInLittleMemoryAllFinish) {
  ReadHarness harness(16 * kMiB);
  std::vector<std::shared_ptr<ReadFile>> files;
  for (uint64_t i = 0; i < 64; ++i)
    files.push_back(harness.engine().Open(i, harness.Put("f" + std::to_string(i), 3 * kMiB + i, i)));
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < 64; ++i)
    readers.emplace_back([&harness, &files, i] { harness.ReadRange(*files[i], i, 0, 3 * kMiB + i, kMiB); });
  for (auto& reader : readers) reader.join();
  EXPECT_LE(harness.pool().PeakBytes(), 16 * kMiB);
}

TEST(ReadEngineTest, WritersLeaveReadersRoom) {
  ReadHarness harness(16 * kMiB);
  auto file = harness.engine().Open(1, harness.Put("a", 24 * kMiB));
  const auto held = harness.pool().TryAllocate(MemoryTag::kUpload, 48);
  ASSERT_EQ(held.size(), 48u);
  harness.ReadRange(*file, 7, 0, 24 * kMiB, kMiB);
}

TEST(ReadEngineTest, UnreadPrefetchMakesRoomForDemand) {
  ReadHarness harness(16 * kMiB);
  auto file = harness.engine().Open(1, harness.Put("a", 16 * kMiB));
  auto other = harness.engine().Open(2, harness.Put("b", 64 * kMiB, 2));
  harness.ReadRange(*file, 7, 0, 6 * kMiB, kMiB);  // leaves a window in memory
  std::vector<Result<ReadReply>> pinned;
  for (uint64_t i = 0; i < 12; ++i) pinned.push_back(harness.Start(*other, 8, i * 5 * kMiB, kMiB).get());
  for (uint64_t i = 0; i < 12; ++i) harness.Check(*other, i * 5 * kMiB, kMiB, pinned[i]);
}

TEST(ReadEngineTest, Crc64OfWholeObjectsIsCompared) {
  ReadOptions options;
  options.verify_crc64 = true;
  ReadHarness harness(128 * kMiB, options);
  ObjectVersion version = harness.Put("a", 20 * kMiB + 5);
  ASSERT_TRUE(version.crc64.has_value());
  ReadMetrics& metrics = ReadMetrics::Get();
  const uint64_t verified = metrics.crc_verified.Value();
  const uint64_t mismatches = metrics.crc_mismatches.Value();
  auto file = harness.engine().Open(1, version);
  harness.ReadRange(*file, 7, 0, 20 * kMiB + 5, kMiB);
  while (metrics.crc_verified.Value() == verified) std::this_thread::yield();
  version.crc64 = *version.crc64 + 1;
  auto damaged = harness.engine().Open(2, version);
  harness.ReadRange(*damaged, 7, 0, 20 * kMiB + 5, kMiB);
  while (metrics.crc_mismatches.Value() == mismatches) std::this_thread::yield();
}

TEST(ReadEngineTest, ExplainTellsWhatAFileHolds) {
  ReadHarness harness;
  auto file = harness.engine().Open(1, harness.Put("a", 64 * kMiB));
  harness.ReadRange(*file, 7, 0, 4 * kMiB, kMiB);
  std::string text;
  for (const std::string& line : harness.engine().Explain(1)) text += line + "\n";
  EXPECT_NE(text.find("bytes read: 4194304\n"), std::string::npos) << text;
  EXPECT_NE(text.find("stream at 4194304: forward"), std::string::npos) << text;
  EXPECT_EQ(harness.engine().Explain(99), Explanation{"engine: not open and nothing cached"});  // shown behind "read "
}

}  // namespace
}  // namespace ossfs2
