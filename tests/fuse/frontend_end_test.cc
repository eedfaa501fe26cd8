// How serving ends: by an unmount from outside, by Stop, and what becomes of requests and notices that come then.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fuse/session/mount_table.h"
#include "tests/fuse/mount_fixture.h"

namespace ossfs2 {
namespace {

// Programs that ask for the attributes of a file again and again until it fails.
class Askers {
 public:
  static constexpr int kPrograms = 4;

  explicit Askers(std::string path) : path_(std::move(path)) {
    for (int program = 0; program < kPrograms; ++program) {
      threads_.emplace_back([this, program] {
        struct stat attr{};
        ++started_;
        while (stat(path_.c_str(), &attr) == 0) {
        }
        errors_[static_cast<size_t>(program)] = errno;
      });
    }
    while (started_ < kPrograms) std::this_thread::yield();
  }
  std::vector<std::thread>& threads() { return threads_; }
  // After they were joined.
  const std::array<int, kPrograms>& errors() const { return errors_; }

 private:
  const std::string path_;
  std::atomic<int> started_{0};
  std::array<int, kPrograms> errors_{};
  std::vector<std::thread> threads_;
};

using FrontendEndTest = FuseMountTest;

// As a task of the executor does that saves a file while the mount ends.
TEST_F(FrontendEndTest, ANotifierOutlivesRun) {
  fake_.content = "x";
  Enter();
  EXPECT_EQ(ReadAll(Path("data")), "x");
  KernelNotifier* const taken = fake_.notifier;
  frontend_->Unmount();
  frontend_->Stop();
  runner_.join();
  EXPECT_EQ(fake_.notifier.load(), taken);
  frontend_->EndNotices();
  EXPECT_EQ(fake_.notifier.load(), nullptr);
  taken->InvalidateAttributes(FakeFileSystem::kDataIno);
  taken->InvalidateInode(FakeFileSystem::kDataIno);
  taken->InvalidateEntry(1, "data");
  Destroy();
}

TEST_F(FrontendEndTest, ExternalUnmountEndsRun) {
  Enter();
  ASSERT_EQ(system(("umount " + folder_).c_str()), 0);
  runner_.join();
  EXPECT_TRUE(run_status_) << run_status_.error().text;
  Destroy();
}

// A worker that is just taking a request then gets another error than one that waits for the next.
TEST_F(FrontendEndTest, AForcedUnmountUnderLoadEndsRunWell) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr int kMounts = 50;
  for (int i = 0; i < kMounts; ++i) {
    Enter();
    Askers programs(Path("data"));
    EXPECT_EQ(umount2(folder_.c_str(), MNT_FORCE | MNT_DETACH), 0);
    runner_.join();
    for (std::thread& program : programs.threads()) program.join();
    EXPECT_TRUE(run_status_) << "mount " << i << ": " << run_status_.error().text;
    Destroy();
  }
}

TEST_F(FrontendEndTest, StopEndsRunWithAFileOpen) {
  fake_.content = "x";
  Enter();
  const int fd = open(Path("data").c_str(), O_RDONLY);
  frontend_->Unmount();
  frontend_->Stop();
  runner_.join();
  Destroy();
  EXPECT_FALSE(FindMount(folder_));
  close(fd);
}

// The requests of programs that go on after Run has ended. Should nobody answer them, the mount is aborted, so that the
// test fails instead of hanging in the kernel.
class AfterRunTest : public FuseMountTest {
 protected:
  static constexpr auto kHangs = std::chrono::seconds(20);

  void TearDown() override {
    if (aborted_) ADD_FAILURE() << "requests hung until the mount was aborted";
    FuseMountTest::TearDown();
  }

  void EndRun() {
    frontend_->Stop();
    runner_.join();
  }

  // Joins them.
  void Await(std::vector<std::thread>& programs) {
    std::promise<void> ended;
    std::thread guard([this, done = ended.get_future()] {
      if (done.wait_for(kHangs) == std::future_status::ready) return;
      aborted_ = true;
      umount2(folder_.c_str(), MNT_FORCE | MNT_DETACH);
    });
    for (std::thread& program : programs) program.join();
    ended.set_value();
    guard.join();
  }

 private:
  std::atomic<bool> aborted_{false};
};

TEST_F(AfterRunTest, AStoreDoesNotWaitForAReadThatNobodyTakes) {
  fake_.content = std::string(4096, 'x');
  Enter();
  const int fd = open(Path("data").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  struct stat attr{};
  EXPECT_EQ(fstat(fd, &attr), 0);
  KernelNotifier* const notifier = fake_.notifier;
  EndRun();
  std::vector<std::thread> programs;
  for (int i = 0; i < 4; ++i) {
    programs.emplace_back([fd] {
      std::vector<char> bytes(4096);
      for (int read = 0; read < 50; ++read) {
        EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        const ssize_t got = pread(fd, bytes.data(), bytes.size(), 0);
        EXPECT_TRUE(got == 4096 || errno == EIO) << strerror(errno);  // the former when the store came first
      }
    });
  }
  programs.emplace_back([notifier] {
    std::string page(4096, 'y');
    for (int i = 0; i < 50; ++i) notifier->StorePages(FakeFileSystem::kDataIno, 0, {{page.data(), page.size()}});
  });
  Await(programs);
  close(fd);
  frontend_->Unmount();
  Destroy();
}

TEST_F(AfterRunTest, NoRequestIsLostWhenServingStops) {
  constexpr int kMounts = 50;
  for (int i = 0; i < kMounts && !HasFailure(); ++i) {
    Enter();
    Askers programs(Path("data"));
    EndRun();
    Await(programs.threads());
    // The other one where serving ended before INIT was answered.
    for (const int error : programs.errors()) EXPECT_TRUE(error == EIO || error == ECONNREFUSED) << error;
    frontend_->Unmount();
    Destroy();
  }
}

}  // namespace
}  // namespace ossfs2
