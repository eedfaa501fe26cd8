// Through a real mount of a fake file system: what the kernel and programs see.
#include "fuse/fuse_frontend.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "fuse/mount_table.h"
#include "fuse/session_io.h"
#include "tests/fuse/mount_fixture.h"

namespace ossfs2 {
namespace {

using FuseFrontendTest = FuseMountTest;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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

TEST_F(FuseFrontendTest, ParkedWritesKeepTheirBytes) {
  fake_.park_writes = true;
  fake_.content = std::string(16 << 20, 0);
  Enter();
  std::vector<std::thread> writers;
  for (int w = 0; w < 8; ++w) {
    writers.emplace_back([this, w] {
      const int fd = open(Path("data").c_str(), O_WRONLY);
      ASSERT_GE(fd, 0);
      const std::string piece(1 << 20, static_cast<char>('a' + w));
      for (int i = 0; i < 2; ++i)
        EXPECT_EQ(pwrite(fd, piece.data(), piece.size(), (w * 2 + i) * (1 << 20)), 1 << 20);
      close(fd);
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::string expected;
  for (int w = 0; w < 8; ++w) expected += std::string(2 << 20, static_cast<char>('a' + w));
  EXPECT_TRUE(fake_.Content() == expected);
}

// More programs may wait in write(2) than there are threads for them: look-ups go on.
TEST_F(FuseFrontendTest, WritersThatWaitDoNotHoldUpLookups) {
  fake_.park_writes = true;
  fake_.fast_lookups = false;
  fake_.content = std::string(1 << 20, 0);
  threads_ = 1;
  Enter();
  fake_.write_gate.Close();
  std::thread writer([this] {
    const int fd = open(Path("data").c_str(), O_WRONLY);
    ASSERT_GE(fd, 0);
    const std::string piece(1 << 20, 'w');
    EXPECT_EQ(pwrite(fd, piece.data(), piece.size(), 0), 1 << 20);
    close(fd);
  });
  while (fake_.write_gate.waiting() == 0) std::this_thread::yield();
  EXPECT_EQ(access(Path("sub").c_str(), F_OK), 0);
  fake_.write_gate.Open();
  writer.join();
}

TEST_F(FuseFrontendTest, AParkedWriteThatFailsAfterSomeBytesIsShort) {
  fake_.take_of_landed = Landing::kPieceBytes;
  Enter();
  const int fd = open(Path("data").c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  const std::string piece(1 << 20, 'p');
  ASSERT_EQ(pwrite(fd, piece.data(), piece.size(), 0), 1 << 20);  // from now on workers receive into landings
  fake_.write_error = ENOSPC;
  ssize_t written = 1 << 20;
  for (int i = 1; i < 200 && written == 1 << 20; ++i) written = pwrite(fd, piece.data(), piece.size(), 0);
  if (written >= 0) {
    EXPECT_EQ(written, static_cast<ssize_t>(Landing::kPieceBytes));
  } else {
    EXPECT_EQ(errno, ENOSPC);
  }
  EXPECT_GT(fake_.landed_writes, 0);
  close(fd);
}

// Large writes make the workers receive into landings; what is not a large write must come through as before.
TEST_F(FuseFrontendTest, LandedWritesAndOtherRequestsBetweenThemKeepTheirBytes) {
  fake_.take_of_landed = Landing::kPieceBytes + 1000;  // so that some of most has to wait
  Enter();
  const int fd = open(Path("data").c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  std::string expected;
  const size_t sizes[] = {1 << 20, 1 << 20, 300'001, 4096, 1, 1 << 20, (1 << 20) - 1, Landing::kPieceBytes, 77};
  for (int round = 0; round < 8; ++round) {
    for (const size_t size : sizes) {
      std::string piece(size, '\0');
      for (size_t i = 0; i < size; ++i) piece[i] = static_cast<char>((i * 31 + expected.size() + i / 4096) % 251);
      EXPECT_EQ(pwrite(fd, piece.data(), size, static_cast<off_t>(expected.size())), static_cast<ssize_t>(size));
      expected += piece;
    }
    // Longer than what stands before the bytes of a WRITE, and longer than a piece is not possible here.
    const std::string name = "user.k" + std::string(100, static_cast<char>('a' + round));
    const std::string value(60'000, static_cast<char>('A' + round));
    EXPECT_EQ(setxattr(Path("data").c_str(), name.c_str(), value.data(), value.size(), 0), 0);
    std::string got(value.size(), '\0');
    EXPECT_EQ(getxattr(Path("data").c_str(), name.c_str(), got.data(), got.size()), 60'000);
    EXPECT_TRUE(got == value);
    EXPECT_NE(access(Path(std::string(200, 'x').c_str()).c_str(), F_OK), 0);
  }
  close(fd);
  EXPECT_GT(fake_.landed_writes, 8);
  EXPECT_TRUE(fake_.Content() == expected);
}

TEST_F(FuseFrontendTest, WithoutMemoryForLandingsWritesAreCopied) {
  fake_.give_landings = false;
  Enter();
  const int fd = open(Path("data").c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  const std::string piece(1 << 20, 'p');
  for (int i = 0; i < 4; ++i) EXPECT_EQ(pwrite(fd, piece.data(), piece.size(), i * (1 << 20)), 1 << 20);
  close(fd);
  EXPECT_EQ(fake_.landed_writes, 0);
  EXPECT_TRUE(fake_.Content() == std::string(4 << 20, 'p'));
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

// As a task of the executor does that saves a file while the mount ends.
TEST_F(FuseFrontendTest, ANotifierOutlivesRun) {
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
  EXPECT_EQ(errno, ENODATA);
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

TEST_F(FuseFrontendTest, ExternalUnmountEndsRun) {
  Enter();
  ASSERT_EQ(system(("umount " + folder_).c_str()), 0);
  runner_.join();
  EXPECT_TRUE(run_status_) << run_status_.error().text;
  Destroy();
}

// A worker that is just taking a request then gets another error than one that waits for the next.
TEST_F(FuseFrontendTest, AForcedUnmountUnderLoadEndsRunWell) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr int kMounts = 50;
  constexpr int kPrograms = 4;
  for (int i = 0; i < kMounts; ++i) {
    Enter();
    std::atomic<int> started{0};
    std::vector<std::thread> programs;
    for (int program = 0; program < kPrograms; ++program) {
      programs.emplace_back([&] {
        struct stat attr{};
        ++started;
        while (stat(Path("data").c_str(), &attr) == 0) {
        }
      });
    }
    while (started < kPrograms) std::this_thread::yield();
    EXPECT_EQ(umount2(folder_.c_str(), MNT_FORCE | MNT_DETACH), 0);
    runner_.join();
    for (std::thread& program : programs) program.join();
    EXPECT_TRUE(run_status_) << "mount " << i << ": " << run_status_.error().text;
    Destroy();
  }
}

TEST_F(FuseFrontendTest, StopEndsRunWithAFileOpen) {
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
  constexpr int kPrograms = 4;
  for (int i = 0; i < kMounts && !HasFailure(); ++i) {
    Enter();
    std::atomic<int> started{0};
    std::vector<std::thread> programs;
    for (int program = 0; program < kPrograms; ++program) {
      programs.emplace_back([&] {
        struct stat attr{};
        ++started;
        while (stat(Path("data").c_str(), &attr) == 0) {
        }
        // The other one where serving ended before INIT was answered.
        EXPECT_TRUE(errno == EIO || errno == ECONNREFUSED) << errno;
      });
    }
    while (started < kPrograms) std::this_thread::yield();
    EndRun();
    Await(programs);
    frontend_->Unmount();
    Destroy();
  }
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
