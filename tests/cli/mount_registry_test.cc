// The registry of mounts: a record counts while its daemon holds the lock, and nobody else can put one there.
#include <filesystem>

#include "cli/mounts/mount_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "base/values/str.h"
#include "cli/options/directories.h"
#include "cli/settings/mount_name.h"
#include "tests/cli/test_folder.h"

namespace ossfs2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MountRegistryTest : public testing::Test {
 protected:
  static MountRecord Record(const std::string& mount_point) {
    MountRecord record;
    record.pid = getpid();
    record.mount_point = mount_point;
    record.source = "oss://b/";
    record.socket = "/run/x.sock";
    record.flush_deadline_s = 60;
    return record;
  }
  TestFolder folder_;
  ScopedVariable runtime_{"OSSFS2_RUNTIME_DIR", (folder_.path() + "/run").c_str()};
};

TEST_F(MountRegistryTest, ARecordCountsWhileItsDaemonHoldsTheLock) {
  {
    const auto lock = MountLock::Acquire("/mnt/a");
    ASSERT_TRUE(lock) << lock.error().text;
    ASSERT_TRUE(WriteMountRecord(Record("/mnt/a")));
    const auto records = ReadMountRecords();
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].mount_point, "/mnt/a");
    EXPECT_EQ(records[0].pid, getpid());
    EXPECT_EQ(records[0].socket, "/run/x.sock");
    EXPECT_EQ(records[0].flush_deadline_s, 60);
  }
  EXPECT_THAT(ReadMountRecords(), IsEmpty());
  EXPECT_EQ(rmdir((folder_.path() + "/run").c_str()), 0) << "nothing is left behind";
}

TEST_F(MountRegistryTest, OnlyOneDaemonServesAMountPoint) {
  const auto first = MountLock::Acquire("/mnt/a");
  ASSERT_TRUE(first);
  ASSERT_TRUE(WriteMountRecord(Record("/mnt/a")));
  const auto second = MountLock::Acquire("/mnt/a");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().errno_value, EBUSY);
  EXPECT_THAT(second.error().text, HasSubstr(StrCat("pid ", getpid())));
  EXPECT_TRUE(MountLock::Acquire("/mnt/b")) << "others are free";
}

TEST_F(MountRegistryTest, AKilledDaemonLeavesNoLock) {
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = MountLock::Acquire("/mnt/a");
    if (lock) (void)WriteMountRecord(Record("/mnt/a"));
    kill(getpid(), SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_THAT(ReadMountRecords(), IsEmpty()) << "the record is there, but nobody holds the lock";
  EXPECT_TRUE(MountLock::Acquire("/mnt/a"));
}

TEST_F(MountRegistryTest, FindsByPathInsideAndByPid) {
  const auto outer = MountLock::Acquire("/mnt/a");
  const auto inner = MountLock::Acquire("/mnt/a/inner");
  ASSERT_TRUE(WriteMountRecord(Record("/mnt/a")));
  ASSERT_TRUE(WriteMountRecord(Record("/mnt/a/inner")));
  EXPECT_EQ(FindMountRecord("/mnt/a/file")->mount_point, "/mnt/a");
  EXPECT_EQ(FindMountRecord("/mnt/a/inner/file")->mount_point, "/mnt/a/inner") << "the innermost";
  EXPECT_FALSE(FindMountRecord("/mnt/ab"));
  EXPECT_TRUE(FindMountRecord(StrCat(getpid())));
  EXPECT_FALSE(FindMountRecord("1"));
}

TEST_F(MountRegistryTest, SurvivesDamagedRecords) {
  const auto lock = MountLock::Acquire("/mnt/a");
  for (const char* content :
       {"", "{", "[1]", R"({"pid":"x","mount_point":7})", R"({"pid":-1,"mount_point":"/mnt/a"})"}) {
    folder_.Write("run/mnt-a.json", content);
    EXPECT_THAT(ReadMountRecords(), IsEmpty()) << content;
  }
}

TEST_F(MountRegistryTest, LossReportsAreTakenOnce) {
  WriteLossReport("/mnt/a", {"/mnt/a/x: disk full", "/mnt/a/y: denied"});
  EXPECT_THAT(TakeLossReport("/mnt/b"), IsEmpty());
  EXPECT_THAT(TakeLossReport("/mnt/a"), ElementsAre("/mnt/a/x: disk full", "/mnt/a/y: denied"));
  EXPECT_THAT(TakeLossReport("/mnt/a"), IsEmpty());
}

TEST_F(MountRegistryTest, ARuntimeDirectoryForEverybodyIsTakenFromThem) {
  ASSERT_TRUE(RuntimeDirectory());
  const std::string path = folder_.path() + "/run";
  const std::string ours = folder_.Write("run/ours", "");
  chmod(path.c_str(), 0777);
  ASSERT_TRUE(RuntimeDirectory()) << RuntimeDirectory().error().text;
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  EXPECT_EQ(access(ours.c_str(), F_OK), 0);
  if (geteuid() != 0) return;
  const std::string theirs = path + "/mnt-a.json.new";  // a trap
  ASSERT_EQ(symlink(ours.c_str(), theirs.c_str()), 0);
  ASSERT_EQ(lchown(theirs.c_str(), 65534, 65534), 0);
  chmod(path.c_str(), 0777);
  ASSERT_TRUE(RuntimeDirectory());
  EXPECT_NE(lstat(theirs.c_str(), &info), 0);
}

// The root of a pod may be read-only.
TEST(RuntimeDirectory, SaysWhatToDoWhenItCannotBeMade) {
  const ScopedVariable runtime("OSSFS2_RUNTIME_DIR", "/proc/nowhere/run");
  EXPECT_THAT(RuntimeDirectory().error().text, HasSubstr("set OSSFS2_RUNTIME_DIR"));
}

TEST_F(MountRegistryTest, ARuntimeDirectoryOfOthersIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives a directory away";
  ASSERT_TRUE(RuntimeDirectory());
  ASSERT_EQ(chown((folder_.path() + "/run").c_str(), 65534, 65534), 0);
  EXPECT_THAT(RuntimeDirectory().error().text, HasSubstr("of this user alone"));
}

TEST(ResolveMountPoint, IsAbsoluteAlsoWhenItDoesNotExist) {
  TestFolder folder;
  ASSERT_EQ(symlink(folder.path().c_str(), (folder.path() + "/l").c_str()), 0);
  EXPECT_EQ(ResolveMountPoint(folder.path() + "/"), folder.path());
  EXPECT_EQ(ResolveMountPoint(folder.path() + "/l"), folder.path());
  EXPECT_EQ(ResolveMountPoint(folder.path() + "/l/missing"), folder.path() + "/missing");
  EXPECT_EQ(ResolveMountPoint("/missing"), "/missing");
  EXPECT_EQ(ResolveMountPoint("/missing/deep"), "/missing/deep");
  EXPECT_EQ(ResolveMountPoint(""), "");
}

// A mount whose daemon hangs answers nothing: not even whether a name is a link.
TEST(ResolvePath, AsksNothingBelowAMountOfOurs) {
  TestFolder folder;
  const std::string mount = folder.path() + "/mnt";
  ASSERT_EQ(mkdir(mount.c_str(), 0700), 0);
  ASSERT_EQ(symlink("/elsewhere", (mount + "/link").c_str()), 0);
  ASSERT_EQ(symlink("mnt/link/deep", (folder.path() + "/in").c_str()), 0);
  EXPECT_EQ(ResolvePath(mount + "/link/./a", {}), "/elsewhere/a");
  EXPECT_EQ(ResolvePath(mount + "/link//a", {mount}), mount + "/link/a");
  EXPECT_EQ(ResolvePath(folder.path() + "/in", {mount}), mount + "/link/deep") << "a link that leads into it";
  EXPECT_EQ(ResolvePath(mount + "/link/../../in", {mount}), mount + "/link/deep") << "and out again";
  EXPECT_EQ(ResolvePath("/..", {mount}), "/");
  ASSERT_EQ(symlink("loop", (folder.path() + "/loop").c_str()), 0);
  EXPECT_EQ(ResolvePath(folder.path() + "/loop", {mount}), folder.path() + "/loop");
}

// The daemon's directory is /: "mnt/oss" must not become /mnt/oss there.
TEST(ResolveMountPoint, IsAbsoluteAlsoBelowAMissingFolder) {
  TestFolder folder;
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(ResolveMountPoint("mnt/oss/"), folder.path() + "/mnt/oss");
  EXPECT_EQ(ResolveMountPoint("oss"), folder.path() + "/oss");
  std::filesystem::current_path(before);
}

TEST(MountName, IsShortAndDoesNotCollide) {
  EXPECT_EQ(MountName("/mnt/oss"), "mnt-oss");
  EXPECT_EQ(MountName("/"), "root");
  EXPECT_NE(MountName("/mnt/a-b"), MountName("/mnt/a/b"));
  EXPECT_NE(MountName("/mnt/a b"), MountName("/mnt/a_b"));
  EXPECT_LE(MountName("/" + std::string(300, 'x')).size(), 60u);
  EXPECT_EQ(MountName("/mnt/../x").find('/'), std::string::npos);
  EXPECT_EQ(StableHash(""), 14695981039346656037ull);
}

}  // namespace
}  // namespace ossfs2
