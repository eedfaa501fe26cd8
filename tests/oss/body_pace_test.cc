// BodyPace: what counts as slow beside others.
#include "oss/exchange/body_pace.h"

#include <gtest/gtest.h>

namespace ossfs2::oss {
namespace {

using std::chrono::seconds;

TEST(BodyPace, IsSlowBesideOthersOnly) {
  BodyPace pace;
  EXPECT_EQ(pace.Limit(), 0u) << "nothing is known";
  for (size_t i = 0; i < BodyPace::kSamplesMin; ++i) pace.OnMoved(8 << 20, seconds(1));
  EXPECT_EQ(pace.Limit(), BodyPace::kSlowBytesPerSecond);
  for (int i = 0; i < 3; ++i) pace.OnTooSlow();
  EXPECT_EQ(pace.Limit(), BodyPace::kSlowBytesPerSecond) << "a few connections";
  for (int i = 0; i < 100; ++i) pace.OnMoved(1000, seconds(1));
  EXPECT_EQ(pace.Limit(), BodyPace::kSlowBytesPerSecond) << "short bodies do not count";
  for (int i = 0; i < 16; ++i) pace.OnMoved(1 << 20, seconds(10));
  EXPECT_EQ(pace.Limit(), (1 << 20) / 10 / BodyPace::kTimesSlower) << "a slow network";
  for (int i = 0; i < 9; ++i) pace.OnTooSlow();
  EXPECT_EQ(pace.Limit(), 0u) << "it has become slower";
}

}  // namespace
}  // namespace ossfs2::oss
