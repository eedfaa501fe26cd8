// A directory that a program holds open without reading it: for openat, or to sync it.
#include "base/metrics.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class OpenDirectory : public ::testing::Test {
 protected:
  std::vector<std::string> Read(HandleId handle) {
    std::vector<std::string> names;
    EXPECT_TRUE(mount_.fs().ReadDirectory(handle, 0, false, [&](const DirEntry& entry) {
      if (entry.name != "." && entry.name != "..") names.push_back(entry.name);
      return true;
    }));
    return names;
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_};
};

TEST_F(OpenDirectory, NamesThatCameAndWentLeaveNoMetadata) {
  auto& gauge = Registry::Default().gauge("metadata_bytes", "");
  EXPECT_EQ(mount_.Put("stays", "1"), 0);
  const HandleId handle = *mount_.fs().OpenDirectory(kRootIno);
  const int64_t before = gauge.Value();
  for (size_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(mount_.Put(ManyNames(i), "1"), 0);
    const Ino ino = mount_.InoOf(ManyNames(i));
    ASSERT_EQ(mount_.Unlink(ManyNames(i)), 0);
    mount_.fs().Forget(ino, UINT64_MAX);
  }
  EXPECT_LT(gauge.Value(), before + 1000);  // 1000 slots of a directory would be 8000
  EXPECT_EQ(Read(handle), std::vector<std::string>{"stays"});
  mount_.fs().ReleaseDirectory(handle);
}

}  // namespace
}  // namespace ossfs2::test
