// Reads of files that are being written.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "oss/fakes/fault_store.h"
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

// Closed at first.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++came_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitUntilSomebodyCame() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return came_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int came_ = 0;
};

TEST(DirtyReads, OfAFileThatIsBeingStoredLeaveThreadsToOthers) {
  constexpr int kReads = 100;  // more than the mount has threads
  std::atomic<int> good{0};
  std::atomic<int> answered{0};
  Gate gate;
  const auto store = oss::MakeMemoryStore();
  const auto faults = oss::MakeFaultStore(*store);
  TestMount mount(*faults);
  const HandleId stored = *mount.OpenPath("stored", O_RDWR | O_CREAT);
  const HandleId other = *mount.OpenPath("other", O_RDWR | O_CREAT);
  ASSERT_TRUE(mount.Write(stored, 0, "text of one"));
  ASSERT_TRUE(mount.Write(other, 0, "text of another"));
  oss::FaultRule slow;
  slow.operation = "put";
  slow.meanwhile = [&gate] { gate.Pass(); };
  faults->AddRule(slow);
  auto closing = std::async(std::launch::async, [&] { return mount.fs().Flush(stored).has_value(); });
  gate.WaitUntilSomebodyCame();
  for (int i = 0; i < kReads; ++i)
    mount.fs().Read(stored, 5, 2, ReadInto::kPageCache, [&](const Result<ReadReply>& reply) {
      if (reply && reply->bytes == 2 && std::string(static_cast<const char*>(reply->parts[0].iov_base), 2) == "of")
        ++good;
      ++answered;
      answered.notify_all();
    });
  auto read = std::async(std::launch::async, [&] { return mount.Read(other, 8, 7); });
  EXPECT_EQ(read.wait_for(std::chrono::seconds(60)), std::future_status::ready) << "no thread was left";
  EXPECT_EQ(answered, 0);
  gate.Open();
  EXPECT_TRUE(closing.get());
  EXPECT_EQ(*read.get(), "another");
  for (int seen = answered; seen != kReads; seen = answered) answered.wait(seen);
  EXPECT_EQ(good, kReads);
  EXPECT_EQ(mount.Close(stored), 0);
  EXPECT_EQ(mount.Close(other), 0);
}

}  // namespace
}  // namespace ossfs2::test
