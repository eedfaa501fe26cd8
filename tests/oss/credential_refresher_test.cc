// CredentialRefresher: keys are renewed before they expire, old ones serve meanwhile, and failures are tried again.
#include "oss/credentials/credential_refresher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "tests/base/thread_limit.h"

namespace ossfs2::oss {
namespace {

TEST(RefreshTimeTest, AheadOfExpiry) {
  const auto at = [](std::optional<int64_t> expires, int64_t interval, int64_t recheck, double random) {
    return RefreshTime({{}, expires}, 0, std::chrono::seconds(interval), std::chrono::seconds(recheck),
                       random);
  };
  EXPECT_EQ(at(36000, 0, 0, 0), 36000 - 7200) << "20 %";
  EXPECT_EQ(at(3600, 0, 0, 0), 3600 - 1200) << "20 min";
  EXPECT_EQ(at(900, 0, 0, 0), 900 - 180) << "3 min of a short life";
  EXPECT_EQ(at(60, 0, 0, 0), 30);
  EXPECT_EQ(at(3600, 0, 0, 1), 3600 - 1320) << "jitter begins earlier, never later";
  EXPECT_EQ(at(3600, 600, 0, 0), 600);
  EXPECT_EQ(at(std::nullopt, 0, 10, 0), 10);
  EXPECT_EQ(at(std::nullopt, 0, 0, 0), std::nullopt);
}

// A source that keeps its keys until shortly before their end gives the same ones again and again meanwhile.
TEST(RefreshTimeTest, IsNeverRightAfterTheFetch) {
  constexpr int64_t kFetched = 1'800'000'000;
  for (int64_t life = 2; life <= 8000; ++life) {
    for (const double random : {0.0, 0.3, 0.9, 0.999}) {
      const auto at = RefreshTime({{}, kFetched + life}, kFetched, std::chrono::seconds(0), std::chrono::seconds(0),
                                  random);
      ASSERT_TRUE(at);
      ASSERT_GE(*at, kFetched + std::min<int64_t>(15, life / 2)) << life << " " << random;
      ASSERT_LT(*at, kFetched + life) << life << " " << random;
    }
  }
}

// A source that the test scripts.
class ScriptedSource final : public CredentialSource {
 public:
  Result<Credentials> Fetch() override {
    const int number = ++fetches;
    if (fails) {
      Error error = MakeError(EIO, ErrorKind::kUnavailable, "no answer");
      error.retryable = true;
      return error;
    }
    return Credentials{{"id" + std::to_string(number), "s", "t"}, expires_s.load()};
  }
  std::string Name() const override { return "script"; }
  std::atomic<int> fetches{0};
  std::atomic<bool> fails{false};
  std::atomic<int64_t> expires_s{0};
};

class RefresherTest : public testing::Test {
 protected:
  RefresherTest() {
    auto source = std::make_unique<ScriptedSource>();
    source_ = source.get();
    source_->expires_s = Now() + 3600;
    refresher_ =
        std::make_unique<CredentialRefresher>(std::move(source), std::chrono::seconds(0), false, clock_);
  }
  int64_t Now() const { return clock_.NowWallNs() / 1'000'000'000; }
  // Until the background refresh has come so far.
  void WaitForFetches(int count) const {
    while (source_->fetches < count) std::this_thread::yield();
  }
  std::string IdNow() {
    const auto keys = refresher_->Current();
    return keys ? (*keys)->access_key_id : keys.error().text;
  }
  FakeClock clock_;
  ScriptedSource* source_;
  std::unique_ptr<CredentialRefresher> refresher_;
};

TEST_F(RefresherTest, RenewsInTheBackgroundWhileOldKeysServe) {
  EXPECT_FALSE(refresher_->Ready());
  EXPECT_EQ(IdNow(), "id1");
  EXPECT_TRUE(refresher_->Ready());
  clock_.Advance(std::chrono::minutes(10));
  EXPECT_EQ(IdNow(), "id1");
  EXPECT_EQ(source_->fetches, 1) << "not due";
  source_->expires_s = Now() + 3600;
  clock_.Advance(std::chrono::minutes(31));
  EXPECT_EQ(IdNow(), "id1") << "due: the call itself does not wait";
  WaitForFetches(2);
  while (IdNow() != "id2") std::this_thread::yield();
}

TEST_F(RefresherTest, FailuresKeepTheOldKeysUntilTheyExpire) {
  EXPECT_EQ(IdNow(), "id1");
  source_->fails = true;
  clock_.Advance(std::chrono::minutes(50));
  EXPECT_EQ(IdNow(), "id1");
  WaitForFetches(2);
  EXPECT_EQ(IdNow(), "id1");
  EXPECT_FALSE(refresher_->ForceRefresh({"id1", "s", "t"}));
  clock_.Advance(std::chrono::minutes(11));
  EXPECT_NE(IdNow().find("no valid credentials: no answer"), std::string::npos);
  const int asked = source_->fetches;
  EXPECT_NE(IdNow().find("no valid credentials: no answer"), std::string::npos);
  EXPECT_FALSE(refresher_->ForceRefresh({"id1", "s", "t"}));
  EXPECT_EQ(source_->fetches, asked) << "not asked without a pause";
  clock_.Advance(std::chrono::seconds(1));
  source_->fails = false;
  source_->expires_s = Now() + 3600;
  EXPECT_TRUE(IdNow().starts_with("id"));
}

TEST_F(RefresherTest, TheIntervalRenewsKeysThatHaveLongToLive) {
  auto source = std::make_unique<ScriptedSource>();
  source_ = source.get();
  source_->expires_s = Now() + 36000;
  refresher_ = std::make_unique<CredentialRefresher>(std::move(source), std::chrono::seconds(600), false, clock_);
  EXPECT_EQ(IdNow(), "id1");
  clock_.Advance(std::chrono::seconds(599));
  EXPECT_EQ(IdNow(), "id1");
  EXPECT_EQ(source_->fetches, 1);
  clock_.Advance(std::chrono::seconds(2));
  IdNow();
  WaitForFetches(2);
  while (IdNow() != "id2") std::this_thread::yield();
}

// The task would run in the caller, who holds the lock that it takes.
TEST(RefresherThreadTest, WithoutAThreadItIsAnErrorThatMayPass) {
  ExpectInOwnProcess([] {
    LimitThreads(1);  // the timer's
    FakeClock clock;
    auto source = std::make_unique<ScriptedSource>();
    const ScriptedSource& seen = *source;
    CredentialRefresher refresher(std::move(source), std::chrono::seconds(0), false, clock);
    const auto keys = refresher.Current();
    return !keys && keys.error().retryable && keys.error().text.find("pids.max") != std::string::npos &&
           !refresher.ForceRefresh({"id", "s", ""}) && seen.fetches == 0;
  });
}

TEST(TimerDelayTest, IsNeverLongerThanADay) {
  constexpr int64_t kNow = 1'800'000'000;
  EXPECT_EQ(TimerDelay(kNow + 90, kNow), std::chrono::seconds(90));
  EXPECT_EQ(TimerDelay(kNow - 90, kNow), std::chrono::seconds(1));
  const auto at = RefreshTime({{}, 253'402'300'799}, kNow, std::chrono::seconds(0), std::chrono::seconds(0), 0.5);
  ASSERT_TRUE(at) << "the end of the year 9999";
  EXPECT_EQ(TimerDelay(*at, kNow), std::chrono::hours(24)) << "all at once it would overflow, and be over at once";
}

TEST(RetryDelayTest, IsFixedOrGrows) {
  for (const int failures : {1, 2, 50}) EXPECT_EQ(RetryDelay(failures, false, 0.9), std::chrono::seconds(15));
  EXPECT_EQ(RetryDelay(1, true, 0), std::chrono::seconds(1)) << "with backoff: full jitter";
  EXPECT_EQ(RetryDelay(1, true, 1), std::chrono::seconds(5));
  EXPECT_EQ(RetryDelay(2, true, 1), std::chrono::seconds(9));
  EXPECT_EQ(RetryDelay(3, true, 1), std::chrono::seconds(17));
  EXPECT_EQ(RetryDelay(50, true, 1), std::chrono::seconds(121)) << "and a bound";
}

TEST_F(RefresherTest, SetsThatHaveExpiredAreNotTaken) {
  source_->expires_s = Now() - 1;
  EXPECT_NE(IdNow().find("have expired"), std::string::npos);
  EXPECT_FALSE(refresher_->Current().error().retryable) << "it never gave keys that serve";
  clock_.Advance(std::chrono::seconds(1));
  source_->expires_s = Now() + 60;
  EXPECT_EQ(IdNow(), "id2");
  source_->expires_s = Now() + 50;
  clock_.Advance(std::chrono::seconds(60));
  const auto keys = refresher_->Current();
  ASSERT_FALSE(keys);
  EXPECT_TRUE(keys.error().retryable) << "it may give fresh ones in a moment";
}

}  // namespace
}  // namespace ossfs2::oss
