// Another host replaces or removes an object that is believed here: no mix of versions.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class ReplacedElsewhere : public ::testing::Test {
 protected:
  FakeClock clock_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  TestMount mount_{*store_, {}, clock_};
};

TEST_F(ReplacedElsewhere, CopyFileRangeNeverMixesVersions) {
  constexpr size_t kHalf = 2u << 20;
  store_->PutContent("source", std::string(2 * kHalf, 'a'));
  const HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  EXPECT_EQ(*mount_.fs().CopyFileRange(source, 0, target, 0, kHalf), kHalf);
  store_->PutContent("source", std::string(kHalf + 1, 'b'));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount_.Stat("source")->size, kHalf + 1);
  const Result<size_t> rest = mount_.fs().CopyFileRange(source, kHalf, target, kHalf, kHalf);
  EXPECT_EQ(rest ? 0 : rest.error().errno_value, ESTALE);
  mount_.Close(source);
  EXPECT_EQ(mount_.Close(target), 0);
  EXPECT_EQ(store_->Content("target"), std::string(kHalf, 'a'));
}

}  // namespace
}  // namespace ossfs2::test
