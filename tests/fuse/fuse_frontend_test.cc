// Through a real mount of a fake file system: what the kernel and programs see.
#include "fuse/fuse_frontend.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "fuse/session/mount_table.h"
#include "fuse/session/session_io.h"
#include "tests/fuse/mount_fixture.h"

namespace ossfs2 {
namespace {

using FuseFrontendTest = FuseMountTest;

TEST_F(FuseFrontendTest, ShowsItsTypeAndSource) {
  Enter();
  const auto mount = FindMount(folder_);
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->type, "fuse.ossfs2");
  EXPECT_EQ(mount->source, kSource);
}

// The kernel's answer to INIT must not undo it, however the two fall together.
TEST_F(FuseFrontendTest, ReadAheadHoldsInEveryMount) {
  if (access("/sys/class/bdi", W_OK) != 0 || geteuid() != 0) GTEST_SKIP() << "needs root and /sys";
  constexpr int kMounts = 100;
  constexpr int kPollsMax = 20'000;  // of a millisecond
  for (int i = 0; i < kMounts; ++i) {
    Enter();
    const auto mount = FindMount(folder_);
    ASSERT_TRUE(mount);
    uint64_t bytes = 0;
    for (int polls = 0; polls < kPollsMax && bytes != 1u << 20; ++polls) {
      if (polls > 0) usleep(1000);
      bytes = GetReadAhead(mount->device).value_or(0);
    }
    EXPECT_EQ(access(Path("data").c_str(), F_OK), 0);  // INIT is answered by now in any case
    EXPECT_TRUE(IsInitAnswered());
    EXPECT_EQ(GetReadAhead(mount->device).value_or(0), 1u << 20) << "mount " << i;
    Leave();
  }
}

TEST_F(FuseFrontendTest, ReadsFastAndSlowPaths) {
  fake_.content = std::string(3'000'000, 'x') + "end";
  Enter();
  EXPECT_EQ(ReadAll(Path("data")), fake_.Content());
  fake_.fast_lookups = false;
  EXPECT_EQ(ReadAll(Path("data")), fake_.Content());
  EXPECT_GT(fake_.slow_lookups, 0);
  EXPECT_NE(access(Path("absent").c_str(), F_OK), 0);
  EXPECT_EQ(errno, ENOENT);
}

// The answer has 32 bits for the count, and kernels before 6.17 ask for more.
TEST_F(FuseFrontendTest, ACopyIsAnsweredInPiecesThatItsAnswerCanHold) {
  constexpr size_t kWanted = 8ull << 30;
  fake_.shown_bytes = 2 * kWanted;
  Enter();
  const int fd = open(Path("data").c_str(), O_RDWR);
  ASSERT_GE(fd, 0);
  off64_t from = 0;
  off64_t to = kWanted;
  EXPECT_EQ(copy_file_range(fd, &from, fd, &to, kWanted, 0), ssize_t{1} << 31) << strerror(errno);
  close(fd);
}

TEST_F(FuseFrontendTest, DirectIoFilesCanBeMappedShared) {
  fake_.direct_io = true;
  fake_.content = "mapped content";
  Enter();
  const int fd = open(Path("data").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  if (!GetKernelOffer().direct_io_mmap) GTEST_SKIP() << "this kernel has no FUSE_DIRECT_IO_ALLOW_MMAP";
  void* map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(map, MAP_FAILED) << strerror(errno);
  EXPECT_EQ(std::string(static_cast<char*>(map), 14), "mapped content");
  munmap(map, 4096);
  close(fd);
}

// What the reading of a file is for: the page cache, or a program's memory.
TEST_F(FuseFrontendTest, TellsReadsForThePageCacheFromOthers) {
  fake_.content = std::string(1 << 20, 'x');
  Enter();
  ReadAll(Path("data"));
  EXPECT_EQ(fake_.last_read_into, ReadInto::kPageCache);
  const int fd = open(Path("data").c_str(), O_RDONLY | O_DIRECT);
  ASSERT_GE(fd, 0);
  alignas(4096) static char bytes[4096];
  EXPECT_EQ(pread(fd, bytes, sizeof(bytes), 0), 4096);
  EXPECT_EQ(fake_.last_read_into, ReadInto::kProgram);
  close(fd);
}

TEST_F(FuseFrontendTest, MapsOfDirectIoFilesReadForThePageCache) {
  fake_.direct_io = true;
  fake_.content = std::string(1 << 20, 'x');
  Enter();
  const int fd = open(Path("data").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  char byte = 0;
  EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
  EXPECT_EQ(fake_.last_read_into, ReadInto::kProgram);
  void* map = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 512 << 10);
  ASSERT_NE(map, MAP_FAILED) << strerror(errno);
  EXPECT_EQ(*static_cast<volatile const char*>(map), 'x');
  EXPECT_EQ(fake_.last_read_into, ReadInto::kPageCache);
  munmap(map, 4096);
  close(fd);
}

TEST_F(FuseFrontendTest, PagesStayUntilInvalidated) {
  fake_.content = "old";
  Enter();
  EXPECT_EQ(ReadAll(Path("data")), "old");
  fake_.SetContent("new");
  EXPECT_EQ(ReadAll(Path("data")), "old") << "keep_cache should have kept the page";
  fake_.notifier.load()->InvalidateInode(FakeFileSystem::kDataIno);
  for (int i = 0; i < 500 && ReadAll(Path("data")) != "new"; ++i) usleep(10'000);
  EXPECT_EQ(ReadAll(Path("data")), "new");
}

TEST_F(FuseFrontendTest, AttributesAreForgottenBeforeTheCallReturns) {
  fake_.content = "old";
  fake_.valid_s = 1000;
  Enter();
  struct stat attr{};
  ASSERT_EQ(stat(Path("data").c_str(), &attr), 0);
  for (size_t bytes = 4; bytes < 100; ++bytes) {
    fake_.SetContent(std::string(bytes, 'n'));
    fake_.notifier.load()->InvalidateAttributes(FakeFileSystem::kDataIno);
    ASSERT_EQ(stat(Path("data").c_str(), &attr), 0);
    ASSERT_EQ(attr.st_size, static_cast<off_t>(bytes));
  }
}

TEST_F(FuseFrontendTest, NamesAndAttributesDoNotWaitForPages) {
  fake_.content = std::string(4096, 'x');
  fake_.valid_s = 1000;
  Enter();
  struct stat attr{};
  ASSERT_EQ(stat(Path("sub").c_str(), &attr), 0);
  const int fd = open(Path("data").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  Executor reads("slow", 1);
  fake_.slow_reads = &reads;
  fake_.gate.Close();
  std::thread reader([fd] {
    char byte = 0;
    EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
  });
  while (fake_.gate.waiting() == 0) std::this_thread::yield();
  KernelNotifier& kernel = *fake_.notifier.load();
  kernel.InvalidateInode(FakeFileSystem::kDataIno);  // waits for the page
  kernel.InvalidateAttributes(FakeFileSystem::kDataIno);
  const int64_t before = fake_.Forgotten();
  kernel.InvalidateEntry(kRootIno, "sub");
  for (int i = 0; i < 500 && fake_.Forgotten() == before; ++i) usleep(10'000);
  EXPECT_GT(fake_.Forgotten(), before);
  EXPECT_EQ(fake_.gate.waiting(), 1);
  fake_.gate.Open();
  reader.join();
  close(fd);
  fake_.slow_reads = nullptr;
  reads.Shutdown();
}

TEST_F(FuseFrontendTest, ListsWithoutCountingDots) {
  Enter();
  DIR* directory = opendir(folder_.c_str());
  ASSERT_NE(directory, nullptr);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory)) names.emplace_back(entry->d_name);
  closedir(directory);
  EXPECT_EQ(names, (std::vector<std::string>{".", "..", "data", "sub"}));
}

TEST_F(FuseFrontendTest, ErrorsReachTheCaller) {
  fake_.content = "x";
  Enter();
  EXPECT_EQ(rmdir(Path("sub").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  EXPECT_EQ(link(Path("data").c_str(), Path("other").c_str()), -1);
  EXPECT_EQ(errno, EPERM);
  const int fd = open(Path("data").c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(fsync(fd), -1);
  EXPECT_EQ(errno, EDQUOT);
  close(fd);
}

TEST_F(FuseFrontendTest, ExtendedAttributes) {
  Enter();
  const std::string path = Path("data");
  EXPECT_EQ(setxattr(path.c_str(), "user.a", "12345", 5, 0), 0);
  char value[16];
  EXPECT_EQ(getxattr(path.c_str(), "user.a", nullptr, 0), 5);
  EXPECT_EQ(getxattr(path.c_str(), "user.a", value, 3), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(getxattr(path.c_str(), "user.a", value, sizeof(value)), 5);
  EXPECT_EQ(setxattr(path.c_str(), "trusted.a", "1", 1, 0), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(getxattr(path.c_str(), "system.posix_acl_access", value, sizeof(value)), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(getxattr(path.c_str(), "security.capability", value, sizeof(value)), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(removexattr(path.c_str(), "user.a"), 0);
  EXPECT_EQ(getxattr(path.c_str(), "user.a", value, sizeof(value)), -1);
  EXPECT_EQ(errno, ENODATA);
}

TEST_F(FuseFrontendTest, TimesThatNanosecondsCannotHoldBecomeTheNearest) {
  Enter();
  const std::string path = Path("data");
  const timespec usual[2] = {{-5, 250'000'000}, {1'700'000'000, 7}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), usual, 0), 0);
  EXPECT_EQ(fake_.chosen_atime_ns, -4'750'000'000);
  EXPECT_EQ(fake_.chosen_mtime_ns, 1'700'000'000'000'000'007);
  const timespec far[2] = {{-99'999'999'999, 0}, {99'999'999'999, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), far, 0), 0);
  EXPECT_EQ(fake_.chosen_atime_ns, -9'000'000'000'000'000'000);
  EXPECT_EQ(fake_.chosen_mtime_ns, 9'000'000'000'000'000'000);
}

TEST_F(FuseFrontendTest, RefusesBadMountPoints) {
  FuseOptions options;
  options.mount_point = folder_ + "/none";
  auto missing = MakeFuseFrontend(fake_, *executor_, *writers_, options)->Mount();
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text.find("mkdir -p"), std::string::npos);
  std::ofstream(folder_ + "/file") << "x";
  options.mount_point = folder_;
  auto full = MakeFuseFrontend(fake_, *executor_, *writers_, options)->Mount();
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().text.find("--nonempty"), std::string::npos);
  options.mount_point = folder_ + "/file";
  EXPECT_EQ(ErrnoOf(MakeFuseFrontend(fake_, *executor_, *writers_, options)->Mount()), ENOTDIR);
  unlink((folder_ + "/file").c_str());
}

}  // namespace
}  // namespace ossfs2
