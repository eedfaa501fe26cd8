// Warmup: reads or checks every file once, goes on after errors, and its lines and exit status say what happened.
#include "cli/commands/warmup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "cli/admin/admin_protocol.h"
#include "cli/app.h"
#include "cli/mounts/mount_registry.h"
#include "tests/cli/fake_daemon.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Warmup, ReadsFilesAndFoldersAndChecksThem) {
  TestFolder folder;
  folder.Write("a", std::string(3'000'001, 'a'));
  folder.Write("d/e/b", std::string(10, 'b'));
  folder.Write("d/empty", "");
  ASSERT_EQ(symlink("a", (folder.path() + "/link").c_str()), 0);
  ASSERT_EQ(symlink("..", (folder.path() + "/d/up").c_str()), 0);  // no endless walk
  Warmup warmup({folder.path()});
  EXPECT_EQ(warmup.files().size(), 3u) << "the link's file is one of them";
  int ticks = 0;
  warmup.Read(3, [&ticks](const WarmupProgress&) { ++ticks; });
  EXPECT_GE(ticks, 1);
  EXPECT_EQ(warmup.progress().bytes_done, 3'000'001u + 10);
  EXPECT_EQ(warmup.progress().files_done, 3u);
  EXPECT_TRUE(warmup.failures().empty());

  Warmup check({folder.path()});
  check.Check(2, [](const WarmupProgress&) {});
  EXPECT_TRUE(check.failures().empty());
  EXPECT_EQ(check.progress().bytes_done, check.progress().bytes_total);
  EXPECT_LE(check.progress().bytes_resident, check.progress().bytes_total);
  EXPECT_GT(check.progress().bytes_resident, 0u) << "just written and read";
}

TEST(Warmup, ItsLinePromisesNothing) {
  WarmupProgress progress;
  progress.bytes_total = 100 << 20;
  progress.files_total = 2;
  EXPECT_EQ(WarmupLine(progress, 1, 1), "0 B of 100 MiB, 0 of 2 files, 0 B/s") << "no time left without a speed";
  EXPECT_THAT(WarmupLine(progress, 7, 7), HasSubstr("nothing came for 7 s"));
  progress.bytes_done = 50 << 20;
  EXPECT_EQ(WarmupLine(progress, 10, 1), "50.00 MiB of 100 MiB, 0 of 2 files, 5.00 MiB/s, 10 s left");
  EXPECT_EQ(WarmupLine(progress, 60, 30), "50.00 MiB of 100 MiB, 0 of 2 files, nothing came for 30 s");
  progress.bytes_done = 100 << 20;
  EXPECT_THAT(WarmupLine(progress, 60, 30), HasSubstr(" 0 s left")) << "the last piece is looked at";
}

TEST(Warmup, GoesOnAfterUnreadableFiles) {
  TestFolder folder;
  folder.Write("good", "12345");
  const std::string lost = folder.Write("lost", "12345");
  Warmup warmup({folder.path(), "/no/such/file"});
  ASSERT_EQ(unlink(lost.c_str()), 0);  // found, but gone before it is read
  warmup.Read(16, [](const WarmupProgress&) {});
  EXPECT_EQ(warmup.progress().bytes_done, 5u);
  ASSERT_EQ(warmup.failures().size(), 2u);
  EXPECT_EQ(warmup.failures()[0].path, "/no/such/file");
  EXPECT_EQ(warmup.failures()[1].path, lost);
  EXPECT_THAT(warmup.failures()[1].reason, HasSubstr("No such file"));
}

// The user nobody in a child process: root may list everything, and mincore tells it the truth.
template <class Work>
int AsNobody(const Work& work) {
  const pid_t child = fork();
  if (child == 0) _exit(setgid(65534) == 0 && setuid(65534) == 0 ? work() : 99);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Warmup, GoesOnAfterUnreadableFolders) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  TestFolder folder;
  for (const char* name : {"a/1", "b/2", "b/c/3", "d/4"}) chmod(folder.Write(name, "12345").c_str(), 0644);
  for (const char* name : {"/a", "/d"}) chmod((folder.path() + name).c_str(), 0755);
  chmod(folder.path().c_str(), 0755);
  chmod((folder.path() + "/b").c_str(), 0700);
  EXPECT_EQ(AsNobody([&] {
              Warmup warmup({folder.path()});
              warmup.Read(2, [](const WarmupProgress&) {});
              const bool named = warmup.failures().size() == 1 && warmup.failures()[0].path == folder.path() + "/b";
              return warmup.progress().bytes_done == 10 && named ? 0 : 1;
            }),
            0);
}

TEST(Warmup, CheckDoesNotBelieveTheKernelWhereItTellsNobody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  TestFolder folder;
  chmod(folder.path().c_str(), 0755);
  chmod(folder.Write("other's", "12345").c_str(), 0644);
  EXPECT_EQ(AsNobody([&] {
              Warmup check({folder.path()});
              check.Check(2, [](const WarmupProgress&) {});
              return check.failures().size() == 1 && check.progress().bytes_resident == 0 ? 0 : 1;
            }),
            0);
}

TEST(Warmup, AFileThatIsFoundTwiceIsReadOnce) {
  TestFolder folder;
  const std::string file = folder.Write("a", "12345");
  ASSERT_EQ(symlink("a", (folder.path() + "/link").c_str()), 0);
  Warmup warmup({file, folder.path(), file});
  EXPECT_EQ(warmup.files().size(), 1u);
}

TEST(Warmup, OnlyAllIsAHundredPercent) {
  EXPECT_EQ(ResidentPercent(0, 0), 100);
  EXPECT_EQ(ResidentPercent(1 << 20, 1 << 20), 100);
  EXPECT_LT(ResidentPercent((1 << 30) - 1, 1 << 30), 99.95);
  EXPECT_EQ(ResidentPercent(1, 4), 25);
}

TEST(Warmup, SaysThatTheMountEnded) {
  EXPECT_EQ(WarmupReason(ENOTCONN), "the mount has ended; mount it again");
  EXPECT_EQ(WarmupReason(EACCES),
            "Permission denied: not for this user, or archived and not restored; the log of the mount tells");
  EXPECT_EQ(WarmupReason(ECONNABORTED), "the mount has ended; mount it again");
}

TEST(Warmup, NothingToDoIsDone) {
  TestFolder folder;
  Warmup warmup({folder.path()});
  warmup.Read(16, [](const WarmupProgress&) {});
  EXPECT_EQ(warmup.progress().files_total, 0u);
}

TEST(WarmupCommand, EndsWithTheRightStatus) {
  TestFolder folder;
  folder.Write("good", "12345");
  testing::internal::CaptureStdout();
  EXPECT_EQ(WarmupCommand({folder.path(), "--json", "--jobs", "2"}), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("\"bytes_done\":5"));
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(WarmupCommand({folder.path(), "/no/such/file"}), 1);
  EXPECT_EQ(WarmupCommand({}), kUsageStatus);
  EXPECT_EQ(WarmupCommand({folder.path(), "--jobs", "0"}), kUsageStatus);
  EXPECT_EQ(WarmupCommand({folder.path(), "--jobs=many"}), kUsageStatus);
  EXPECT_EQ(WarmupCommand({folder.path(), "--jobs="}), kUsageStatus);
  EXPECT_EQ(WarmupCommand({"-j4", "--", folder.path()}), 0);
  EXPECT_EQ(WarmupCommand({folder.path(), "--wat"}), kUsageStatus);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("/no/such/file: No such file"));
}

TEST(WarmupCommand, SaysWhenNothingOfOursIsThere) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(WarmupCommand({"/proc/self/status"}), 0);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("/proc/self/status is not on a mount of ossfs2"));
}

class DirectMount : public AdminCommands {
 public:
  std::string MountJson() override {
    return R"({"direct_io":)" + std::string(direct ? "true" : "false") + R"(,"memory_cache_bytes":)" +
           std::to_string(cache_bytes) + "}";
  }
  std::string MetricsJson() override { return "{}"; }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  Result<std::string> Set(const std::string&, const std::string&) override { return std::string(); }

  bool direct = true;
  uint64_t cache_bytes = 0;
};

TEST(WarmupCommand, SaysThatADirectMountKeepsNothing) {
  DirectMount commands;
  const FakeDaemon daemon(commands);
  daemon.folder().Write("mnt/model", "12345");
  const std::string mount = daemon.mount_point();
  const auto told = [&] {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(WarmupCommand({mount + "/model", mount}), 0);
    testing::internal::GetCapturedStdout();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(told(), HasSubstr(mount + " is mounted with direct_io, which passes the page cache by: the "
                                "files are downloaded, and nothing of them stays"));
  commands.cache_bytes = 1u << 30;
  EXPECT_THAT(told(), HasSubstr("only the last 1.00 GiB stay"));
  commands.direct = false;
  EXPECT_THAT(told(), Not(HasSubstr("direct_io")));
}

}  // namespace
}  // namespace ossfs2
