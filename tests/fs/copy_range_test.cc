// copy_file_range whose source gets another version in the middle of a copy on the server.
#include <functional>
#include <utility>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class CopyRange : public ::testing::Test {
 protected:
  void Meanwhile(std::function<void()> run) {
    oss::FaultRule rule;
    rule.operation = "copy_part";
    rule.meanwhile = std::move(run);
    faults_->AddRule(rule);
  }

  const std::string text_ = std::string(3u << 20, 'a');
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
};

TEST_F(CopyRange, GoesOnWhenTheAttributesOfItsSourceAreStoredMeanwhile) {
  ASSERT_EQ(mount_.Put("source", text_), 0);  // in parts, so that a copy of it has another ETag
  const HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  AttrChange change;
  change.mode = 0600;
  ASSERT_EQ(mount_.SetAttr("source", change), 0);
  const std::string etag = store_->Head("source")->etag;
  Meanwhile([&] { EXPECT_TRUE(mount_.fs().Fsync(source)); });
  const Result<size_t> copied = mount_.fs().CopyFileRange(source, 0, target, 0, text_.size());
  ASSERT_TRUE(copied) << copied.error().ToString();
  EXPECT_EQ(*copied, text_.size());
  EXPECT_NE(store_->Head("source")->etag, etag);
  mount_.Close(source);
  EXPECT_EQ(mount_.Close(target), 0);
  EXPECT_TRUE(store_->Content("target") == text_);
}

TEST_F(CopyRange, ThatFailsLeavesWhatWasWrittenBefore) {
  store_->PutContent("source", text_);
  const HandleId source = *mount_.OpenPath("source", O_RDONLY);
  const HandleId target = *mount_.OpenPath("target", O_WRONLY | O_CREAT);
  ASSERT_TRUE(mount_.Write(target, 0, text_));
  Meanwhile([&] { store_->PutContent("source", std::string(text_.size(), 'b')); });
  const Result<size_t> copied = mount_.fs().CopyFileRange(source, 0, target, text_.size(), text_.size());
  EXPECT_EQ(copied ? 0 : copied.error().errno_value, ESTALE) << "by another host, so no bytes of either version";
  mount_.Close(source);
  EXPECT_EQ(mount_.Close(target), 0);
  EXPECT_TRUE(store_->Content("target") == text_);
}

}  // namespace
}  // namespace ossfs2::test
