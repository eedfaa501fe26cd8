// Attributes that are stored in the background: a save that takes long holds up those of the same file only.
#include <chrono>
#include <functional>
#include <thread>

#include "base/threads/mutex.h"
#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"
#include "tests/support/shared_clock.h"

namespace ossfs2::test {
namespace {

constexpr int kSavesAtOnce = 16;

// Where calls of the store hang until they are let go.
class Hanging {
 public:
  void Hang() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++calls_;
    peak_ = std::max(peak_, ++now_);
    while (allowed_ == 0) wake_.Wait(lock);
    --allowed_;
    --now_;
  }
  void LetGo(int count) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    allowed_ += count;
    wake_.NotifyAll();
  }
  int now() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return now_;
  }
  int calls() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return calls_;
  }
  int peak() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return peak_;
  }

 private:
  Mutex mutex_;
  CondVar wake_;
  int now_ GUARDED_BY(mutex_) = 0;
  int peak_ GUARDED_BY(mutex_) = 0;
  int calls_ GUARDED_BY(mutex_) = 0;
  int allowed_ GUARDED_BY(mutex_) = 0;
};

class DelayedSaves : public ::testing::Test {
 protected:
  DelayedSaves() {
    oss::FaultRule rule;
    rule.operation = "copy";
    rule.key_part = "slow";
    rule.count = -1;
    rule.meanwhile = [this] { slow_.Hang(); };
    faults_->AddRule(rule);
  }
  ~DelayedSaves() override { slow_.LetGo(1000); }

  void Chmod(const std::string& path, uint32_t mode) {
    AttrChange change;
    change.mode = mode;
    ASSERT_EQ(mount_.SetAttr(path, change), 0);
  }
  static bool Await(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return condition();
  }
  void PassDelay() { clock_.Advance(std::chrono::seconds(3)); }
  std::string StoredMode(const std::string& key) { return (*store_->MetadataOf(key))["mode"]; }

  SharedClock clock_;
  Hanging slow_;
  std::unique_ptr<oss::MemoryStore> store_ = oss::MakeMemoryStore();
  std::unique_ptr<oss::FaultStore> faults_ = oss::MakeFaultStore(*store_);
  TestMount mount_{*faults_, {}, clock_};
};

TEST_F(DelayedSaves, OfOtherFilesDoNotWaitForASlowOne) {
  store_->PutContent("slow", "text");
  store_->PutContent("quick", "text");
  Chmod("slow", 0600);
  PassDelay();
  ASSERT_TRUE(Await([this] { return slow_.now() == 1; }));
  Chmod("quick", 0600);
  PassDelay();
  EXPECT_TRUE(Await([this] { return StoredMode("quick") == "33152"; }));
  EXPECT_EQ(slow_.now(), 1);
}

TEST_F(DelayedSaves, OfOneFileFollowOneAnother) {
  store_->PutContent("slow", "text");
  store_->PutContent("quick", "text");
  Chmod("slow", 0600);
  PassDelay();
  ASSERT_TRUE(Await([this] { return slow_.now() == 1; }));
  Chmod("slow", 0640);
  Chmod("quick", 0600);
  PassDelay();
  ASSERT_TRUE(Await([this] { return StoredMode("quick") == "33152"; }));
  EXPECT_EQ(slow_.calls(), 1) << "the first save has not ended";
  slow_.LetGo(1);
  ASSERT_TRUE(Await([this] { return slow_.calls() == 2; }));
  EXPECT_EQ(StoredMode("slow"), "33152");
  slow_.LetGo(1);
  EXPECT_TRUE(Await([this] { return StoredMode("slow") == "33184"; }));
  EXPECT_EQ(slow_.peak(), 1);
}

TEST_F(DelayedSaves, RunSixteenAtOnceAndGoOnAsThoseEnd) {
  constexpr int kFiles = 40;
  for (int i = 0; i < kFiles; ++i) store_->PutContent("slow" + std::to_string(i), "text");
  for (int i = 0; i < kFiles; ++i) Chmod("slow" + std::to_string(i), 0600);
  PassDelay();
  ASSERT_TRUE(Await([this] { return slow_.now() == kSavesAtOnce; }));
  slow_.LetGo(1);
  ASSERT_TRUE(Await([this] { return slow_.calls() == kSavesAtOnce + 1; }))
      << "one place is free, for any of the others";
  slow_.LetGo(kFiles);
  EXPECT_TRUE(Await([this] { return slow_.calls() == kFiles && slow_.now() == 0; }));
  EXPECT_EQ(slow_.peak(), kSavesAtOnce);
}

}  // namespace
}  // namespace ossfs2::test
