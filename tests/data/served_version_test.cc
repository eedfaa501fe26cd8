// Which version a file serves: what opens, renames and refusals make of it.
#include "data/read/file/served_version.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "tests/data/read_harness.h"

namespace ossfs2 {
namespace {

using Verdict = ServedVersion::Verdict;

constexpr int64_t kSecondNs = 1'000'000'000;

ObjectVersion Version(const std::string& key, const std::string& etag) { return {key, 100, etag, std::nullopt}; }

Error Refused(ErrorKind kind) { return MakeError(EIO, kind, "refused"); }

class ServedVersionTest : public ::testing::Test {
 protected:
  const ObjectVersion first_ = Version("a", "1");
  ServedVersion served_{first_};
};

TEST_F(ServedVersionTest, TakesTheKeyOfTheSameBytes) {
  EXPECT_TRUE(served_.Adopt(first_, false, 0));
  EXPECT_EQ(served_.generation(), 1u) << "nothing is new";
  EXPECT_TRUE(served_.Adopt(Version("b", "1"), false, 0));
  EXPECT_EQ(served_.current().key, "b");
  EXPECT_EQ(served_.generation(), 2u);
  EXPECT_FALSE(served_.Adopt(Version("b", "2"), false, 0)) << "other bytes";
}

TEST_F(ServedVersionTest, WhoRunsAReplacementKnowsTheKeyBest) {
  EXPECT_TRUE(served_.Adopt(Version("b", "1"), true, 0));
  EXPECT_EQ(served_.current().key, "a");
}

TEST_F(ServedVersionTest, IsOpenedByTheVersionBeforeForAWhile) {
  const int64_t now = 100 * kSecondNs;
  EXPECT_TRUE(served_.Rebind(Version("a", "2"), now));
  EXPECT_FALSE(served_.Rebind(Version("a", "2"), now));
  EXPECT_TRUE(served_.Adopt(first_, false, now + 10 * kSecondNs));
  EXPECT_FALSE(served_.Adopt(first_, false, now + 10 * kSecondNs + 1));
  EXPECT_TRUE(served_.Adopt(first_, true, now + 60 * kSecondNs)) << "while another replacement runs";
  EXPECT_EQ(served_.current().etag, "2");
}

TEST_F(ServedVersionTest, ARenamedObjectDoesNotServeItsOldName) {
  served_.Rebind(Version("b", "2"), kSecondNs);
  EXPECT_FALSE(served_.Adopt(first_, false, kSecondNs)) << "the old name may be another object by now";
}

TEST_F(ServedVersionTest, RefusalsOfTheVersionBeforeAreOutdated) {
  served_.Rebind(Version("b", "2"), 0);
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kNotFound), false), Verdict::kOutdated);
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kVersionChanged), false), Verdict::kOutdated);
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kUnavailable), false), Verdict::kNothing);
  EXPECT_FALSE(served_.stale());
  EXPECT_FALSE(served_.deleted());
}

TEST_F(ServedVersionTest, ARefusalWhileItIsReplacedHereIsNoNews) {
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kNotFound), true), Verdict::kReplacing);
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kVersionChanged), true), Verdict::kReplacing);
  EXPECT_FALSE(served_.deleted());
}

TEST_F(ServedVersionTest, IsDeletedUntilSomebodySawTheObjectAgain) {
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kNotFound), false), Verdict::kDeleted);
  ASSERT_TRUE(served_.deleted());
  EXPECT_EQ(served_.deleted()->errno_value, ESTALE);
  EXPECT_TRUE(served_.Adopt(first_, false, 0));
  EXPECT_FALSE(served_.deleted());
}

TEST_F(ServedVersionTest, IsStaleForGood) {
  EXPECT_FALSE(served_.Retire(Version("b", "1"))) << "the same bytes";
  EXPECT_TRUE(served_.Retire(Version("a", "2")));
  EXPECT_FALSE(served_.Retire(Version("a", "3"))) << "it was before";
  EXPECT_EQ(served_.stale()->errno_value, ESTALE);
  EXPECT_FALSE(served_.Adopt(first_, false, 0));
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kNotFound), false), Verdict::kNothing);
  EXPECT_FALSE(served_.deleted());
}

TEST_F(ServedVersionTest, AnotherHostsObjectEndsIt) {
  EXPECT_EQ(served_.OnFailedGet(1, Refused(ErrorKind::kVersionChanged), false), Verdict::kReplaced);
  served_.BecomeStale(Refused(ErrorKind::kVersionChanged));
  EXPECT_EQ(served_.stale()->errno_value, ESTALE);
}

TEST(GoneListenerTest, WhoeverListensIsToldBeforeTheReadsFail) {
  ReadHarness harness;
  std::vector<std::pair<uint64_t, ObjectVersion>> told;
  harness.engine().SetGoneListener([&](uint64_t id, const ObjectVersion& version) { told.emplace_back(id, version); });
  const ObjectVersion replaced = harness.Put("a", kMiB, 1);
  const ObjectVersion deleted = harness.Put("b", kMiB, 1);
  auto file = harness.engine().Open(1, replaced);
  auto other = harness.engine().Open(2, deleted);
  harness.Put("a", kMiB, 2);
  ASSERT_TRUE(harness.store().Delete("b").has_value());
  EXPECT_EQ(harness.Start(*file, 7, 0, 4096).get().error().errno_value, ESTALE);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].first, 1u);
  EXPECT_EQ(told[0].second, replaced);
  EXPECT_EQ(harness.Start(*other, 7, 0, 4096).get().error().errno_value, ESTALE);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].first, 2u);
  EXPECT_EQ(told[1].second, deleted);
  harness.engine().SetGoneListener(nullptr);
}

}  // namespace
}  // namespace ossfs2
