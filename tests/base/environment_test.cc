// Hidden variables, limits, tunable numbers and seeds.
#include "base/machine/environment.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>

#include "base/machine/descriptors.h"
#include "base/values/random.h"
#include "base/values/tunable.h"

namespace ossfs2 {
namespace {

TEST(DescriptorLimitTest, IsRaisedAndNeverLowered) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto raised_from = [&before](rlim_t soft) {
    rlimit limit{soft, before.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    RaiseDescriptorLimit();
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(limit.rlim_max, before.rlim_max);
    return limit.rlim_cur;
  };
  EXPECT_EQ(raised_from(64), std::min<rlim_t>(before.rlim_max, kDescriptorsMax));
  EXPECT_EQ(raised_from(before.rlim_max), before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(EnvironmentTest, HiddenVariablesAreKnownButNotInherited) {
  setenv("OSSFS2_TEST_HIDDEN", "key", 1);
  setenv("OSSFS2_TEST_SHOWN", "word", 1);
  const char* memory = getenv("OSSFS2_TEST_HIDDEN");
  const std::string names[] = {"OSSFS2_TEST_HIDDEN", "OSSFS2_TEST_UNSET"};
  HideSecretVariables(names);
  EXPECT_EQ(getenv("OSSFS2_TEST_HIDDEN"), nullptr);
  EXPECT_STREQ(memory, "") << "overwritten where the system shows it";
  EXPECT_EQ(EnvironmentText("OSSFS2_TEST_HIDDEN"), "key");
  EXPECT_EQ(EnvironmentText("OSSFS2_TEST_SHOWN"), "word");
  EXPECT_STREQ(getenv("OSSFS2_TEST_SHOWN"), "word");
  EXPECT_FALSE(EnvironmentVariable("OSSFS2_TEST_UNSET"));
  HideSecretVariables(names);
  EXPECT_EQ(EnvironmentText("OSSFS2_TEST_HIDDEN"), "key") << "the second time finds nothing and loses nothing";
  unsetenv("OSSFS2_TEST_SHOWN");
}

TEST(TunableTest, ChangeReachesCopiesAndAssignmentDoesNot) {
  Tunable<int> one = 1;
  Tunable<int> copy = one;
  copy.Change(2);
  EXPECT_EQ(one, 2);
  copy = 3;
  EXPECT_EQ(one, 2);
  EXPECT_EQ(copy, 3);
}

TEST(RandomTest, SeedsDiffer) { EXPECT_NE(RandomSeed(), RandomSeed()); }

}  // namespace
}  // namespace ossfs2
