// The mount table as the kernel writes it, the read-ahead of a device, and how long directories may stay cached.
#include "fuse/session/mount_table.h"

#include <gtest/gtest.h>

#include "fuse/operations/directory_cache_clock.h"

namespace ossfs2 {
namespace {

TEST(MountTableTest, ParsesEscapesAndOptionalFields) {
  const auto mounts = ParseMountInfo(
      "22 1 0:20 / /sys rw,nosuid shared:7 master:1 - sysfs sysfs rw\n"
      "99 1 0:52 / /mnt/my\\040models rw - fuse.ossfs2 bucket\\040x rw,user_id=0\n"
      "broken line\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[1].device, "0:52");
  EXPECT_EQ(mounts[1].mount_point, "/mnt/my models");
  EXPECT_EQ(mounts[1].type, "fuse.ossfs2");
  EXPECT_EQ(mounts[1].source, "bucket x");
}

TEST(MountTableTest, FindsTheRootAndNoMissingOne) {
  EXPECT_TRUE(FindMount("/proc"));
  EXPECT_FALSE(FindMount("/no/such/mount"));
}

TEST(MountTableTest, ReadAheadOfNoDeviceIsAnError) {
  EXPECT_FALSE(SetReadAhead("no:device", 1 << 20));
  EXPECT_FALSE(GetReadAhead("no:device"));
}

TEST(DirectoryCacheClockTest, KeepsForTheTimeoutOnly) {
  FakeClock clock;
  DirectoryCacheClock cache(10, clock);
  EXPECT_FALSE(cache.MayKeep(5)) << "first use fills the kernel's copy";
  EXPECT_TRUE(cache.MayKeep(5));
  clock.Advance(std::chrono::seconds(11));
  EXPECT_FALSE(cache.MayKeep(5));
  EXPECT_TRUE(cache.MayKeep(5));
  EXPECT_FALSE(DirectoryCacheClock(0, clock).enabled());
}

}  // namespace
}  // namespace ossfs2
