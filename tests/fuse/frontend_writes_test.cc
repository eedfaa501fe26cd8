// Writes through a real mount of a fake file system: those that wait, and those that are received into landings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/fuse/mount_fixture.h"

namespace ossfs2 {
namespace {

using FrontendWritesTest = FuseMountTest;

TEST_F(FrontendWritesTest, ParkedWritesKeepTheirBytes) {
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
TEST_F(FrontendWritesTest, WritersThatWaitDoNotHoldUpLookups) {
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

TEST_F(FrontendWritesTest, AParkedWriteThatFailsAfterSomeBytesIsShort) {
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
TEST_F(FrontendWritesTest, LandedWritesAndOtherRequestsBetweenThemKeepTheirBytes) {
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

TEST_F(FrontendWritesTest, WithoutMemoryForLandingsWritesAreCopied) {
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

}  // namespace
}  // namespace ossfs2
