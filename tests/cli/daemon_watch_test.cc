// DaemonWatch: umount waits for the daemon of this mount as long as it may save, and for no other process.
#include "cli/mounts/daemon_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <utility>

#include "cli/admin/admin_protocol.h"
#include "cli/app.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class DaemonWatchTest : public testing::Test {
 protected:
  DaemonWatchTest() {
    record_.pid = getpid();
    record_.mount_point = "/mnt/a";
    record_.flush_deadline_s = 1;
  }
  TestFolder folder_;
  ScopedVariable runtime_{"OSSFS2_RUNTIME_DIR", (folder_.path() + "/run").c_str()};
  MountRecord record_;
};

// Kernels before 5.3, and sandboxes.
TEST_F(DaemonWatchTest, WithoutPidDescriptorsTheLockTells) {
  for (const int error : {ENOSYS, EPERM}) {
    auto lock = MountLock::Acquire(record_.mount_point);
    ASSERT_TRUE(lock) << lock.error().text;
    std::optional<MountLock> held(std::move(*lock));
    ASSERT_TRUE(WriteMountRecord(record_));
    DaemonWatch daemon(record_, -1, error);
    EXPECT_FALSE(daemon.EndsWithin(milliseconds(0))) << "it lives";
    held.reset();
    EXPECT_TRUE(daemon.EndsWithin(milliseconds(0)));
  }
}

TEST_F(DaemonWatchTest, TheNextDaemonOfTheMountPointIsAnother) {
  const auto lock = MountLock::Acquire(record_.mount_point);
  ASSERT_TRUE(lock);
  ASSERT_TRUE(WriteMountRecord(record_));
  MountRecord earlier = record_;
  earlier.pid = record_.pid + 1;
  EXPECT_TRUE(DaemonWatch(earlier, -1, ENOSYS).EndsWithin(seconds(60)));
}

TEST_F(DaemonWatchTest, AProcessThatIsGoneHasEnded) {
  EXPECT_TRUE(DaemonWatch(record_, -1, ESRCH).EndsWithin(seconds(60)));
  EXPECT_FALSE(DaemonWatch(record_).EndsWithin(milliseconds(0))) << "this process";
}

class OneMount : public AdminCommands {
 public:
  std::string MountJson() override {
    if (asked) asked();
    return R"({"flush_deadline_s":600,"unpublished_bytes":7})";
  }
  std::string MetricsJson() override { return "{}"; }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  Result<std::string> Set(const std::string&, const std::string&) override { return std::string(); }

  std::function<void()> asked;
};

TEST_F(DaemonWatchTest, TheDaemonKnowsTheDeadlineThatWasSet) {
  EXPECT_EQ(AskStatus(record_).flush_deadline_s, 1) << "no socket: as it was at the mount";
  record_.socket = folder_.path() + "/s";
  EXPECT_EQ(AskStatus(record_).flush_deadline_s, 1) << "nobody answers";
  OneMount commands;
  const auto server = AdminServer::Start(record_.socket, commands);
  ASSERT_TRUE(server) << server.error().text;
  const DaemonStatus status = AskStatus(record_);
  EXPECT_TRUE(status.answered);
  EXPECT_EQ(status.flush_deadline_s, 600);
  EXPECT_EQ(status.unpublished_bytes, 7u);
}

// A process in the daemon's place, which ends when the other end of `stop` is closed.
pid_t FakeDaemon(int (&stop)[2]) {
  EXPECT_EQ(pipe(stop), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(stop[1]);
    [[maybe_unused]] const ssize_t told = read(stop[0], &byte, 1);
    _exit(0);
  }
  close(stop[0]);
  return child;
}

TEST_F(DaemonWatchTest, UmountTellsADaemonThatHangsFromOneThatSaves) {
  int stop[2];
  record_.mount_point = folder_.path() + "/mnt";
  record_.pid = FakeDaemon(stop);
  record_.socket = folder_.path() + "/nobody";
  record_.flush_deadline_s = -1000;  // over before it began
  const auto lock = MountLock::Acquire(record_.mount_point);
  ASSERT_TRUE(lock) << lock.error().text;
  ASSERT_TRUE(WriteMountRecord(record_));
  testing::internal::CaptureStderr();
  EXPECT_EQ(UmountCommand({record_.mount_point}), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("does not answer"), std::string::npos);
  close(stop[1]);
  EXPECT_EQ(waitpid(record_.pid, nullptr, 0), record_.pid);
}

TEST_F(DaemonWatchTest, UmountWaitsAsLongAsWasSet) {
  int stop[2];
  const pid_t child = FakeDaemon(stop);
  record_.mount_point = folder_.path() + "/mnt";
  record_.pid = child;
  record_.socket = folder_.path() + "/s";
  record_.flush_deadline_s = -1000;  // over before it began
  const auto lock = MountLock::Acquire(record_.mount_point);
  ASSERT_TRUE(lock) << lock.error().text;
  ASSERT_TRUE(WriteMountRecord(record_));
  OneMount commands;
  commands.asked = [&stop] { close(std::exchange(stop[1], -1)); };
  const auto server = AdminServer::Start(record_.socket, commands);
  ASSERT_TRUE(server) << server.error().text;
  EXPECT_EQ(UmountCommand({record_.mount_point}), 0);
  if (stop[1] >= 0) close(stop[1]);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace ossfs2
