// What the tests of attributes share: a store, a mount, and changes of one attribute.
#pragma once

#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {

inline constexpr int64_t kOldNs = 1'600'000'000'123'456'789;

inline AttrChange Mode(uint32_t mode) {
  AttrChange change;
  change.mode = mode;
  return change;
}
inline AttrChange Mtime(int64_t ns) {
  AttrChange change;
  change.mtime_ns = ns;
  return change;
}

class AttributesFixture : public ::testing::Test {
 protected:
  static void SaveAll(TestMount& mount) { EXPECT_TRUE(mount.fs().FlushAll(std::chrono::seconds(20)).empty()); }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

}  // namespace ossfs2::test
