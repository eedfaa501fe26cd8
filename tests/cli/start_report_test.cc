// StartReport: the parent of a daemon ends with what became of the mount, also when the daemon dies or hangs.
#include "cli/daemon/start_report.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

// Runs `child` in a process of its own, with a report to this one.
Outcome Start(const std::function<void(StartReport&)>& child,
              std::chrono::milliseconds silence = std::chrono::seconds(30)) {
  int channel[2];
  EXPECT_EQ(pipe2(channel, O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(channel[0]);
    StartReport report(channel[1]);
    child(report);
    _exit(3);
  }
  close(channel[1]);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = AwaitStart(channel[0], pid, silence);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  close(channel[0]);
  waitpid(pid, nullptr, 0);
  return outcome;
}

// In the foreground with the log on stdout, perhaps as JSON.
TEST(StartReport, ReadyThatTheLogHasToldIsNotPrintedAgain) {
  for (const bool told : {false, true}) {
    testing::internal::CaptureStdout();
    StartReport(-1).Ready("Mount oss://b/ to /mnt successfully", told);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), told ? "" : "Mount oss://b/ to /mnt successfully\n");
  }
}

TEST(StartReport, ReadyIsPrintedByTheParent) {
  const Outcome outcome = Start([](StartReport& report) {
    report.Progress("asking the bucket");
    report.Notice("only you can use it");
    report.Ready("Mount oss://b/ to /mnt successfully");
  });
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "Mount oss://b/ to /mnt successfully\n");
  EXPECT_EQ(outcome.err, "ossfs2: notice: only you can use it\n");
}

TEST(StartReport, AFailureKeepsItsStatusAndReason) {
  const Outcome outcome = Start([](StartReport& report) { report.Failed(243, "access\nis denied"); });
  EXPECT_EQ(outcome.status, 243);
  EXPECT_EQ(outcome.err, "ossfs2: access is denied\n");
}

TEST(StartReport, ADaemonThatDiesIsAFailure) {
  const Outcome killed = Start([](StartReport& report) {
    report.Progress("asking the bucket");
    kill(getpid(), SIGKILL);
  });
  EXPECT_EQ(killed.status, 1);
  EXPECT_THAT(killed.err, HasSubstr("died of signal 9 while asking the bucket"));
  const Outcome ended = Start([](StartReport&) {});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("ended with status 3"));
}

TEST(StartReport, ASilentDaemonIsEnded) {
  const Outcome outcome = Start([](StartReport&) { pause(); }, std::chrono::milliseconds(50));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("no word from the daemon"));
}

// Stands in for a process that the kernel holds: a killed one whose tracer does not take note of that cannot be waited
// for. Writes to `told` whether it is traced. The tracer ends when the other end of `stop` is closed.
[[noreturn]] void BeTraced(const int (&stop)[2], int told, int channel) {
  const pid_t traced = getpid();
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (fork() == 0) {
    close(channel);
    close(stop[1]);
    char byte = ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0 ? 1 : 0;
    if (write(told, &byte, 1) == 1 && read(stop[0], &byte, 1) == 0) _exit(0);
    _exit(4);
  }
  while (true) pause();
}

TEST(StartReport, ADaemonThatDoesNotEndIsNotWaitedFor) {
  int stop[2], told[2], channel[2];
  ASSERT_EQ(pipe(stop), 0);
  ASSERT_EQ(pipe(told), 0);
  ASSERT_EQ(pipe2(channel, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) BeTraced(stop, told[1], channel[1]);
  close(channel[1]);
  close(stop[0]);
  char traced = 0;
  ASSERT_EQ(read(told[0], &traced, 1), 1);
  testing::internal::CaptureStderr();
  const int status = AwaitStart(channel[0], child, std::chrono::milliseconds(50));
  const std::string text = testing::internal::GetCapturedStderr();
  for (const int fd : {stop[1], told[0], told[1], channel[0]}) close(fd);
  EXPECT_EQ(status, 1);
  EXPECT_THAT(text, HasSubstr("no word from the daemon"));
  if (traced == 0) GTEST_SKIP() << "no process may trace another here";
  EXPECT_EQ(waitpid(child, nullptr, 0), child) << "it was not waited for";
}

// The socket of a service manager.
class NotifySocket {
 public:
  NotifySocket() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~NotifySocket() { close(fd_); }
  std::string Received() const {
    char text[256];
    const ssize_t size = recv(fd_, text, sizeof(text), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

 private:
  TestFolder folder_;
  const std::string path_ = folder_.path() + "/notify";
  ScopedVariable variable_{"NOTIFY_SOCKET", path_.c_str()};
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST(NotifyServiceManager, SendsToTheSocket) {
  const NotifySocket manager;
  NotifyServiceManager("READY=1");
  EXPECT_EQ(manager.Received(), "READY=1");
}

// A recovery may take longer than TimeoutStartSec, and then every start was killed in its turn.
TEST(NotifyServiceManager, AStartAtWorkIsGivenTime) {
  const NotifySocket manager;
  StartReport report(-1);
  report.Progress("finishing what an earlier run left");
  EXPECT_EQ(manager.Received(), "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=finishing what an earlier run left");
  testing::internal::CaptureStdout();
  report.Ready("mounted");
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(manager.Received(), "READY=1\nSTATUS=mounted");
  report.Progress("late");
  EXPECT_EQ(manager.Received(), "");
}

TEST(NotifyServiceManager, AFailureIsToldWithItsErrno) {
  const NotifySocket manager;
  testing::internal::CaptureStderr();
  StartReport(-1).Failed(256 - EACCES, "the secret is wrong");
  EXPECT_EQ(manager.Received(), "STATUS=the secret is wrong\nERRNO=13");
  StartReport(-1).Failed(1, "another ossfs2 serves /mnt");
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(manager.Received(), "STATUS=another ossfs2 serves /mnt");
}

}  // namespace
}  // namespace ossfs2
