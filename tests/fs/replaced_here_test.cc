// An open file with unstored bytes that a rename of this mount replaces: nobody takes it for one that another host
// removed, not even while the rename still asks whether the old folder is there.
#include <chrono>
#include <future>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

class ReplacedHere : public ::testing::Test {
 protected:
  ReplacedHere() {
    store_->PutContent("d/f", std::string(2u << 20, '1'));
    store_->PutContent("s/new", "new");
    handle_ = *mount_.OpenPath("d/f", O_RDWR);
    EXPECT_TRUE(mount_.Write(handle_, 0, "changed"));
  }
  ~ReplacedHere() override { mount_.Close(handle_); }
  // Renames s/new to d/f, with `work` between the deletion of the old name and the end.
  void Replace(std::function<void()> work) {
    oss::FaultRule rule;
    rule.operation = "list";
    rule.count = -1;
    rule.meanwhile = [this, work = std::move(work)] {
      if (store_->Content("s/new") || std::exchange(done_, true)) return;
      work();
    };
    faults_->AddRule(rule);
    EXPECT_EQ(mount_.Rename("s/new", "d/f"), 0);
    EXPECT_TRUE(done_) << "the rename did not ask whether the folder is still there";
    EXPECT_EQ(store_->Content("d/f"), "new");
  }

  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_};
  HandleId handle_ = 0;
  bool done_ = false;
};

TEST_F(ReplacedHere, FsyncOfItIsDoneAtOnce) {
  Replace([this] {
    const Status synced = mount_.fs().Fsync(handle_);
    EXPECT_TRUE(synced) << synced.error().ToString();
  });
}

TEST_F(ReplacedHere, TheEndOfTheMountDoesNotReportIt) {
  Replace([this] {
    for (const std::string& line : mount_.fs().FlushAll(std::chrono::seconds(20))) ADD_FAILURE() << line;
  });
}

TEST_F(ReplacedHere, ItsBytesAreRead) {
  std::promise<Result<ReadReply>> read;
  auto answer = read.get_future();
  Replace([&] {
    mount_.fs().Read(handle_, 0, 7, ReadInto::kPageCache,
                     [&](Result<ReadReply> reply) { read.set_value(std::move(reply)); });
    // An error would mostly be there by then; the bytes come after the rename.
    answer.wait_for(std::chrono::milliseconds(100));
  });
  ASSERT_EQ(answer.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  const Result<ReadReply> reply = answer.get();
  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(reply->bytes, 7u);
}

}  // namespace
}  // namespace ossfs2::test
