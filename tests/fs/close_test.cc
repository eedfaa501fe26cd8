// What a close that failed means: the program was told, so nothing is tried behind its back.
#include "oss/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class Close : public ::testing::Test {
 protected:
  void FailPuts(int count) {
    oss::FaultRule rule;
    rule.operation = "put";
    rule.count = count;
    rule.error = MakeError(EIO, ErrorKind::kOther, "injected");
    faults_->AddRule(rule);
  }
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

TEST_F(Close, AfterAFailureTheReleaseDoesNotTryAgain) {
  FailPuts(1);
  EXPECT_EQ(mount_.Put("f", "text"), EIO);
  EXPECT_TRUE(store_->Keys().empty());
  EXPECT_EQ(mount_.Stat("f").error().errno_value, ENOENT);
  EXPECT_EQ(mount_.Put("f", "again"), 0);
  EXPECT_EQ(store_->Content("f"), "again");
}

TEST_F(Close, AnotherCloseOrMoreBytesTryAgain) {
  const HandleId handle = *mount_.OpenPath("f", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(handle, 0, "text"));
  FailPuts(1);
  EXPECT_EQ(mount_.fs().Flush(handle).error().errno_value, EIO);  // the close of a copy of the descriptor
  EXPECT_TRUE(mount_.fs().Flush(handle));
  EXPECT_EQ(store_->Content("f"), "text");
  FailPuts(1);
  ASSERT_TRUE(mount_.Write(handle, 4, " and"));
  EXPECT_FALSE(mount_.fs().Flush(handle));
  ASSERT_TRUE(mount_.Write(handle, 8, " more"));
  mount_.fs().Release(handle);  // what came after the failure is stored
  EXPECT_EQ(store_->Content("f"), "text and more");
}

TEST_F(Close, DataOfAFileThatWasRemovedInTheBucketIsNotStoredAndTheProgramIsTold) {
  FakeClock clock;
  TestMount mount(*store_, {}, clock);
  EXPECT_EQ(mount.Put("f", "text"), 0);
  const HandleId handle = *mount.OpenPath("f", O_WRONLY);
  const Ino ino = mount.InoOf("f");
  ASSERT_TRUE(store_->Delete("f"));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_EQ(mount.fs().GetAttr(ino, handle).error().errno_value, ESTALE);
  EXPECT_TRUE(mount.fs().Fsync(handle));  // nothing was written since
  AttrChange empty;
  empty.size = 0;
  ASSERT_TRUE(mount.fs().SetAttr(ino, empty, handle));
  ASSERT_TRUE(mount.Write(handle, 0, "more"));
  EXPECT_EQ(ErrnoOf(mount.fs().Fsync(handle)), ESTALE);
  EXPECT_EQ(mount.fs().FlushAll(std::chrono::seconds(20)).size(), 1u);  // and so is an unmount
  EXPECT_EQ(mount.Close(handle), ESTALE);
  EXPECT_TRUE(store_->Keys().empty());
}

}  // namespace
}  // namespace ossfs2::test
