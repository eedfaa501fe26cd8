// TakeMountLock: who mounts where a daemon still ends waits for it, no longer than that daemon may take.
#include "cli/daemon/last_mount.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/values/str.h"
#include "fuse/session/mount_table.h"
#include "tests/cli/fake_daemon.h"

namespace ossfs2 {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Daemon : public AdminCommands {
 public:
  std::string MountJson() override { return json; }
  std::string MetricsJson() override { return "{}"; }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  Result<std::string> Set(const std::string&, const std::string&) override { return std::string(); }

  std::string json;
};

TEST(TakeMountLock, TellsOfADaemonThatStaysForAnotherMountOfItsFiles) {
  const auto proc = FindMount("/proc");
  ASSERT_TRUE(proc);
  Daemon commands;
  commands.json = StrCat(R"({"flush_deadline_s":3600,"unpublished_bytes":0,"device":")", proc->device, "\"}");
  const FakeDaemon daemon(commands);
  StartReport report(-1);
  testing::internal::CaptureStderr();
  const auto lock = TakeMountLock(daemon.mount_point(), report, std::chrono::milliseconds(0));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("waiting for it"));
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().errno_value, EBUSY);
  EXPECT_THAT(lock.error().text,
              AllOf(HasSubstr("umount /proc"), HasSubstr(StrCat("kill ", getpid())), HasSubstr("mount again")));
}

TEST(TakeMountLock, ADaemonThatSavesIsGivenItsTimeAndNoMore) {
  Daemon commands;
  commands.json = R"({"flush_deadline_s":-1000,"unpublished_bytes":7,"device":"0:0"})";
  const FakeDaemon daemon(commands);
  StartReport report(-1);
  testing::internal::CaptureStderr();
  const auto lock = TakeMountLock(daemon.mount_point(), report, std::chrono::milliseconds(0));
  testing::internal::GetCapturedStderr();
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().text, HasSubstr("another ossfs2"));
}

TEST(TakeMountLock, ADaemonThatHasEndedIsNoHindrance) {
  const TestFolder folder;
  const ScopedVariable runtime("OSSFS2_RUNTIME_DIR", (folder.path() + "/run").c_str());
  StartReport report(-1);
  EXPECT_TRUE(TakeMountLock(folder.path() + "/mnt", report));
}

}  // namespace
}  // namespace ossfs2
