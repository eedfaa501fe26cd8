// Programs that are ended while their request waits for the network.
#include "fuse/operations/interrupts.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <thread>

#include "base/values/str.h"
#include "tests/fuse/mount_fixture.h"

namespace ossfs2 {
namespace {

std::string StatusText(std::string_view own, std::string_view shared, std::string_view blocked) {
  return StrCat("Name:\tx\nTgid:\t1\nSigQ:\t0/1\nSigPnd:\t", own, "\nShdPnd:\t", shared, "\nSigBlk:\t", blocked,
                "\nSigIgn:\t0000000000000000\n");
}

TEST(EndingSignalTest, IsTheKillOrWhatAsksToEnd) {
  EXPECT_FALSE(HasEndingSignal("", true));
  EXPECT_FALSE(HasEndingSignal(StatusText("0", "0", "0"), true));
  const auto pending = [](std::string_view set, bool handled) {
    return HasEndingSignal(StatusText(set, "0", "0"), handled) && HasEndingSignal(StatusText("0", set, "0"), handled);
  };
  EXPECT_TRUE(pending("0000000000000100", false));  // KILL
  EXPECT_TRUE(pending("0000000000000002", true));   // INT
  EXPECT_TRUE(pending("0000000000004000", true));   // TERM
  EXPECT_FALSE(pending("0000000000000002", false));
  EXPECT_FALSE(pending("0000000000002000", true));  // ALRM
  EXPECT_FALSE(pending("ffffffff00000000", true));  // real-time signals
  EXPECT_FALSE(HasEndingSignal(StatusText("0", "0000000000000002", "0000000000000002"), true));  // blocked
}

TEST(KilledBySignalTest, IsSeenByTheKillOrTheExitCode) {
  const auto stat_text = [](int code) { return StrCat("7 (a) b) D 1 7 0 ", code, "\n"); };
  const std::string quiet = StatusText("0", "0", "0");
  EXPECT_FALSE(IsKilledBySignal("", ""));
  EXPECT_FALSE(IsKilledBySignal(quiet, stat_text(0)));
  EXPECT_FALSE(IsKilledBySignal(quiet, stat_text(256))) << "exit(1)";
  EXPECT_FALSE(IsKilledBySignal(quiet, stat_text(SIGSTOP)));
  EXPECT_TRUE(IsKilledBySignal(quiet, stat_text(SIGTERM)));
  EXPECT_TRUE(IsKilledBySignal(quiet, stat_text(SIGSEGV | 0x80))) << "with a core dump";
  EXPECT_TRUE(IsKilledBySignal(StatusText("0", "100", "0"), ""));
  EXPECT_FALSE(IsKilledBySignal(StatusText("100", "0", "0"), stat_text(0))) << "a sibling called exit";
  EXPECT_FALSE(IsKilledBySignal(StatusText("0", "4000", "0"), stat_text(0))) << "it may handle SIGTERM";
  EXPECT_TRUE(IsKilledBySignal(StatusText("100", "4000", "0"), stat_text(0))) << "an old kernel";
}

// A program of its own on the mount. The child only makes system calls: the parent has threads.
class Program {
 public:
  explicit Program(const std::function<int()>& body) : pid_(fork()) {
    if (pid_ != 0) return;
    struct sigaction action{};
    action.sa_handler = [](int) {};
    for (const int handled : {SIGINT, SIGALRM}) sigaction(handled, &action, nullptr);
    _exit(body());
  }
  ~Program() { Kill(); }
  void Send(int signal) const { kill(pid_, signal); }
  void Kill() {
    if (!status_) Send(SIGKILL);
    Wait();
  }
  // The status of waitpid; none when the program did not end within a minute.
  std::optional<int> Wait() {
    for (int tries = 0; !status_ && tries < 6000; ++tries) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        status_ = status;
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    return status_;
  }

 private:
  const pid_t pid_;
  std::optional<int> status_;
};

class InterruptsTest : public FuseMountTest {
 protected:
  void SetUp() override {
    FuseMountTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fake_.content = std::string(1 << 20, 'x');
    Enter();
    data_ = Path("data");
    struct stat attr{};
    ASSERT_EQ(stat(data_.c_str(), &attr), 0);  // INIT is done
    forgotten_before_ = fake_.Forgotten();
  }

  bool Until(const std::function<bool()>& condition) const {
    for (int tries = 0; tries < 6000; ++tries) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool UntilWaiting() {
    return Until([this] { return fake_.gate.waiting() > 0; });
  }
  // The kernel hands out interrupts before requests: after these it has been told.
  void UntilInterruptsAreTold() const {
    for (int i = 0; i < 3; ++i) {
      struct statvfs unused;
      EXPECT_EQ(statvfs(folder_.c_str(), &unused), 0);
    }
  }

  std::string data_;
  int64_t forgotten_before_ = 0;
};

int StatOf(const std::string& path) {
  struct stat attr{};
  return stat(path.c_str(), &attr) == 0 ? 0 : errno;
}

TEST_F(InterruptsTest, AKilledProgramLeavesALookupAndWhatItFoundIsForgotten) {
  fake_.fast_lookups = false;
  fake_.gate.Close();
  Program program([this] { return StatOf(data_); });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGKILL);
  const auto status = program.Wait();
  ASSERT_TRUE(status) << "it waits for an answer that does not come";
  EXPECT_TRUE(WIFSIGNALED(*status));
  fake_.gate.Open();
  EXPECT_TRUE(Until([this] { return fake_.Forgotten() == forgotten_before_ + 1; }));
}

TEST_F(InterruptsTest, AKilledProgramLeavesAnOpenAndTheHandleIsReleased) {
  fake_.fast_opens = false;
  fake_.gate.Close();
  Program program([this] { return open(data_.c_str(), O_RDONLY) >= 0 ? 0 : errno; });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGKILL);
  ASSERT_TRUE(program.Wait());
  EXPECT_EQ(fake_.Releases(), 0);
  fake_.gate.Open();
  EXPECT_TRUE(Until([this] { return fake_.Releases() == 1; }));
}

TEST_F(InterruptsTest, AKilledProgramLeavesACloseThatGoesOn) {
  fake_.flush_gate.Close();
  Program program([this] { return close(open(data_.c_str(), O_WRONLY)) == 0 ? 0 : errno; });
  ASSERT_TRUE(Until([this] { return fake_.flush_gate.waiting() > 0; }));
  program.Send(SIGTERM);
  const auto status = program.Wait();
  ASSERT_TRUE(status) << "it waits for a store that does not end";
  EXPECT_TRUE(WIFSIGNALED(*status));
  EXPECT_EQ(fake_.flush_gate.waiting(), 1) << "what it wrote is stored all the same";
}

TEST_F(InterruptsTest, AKilledProgramLeavesAllItsFiles) {
  fake_.flush_gate.Close();
  Program program([this] {
    for (int i = 0; i < 5; ++i) open(data_.c_str(), O_WRONLY);
    return pause();
  });
  ASSERT_TRUE(Until([this] { return fake_.opens == 5; }));
  program.Send(SIGKILL);
  ASSERT_TRUE(program.Wait());
  EXPECT_TRUE(Until([this] { return fake_.flush_gate.waiting() == 5; })) << fake_.flush_gate.waiting();
}

TEST_F(InterruptsTest, AProgramThatHandlesTheSignalGetsTheResultOfItsClose) {
  fake_.flush_gate.Close();
  Program program([this] { return close(open(data_.c_str(), O_WRONLY)) == 0 ? 0 : errno; });
  ASSERT_TRUE(Until([this] { return fake_.flush_gate.waiting() > 0; }));
  program.Send(SIGINT);
  UntilInterruptsAreTold();
  fake_.flush_gate.Open();
  const auto status = program.Wait();
  ASSERT_TRUE(status);
  ASSERT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), 0);
}

TEST_F(InterruptsTest, AKilledProgramLeavesAWriteThatHasBegun) {
  fake_.park_writes = true;
  fake_.write_gate.Close();
  Program program([this] { return pwrite(open(data_.c_str(), O_WRONLY), "A", 1, 0) == 1 ? 0 : errno; });
  ASSERT_TRUE(Until([this] { return fake_.write_gate.waiting() > 0; }));
  program.Send(SIGKILL);
  ASSERT_TRUE(program.Wait());
  fake_.write_gate.Open();
  EXPECT_TRUE(Until([this] { return fake_.Content().front() == 'A'; }));
}

TEST_F(InterruptsTest, WhatAKilledProgramHasNotBegunToWriteIsNotWritten) {
  fake_.park_writes = true;
  fake_.keep_gate.Close();
  Program program([this] { return pwrite(open(data_.c_str(), O_WRONLY), "A", 1, 0) == 1 ? 0 : errno; });
  ASSERT_TRUE(Until([this] { return fake_.keep_gate.waiting() > 0; }));
  program.Send(SIGKILL);
  ASSERT_TRUE(program.Wait());
  fake_.keep_gate.Open();
  Leave();
  EXPECT_EQ(fake_.Content().front(), 'x') << "over what others may have written since";
}

TEST_F(InterruptsTest, AKilledProgramLeavesAListing) {
  fake_.gate.Close();
  Program program([this] {
    char entries[4096];
    const int fd = open(folder_.c_str(), O_RDONLY | O_DIRECTORY);
    return getdents64(fd, entries, sizeof(entries)) >= 0 ? 0 : errno;
  });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGKILL);
  ASSERT_TRUE(program.Wait());
  fake_.gate.Open();
  // "data" and "sub", which the listing would have counted.
  EXPECT_TRUE(Until([this] { return fake_.Forgotten() >= forgotten_before_ + 2; }));
}

TEST_F(InterruptsTest, ASignalThatAsksToEndIsEintrForADirectRead) {
  fake_.slow_reads = &*executor_;
  fake_.gate.Close();
  Program program([this] {
    const int fd = open(data_.c_str(), O_RDONLY | O_DIRECT);
    void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pread(fd, memory, 4096, 0) >= 0 ? 0 : errno;
  });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGINT);
  const auto status = program.Wait();
  ASSERT_TRUE(status);
  ASSERT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), EINTR);
  fake_.gate.Open();
}

TEST_F(InterruptsTest, OtherSignalsLeaveTheProgramToWaitUntilOneEndsIt) {
  fake_.fast_lookups = false;
  fake_.gate.Close();
  Program program([this] { return StatOf(data_); });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGALRM);
  UntilInterruptsAreTold();
  program.Send(SIGKILL);
  const auto status = program.Wait();
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFSIGNALED(*status)) << "the timer's signal was an error of stat";
}

TEST_F(InterruptsTest, ATimersSignalIsNoErrorOfALookup) {
  fake_.fast_lookups = false;
  fake_.gate.Close();
  Program program([this] { return StatOf(data_); });
  ASSERT_TRUE(UntilWaiting());
  program.Send(SIGALRM);
  UntilInterruptsAreTold();
  fake_.gate.Open();
  const auto status = program.Wait();
  ASSERT_TRUE(status);
  ASSERT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), 0);
}

}  // namespace
}  // namespace ossfs2
