// Who reads on where (StreamTracker), how much is read ahead (StreamWindow), and how many GETs at once (AdaptiveLimit).
#include "data/read/plan/stream_tracker.h"

#include <gtest/gtest.h>

#include "base/values/crc64.h"
#include "data/read/fetch/adaptive_limit.h"
#include "data/read/file/crc_ledger.h"
#include "data/read/plan/read_pace.h"
#include "data/read/plan/stream_window.h"
#include "data/read/plan/whole_file_detector.h"
#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

TEST(StreamTrackerTest, ExactContinuationConfirmsAtOnce) {
  StreamTracker tracker;
  EXPECT_FALSE(tracker.OnRead(1, {0, 128 * kKiB}, 1)->confirmed);
  Stream* stream = tracker.OnRead(2, {128 * kKiB, 256 * kKiB}, 2);
  EXPECT_TRUE(stream->confirmed);
  EXPECT_EQ(stream->consumed, 256 * kKiB);
  EXPECT_EQ(stream->handles.size(), 2u);
}

TEST(StreamTrackerTest, NearContinuationNeedsTwo) {
  StreamTracker tracker;
  tracker.OnRead(1, {kMiB, kMiB + 128 * kKiB}, 1);
  EXPECT_FALSE(tracker.OnRead(1, {kMiB + 64 * kKiB, kMiB + 192 * kKiB}, 2)->confirmed);
  EXPECT_TRUE(tracker.OnRead(1, {kMiB + 200 * kKiB, kMiB + 300 * kKiB}, 3)->confirmed);
  EXPECT_EQ(tracker.all().size(), 1u);
}

TEST(StreamTrackerTest, DescendingNeedsThreeSteps) {
  StreamTracker tracker;
  Stream* stream = nullptr;
  for (uint64_t end = 10 * kMiB; end > 10 * kMiB - 4 * 68 * kKiB; end -= 68 * kKiB)
    stream = tracker.OnRead(1, {end - 68 * kKiB, end}, 1);
  EXPECT_TRUE(stream->confirmed);
  EXPECT_TRUE(stream->backward);
  EXPECT_EQ(stream->Edge(), 10 * kMiB - 4 * 68 * kKiB);
}

TEST(StreamTrackerTest, OutOfOrderReadAheadStaysOneStream) {
  StreamTracker tracker;
  tracker.OnRead(1, {0, kMiB}, 1);
  tracker.OnRead(1, {kMiB, 2 * kMiB}, 1);
  for (const uint64_t at : {3, 2, 5, 4, 6, 8, 7}) tracker.OnRead(1, {at * kMiB, (at + 1) * kMiB}, 1);
  EXPECT_EQ(tracker.all().size(), 1u);
  EXPECT_EQ(tracker.all()[0].high, 9 * kMiB);
}

TEST(StreamTrackerTest, RoomIsMadeByTheOldestCandidate) {
  StreamTracker tracker;
  tracker.OnRead(1, {0, kMiB}, 1);
  tracker.OnRead(1, {kMiB, 2 * kMiB}, 2);
  for (uint64_t i = 1; i <= 2 * StreamTracker::kStreamsMax; ++i)
    tracker.OnRead(1, {i * 100 * kMiB, i * 100 * kMiB + 4096}, 3);
  EXPECT_EQ(tracker.all().size(), StreamTracker::kStreamsMax);
  EXPECT_EQ(tracker.ActiveCount(0), 1u);
}

TEST(StreamTrackerTest, CloseTakesOnlyStreamsNobodyIsOn) {
  StreamTracker tracker;
  tracker.OnRead(1, {0, kMiB}, 1);
  tracker.OnRead(2, {kMiB, 2 * kMiB}, 1);
  tracker.OnRead(1, {50 * kMiB, 51 * kMiB}, 1);
  EXPECT_TRUE(tracker.CloseHandle(1));
  EXPECT_EQ(tracker.all().size(), 1u);
  EXPECT_TRUE(tracker.CloseHandle(2));
  EXPECT_FALSE(tracker.CloseHandle(2));
  EXPECT_TRUE(tracker.all().empty());
}

TEST(StreamTrackerTest, IdleStreamsGo) {
  StreamTracker tracker;
  tracker.OnRead(1, {0, kMiB}, 10);
  EXPECT_FALSE(tracker.DropIdle(10));
  EXPECT_TRUE(tracker.DropIdle(11));
}

TEST(StreamWindowTest, WindowGrowsWithProofAndWithinTheBudget) {
  constexpr uint64_t kGiB = 1 << 30;
  EXPECT_EQ(FirstWindow(128 * kKiB, 0), kWindowBytesMin);
  EXPECT_EQ(FirstWindow(2 * kMiB, 0), 4 * kMiB);
  EXPECT_EQ(GrownWindow(4 * kMiB, WindowBound(4 * kMiB, 0), kGiB), 8 * kMiB);
  EXPECT_EQ(GrownWindow(8 * kMiB, WindowBound(8 * kMiB, 0), kGiB), 8 * kMiB);     // not proven yet
  EXPECT_EQ(GrownWindow(16 * kMiB, WindowBound(64 * kMiB, 0), kGiB), 24 * kMiB);  // 3/8
  EXPECT_EQ(GrownWindow(64 * kMiB, WindowBound(kGiB, 0), 32 * kMiB), 32 * kMiB);  // budget
  EXPECT_EQ(WindowBound(kGiB, 0), kGiB - 80 * kMiB);
}

TEST(StreamWindowTest, AReaderThatNeverWaitsGetsAnEighth) {
  EXPECT_EQ(SteadyWindow(4 * kMiB, 16 * kMiB, 1 << 30), 4 * kMiB);
  EXPECT_EQ(SteadyWindow(4 * kMiB, 64 * kMiB, 1 << 30), 8 * kMiB);
  EXPECT_EQ(SteadyWindow(4 * kMiB, 8ull << 30, 1 << 30), kSteadyWindowBytesMax);
  EXPECT_EQ(SteadyWindow(4 * kMiB, 8ull << 30, 16 * kMiB), 16 * kMiB);
}

TEST(StreamWindowTest, AFileAfterAWholeOneStartsWithItsWindow) {
  EXPECT_EQ(FirstWindow(128 * kKiB, 96 * kMiB), 96 * kMiB);
  EXPECT_EQ(WindowBound(128 * kKiB, 96 * kMiB), 96 * kMiB);
}

TEST(StreamWindowTest, PiecesFollowTheWindowTheServerAndTheBudget) {
  EXPECT_EQ(PieceBytes(8 * kMiB, 8 * kMiB, 1 << 30, 32), kMiB);
  EXPECT_EQ(PieceBytes(8 * kMiB, 8 * kMiB, 1 << 30, kNearPieces), 2 * kMiB);
  EXPECT_EQ(PieceBytes(64 * kMiB, 8 * kMiB, 1 << 30, 32), 2 * kMiB);
  EXPECT_EQ(PieceBytes(64 * kMiB, 8 * kMiB, 1 << 30, kNearPieces), 8 * kMiB);
  EXPECT_EQ(PieceBytes(1 << 30, 8 * kMiB, 1 << 30, 32), 8 * kMiB);
  EXPECT_EQ(PieceBytes(8 * kMiB, 8 * kMiB, 512 * kKiB, kNearPieces), 256 * kKiB);
  EXPECT_EQ(PieceBytes(8 * kMiB, 8 * kMiB, 1, 32), 256 * kKiB);
}

TEST(ReadPaceTest, ServerIsNearWhileSomeGetIsFast) {
  constexpr int64_t kSecond = 1'000'000'000;
  ReadPace pace;
  EXPECT_FALSE(pace.NearServer(false));
  pace.OnGetDone(1 << 20, 100 * kSecond, 100 * kSecond + 20'000'000);  // 52 MB/s
  EXPECT_FALSE(pace.NearServer(false));
  pace.OnGetDone(1 << 20, 101 * kSecond, 101 * kSecond + 1'000'000);  // 1 GB/s
  pace.OnGetDone(1 << 20, 102 * kSecond, 102 * kSecond + 20'000'000);
  EXPECT_TRUE(pace.NearServer(false));
  pace.OnGetDone(1024, 102 * kSecond, 102 * kSecond + 1);  // too short to tell
  for (int i = 0; i < 3; ++i) pace.OnGetDone(1 << 20, (106 + 6 * i) * kSecond, (106 + 6 * i) * kSecond + 20'000'000);
  EXPECT_FALSE(pace.NearServer(false)) << "a network that changed is learnt within two periods";
}

TEST(ReadPaceTest, ANearServerMayBeSlowWhileProcessorsAreShort) {
  ReadPace pace;
  pace.OnGetDone(4 << 20, 100'000'000'000, 100'000'000'000 + 20'000'000);  // 210 MB/s
  EXPECT_FALSE(pace.SurelyNear(false));
  EXPECT_TRUE(pace.SurelyNear(true));
  EXPECT_TRUE(pace.NearServer(true));
}

TEST(ReadPaceTest, OnlyLargeGetsMakeAServerSurelyNear) {
  constexpr int64_t kSecond = 1'000'000'000;
  ReadPace pace;
  pace.OnGetDone(1 << 20, 100 * kSecond, 100 * kSecond + 1'000'000);  // maybe a burst
  EXPECT_TRUE(pace.NearServer(false));
  EXPECT_FALSE(pace.SurelyNear(false));
  pace.OnGetDone(4 << 20, 101 * kSecond, 101 * kSecond + 8'000'000);
  EXPECT_TRUE(pace.SurelyNear(false));
  pace.OnGetDone(4 << 20, 107 * kSecond, 107 * kSecond + 80'000'000);
  pace.OnGetDone(4 << 20, 113 * kSecond, 113 * kSecond + 80'000'000);
  EXPECT_FALSE(pace.SurelyNear(false)) << "it became slow";
}

TEST(ReadPaceTest, ABurstAtTheBeginOfAConnectionDoesNotMakeAServerNear) {
  constexpr int64_t kSecond = 1'000'000'000;
  ReadPace pace;
  pace.OnGetDone(512 << 10, 100 * kSecond, 100 * kSecond + 100'000);
  EXPECT_FALSE(pace.NearServer(false)) << "too short";
  pace.OnGetDone(8 << 20, 101 * kSecond, 101 * kSecond + 80'000'000);  // 100 MB/s
  pace.OnGetDone(1 << 20, 101 * kSecond, 101 * kSecond + 1'000'000);   // 1 GB/s: what the bucket of tokens had left
  EXPECT_FALSE(pace.NearServer(false));
  pace.OnGetDone(8 << 20, 102 * kSecond, 102 * kSecond + 8'000'000);
  EXPECT_TRUE(pace.NearServer(false));
}

TEST(ReadPaceTest, OneFileGivenUpEndsTheCarriedWindow) {
  ReadPace pace;
  EXPECT_EQ(pace.CarriedWindow(), 0u);
  pace.OnFileReadWhole(96 * kMiB, true);
  EXPECT_EQ(pace.CarriedWindow(), 96 * kMiB);
  EXPECT_TRUE(pace.CarriedInPieces());
  pace.OnFileReadWhole(4ull << 30, false);
  EXPECT_EQ(pace.CarriedWindow(), ReadPace::kCarriedBytesMax);
  EXPECT_FALSE(pace.CarriedInPieces());
  pace.OnFileGivenUp();
  EXPECT_EQ(pace.CarriedWindow(), 0u);
}

TEST(WholeFileDetectorTest, RunsAllOverAreDetectedRandomReadsAreNot) {
  WholeFileDetector runs;
  WholeFileDetector random;
  const uint64_t file = 640 * kMiB;
  for (uint64_t run = 0; run < 8; ++run) {
    runs.OnRunConfirmed();
    for (uint64_t i = 0; i < 16; ++i)
      runs.OnRead({run * 80 * kMiB + i * 128 * kKiB, run * 80 * kMiB + (i + 1) * 128 * kKiB}, i != 0, file);
    for (uint64_t i = 0; i < 16; ++i)
      random.OnRead({run * 80 * kMiB + i * 4 * kMiB, run * 80 * kMiB + i * 4 * kMiB + 128 * kKiB}, false, file);
  }
  EXPECT_TRUE(runs.Detected(file));
  EXPECT_FALSE(random.Detected(file));
}

TEST(RangeSetTest, MergesAndFinds) {
  RangeSet set;
  set.Add({10, 20});
  set.Add({30, 40});
  set.Add({20, 25});
  EXPECT_EQ(set.Count(), 2u);
  set.Add({22, 35});
  EXPECT_EQ(set.Count(), 1u);
  EXPECT_EQ(set.TotalBytes(), 30u);
  EXPECT_EQ(set.Find(39), (ByteRange{10, 40}));
  EXPECT_FALSE(set.Find(40).has_value());
  EXPECT_EQ(set.NextBegin(0), 10u);
  EXPECT_EQ(set.NextBegin(11), UINT64_MAX);
  for (uint64_t i = 0; i <= RangeSet::kRangesMax; ++i) set.Add({100 + 10 * i, 101 + 10 * i});
  EXPECT_LE(set.Count(), RangeSet::kRangesMax);
}

TEST(CrcLedgerTest, AnyOrderGivesTheWholeOnce) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const auto crc = [&](uint64_t begin, uint64_t end) { return Crc64(0, text.data() + begin, end - begin); };
  CrcLedger ledger;
  EXPECT_FALSE(ledger.Add({10, 20}, crc(10, 20), text.size()).has_value());
  EXPECT_FALSE(ledger.Add({30, text.size()}, crc(30, text.size()), text.size()).has_value());
  EXPECT_FALSE(ledger.Add({0, 10}, crc(0, 10), text.size()).has_value());
  EXPECT_FALSE(ledger.Add({5, 15}, 0, text.size()).has_value());  // known
  EXPECT_EQ(ledger.Add({20, 30}, crc(20, 30), text.size()), crc(0, text.size()));
  EXPECT_FALSE(ledger.Add({0, 10}, crc(0, 10), text.size()).has_value());
}

// Each connection gives 80 MB/s up to 64 of them.
class Network {
 public:
  void Run(AdaptiveLimit& limit, int epochs) {
    for (int epoch = 0; epoch < epochs; ++epoch) {
      const int size = limit.limit();
      for (int i = 0; i < size + 1; ++i) {
        limit.OnHeldBack();
        now_ns_ += 100'000'000 / size;
        bytes_ += 8'000'000ull * static_cast<uint64_t>(std::min(size, 64)) / static_cast<uint64_t>(size);
        limit.OnFinished(bytes_, now_ns_);
      }
    }
  }

 private:
  uint64_t bytes_ = 0;
  int64_t now_ns_ = 1'000'000'000;
};

TEST(AdaptiveLimitTest, GrowsWhileItPaysAndShrinksWhenThrottled) {
  AdaptiveLimit limit(256);
  EXPECT_EQ(limit.limit(), AdaptiveLimit::kLimitStart);
  Network network;
  network.Run(limit, 6);
  EXPECT_GE(limit.limit(), 64);
  EXPECT_LE(limit.limit(), 160);
  const int before = limit.limit();
  limit.OnThrottled();
  EXPECT_LT(limit.limit(), before);
  for (int i = 0; i < 50; ++i) limit.OnThrottled();
  EXPECT_EQ(limit.limit(), AdaptiveLimit::kLimitMin);
}

TEST(AdaptiveLimitTest, AfterThrottlingItIsSoonWhereItWas) {
  AdaptiveLimit limit(256);
  Network network;
  network.Run(limit, 6);
  for (int i = 0; i < 50; ++i) limit.OnThrottled();
  network.Run(limit, 8);
  EXPECT_GE(limit.limit(), 64);
}

TEST(AdaptiveLimitTest, NeverAboveTheOption) { EXPECT_EQ(AdaptiveLimit(3).limit(), 3); }

}  // namespace
}  // namespace ossfs2
