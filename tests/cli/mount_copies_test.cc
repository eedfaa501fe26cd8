// MountCopies: where else a file system is mounted (other name spaces, bind mounts), found by its device.
#include "cli/mounts/mount_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/values/str.h"
#include "cli/app.h"
#include "fuse/session/mount_table.h"
#include "tests/cli/fake_daemon.h"

namespace ossfs2 {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// /proc as a host with a container has it.
class MountCopiesTest : public testing::Test {
 protected:
  void Process(const std::string& name, const std::string& mounts) {
    const std::string process = StrCat(folder_.path(), "/", name);
    std::filesystem::create_directory(process);
    std::ofstream(process + "/mountinfo") << mounts;
  }
  std::vector<MountCopy> Copies() { return FindMountCopies("0:52", folder_.path()); }

  TestFolder folder_;
};

std::string Line(const char* id, const char* device, const char* mount_point) {
  return StrCat(id, " 1 ", std::string_view(device), " / ", std::string_view(mount_point), " rw - fuse.ossfs2 b rw\n");
}

TEST_F(MountCopiesTest, ProcessesOfOtherNameSpacesAreFoundByTheDevice) {
  const std::string host = Line("20", "0:5", "/proc");
  Process("self", host);
  Process("1", host);
  Process("40", host + Line("99", "0:52", "/mnt/my\\040models"));
  Process("7", host + Line("99", "0:52", "/mnt/my\\040models"));
  Process("41", Line("120", "0:52", "/data") + Line("121", "0:53", "/other"));
  Process("42", Line("121", "0:53", "/other"));
  const auto copies = Copies();
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].mount_point, "/mnt/my models");
  EXPECT_THAT(copies[0].processes, ElementsAre(7, 40));
  EXPECT_EQ(copies[1].mount_point, "/data");
  EXPECT_THAT(copies[1].processes, ElementsAre(41));
}

TEST_F(MountCopiesTest, ABindMountIsNotOfTheProcessesThatSeeIt) {
  const std::string host = Line("20", "0:5", "/proc") + Line("99", "0:52", "/second");
  Process("self", host);
  Process("1", host);
  const auto copies = Copies();
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].mount_point, "/second");
  EXPECT_THAT(copies[0].processes, IsEmpty());
}

TEST_F(MountCopiesTest, NothingIsFoundWhereNothingIs) {
  Process("self", Line("20", "0:5", "/proc"));
  Process("8", "");
  std::filesystem::create_directory(folder_.path() + "/9");  // it has ended meanwhile
  EXPECT_THAT(Copies(), IsEmpty());
}

// A daemon that serves, and has nothing to save.
class Serving : public AdminCommands {
 public:
  std::string MountJson() override {
    return StrCat(R"({"flush_deadline_s":-1000,"unpublished_bytes":)", unpublished, R"(,"device":")", device, "\"}");
  }
  std::string MetricsJson() override { return "{}"; }
  Result<std::vector<std::string>> Explain(const std::string&) override { return std::vector<std::string>{}; }
  Result<std::string> Set(const std::string&, const std::string&) override { return std::string(); }

  std::string device;
  int unpublished = 0;
};

std::string Umount(const std::string& mount_point) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(UmountCommand({mount_point}), 1);
  return testing::internal::GetCapturedStderr();
}

TEST(UmountCommand, TellsWhereElseTheFileSystemIsMounted) {
  Serving commands;
  const FakeDaemon daemon(commands);
  EXPECT_THAT(Umount(daemon.mount_point()), HasSubstr("is still saving"));
  const auto proc = FindMount("/proc");
  ASSERT_TRUE(proc);
  commands.device = proc->device;
  const std::string told = Umount(daemon.mount_point());
  EXPECT_THAT(told, AllOf(HasSubstr("everything is stored"), HasSubstr("/proc, a second mount of it: umount /proc"),
                          HasSubstr(StrCat("kill ", getpid()))));
  commands.unpublished = 7;
  EXPECT_THAT(Umount(daemon.mount_point()), AllOf(HasSubstr("7 B are not stored yet"), HasSubstr("umount /proc")));
}

}  // namespace
}  // namespace ossfs2
