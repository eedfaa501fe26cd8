// Errors of /dev/fuse, by a session whose reads the test answers.
#include "fuse/session/worker_pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <vector>

namespace ossfs2 {
namespace {

// The errors of the reads to come, one after another; the last one stays.
std::vector<int> g_errors;
std::atomic<size_t> g_reads{0};

ssize_t FailingRead(int, void*, size_t, void*) {
  const size_t number = g_reads++;
  errno = g_errors[std::min(number, g_errors.size() - 1)];
  return -1;
}

class WorkerPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    fuse_args args = FUSE_ARGS_INIT(0, nullptr);
    fuse_opt_add_arg(&args, "ossfs2");
    session_ = fuse_session_new(&args, &operations_, sizeof(operations_), nullptr);
    fuse_opt_free_args(&args);
    ASSERT_NE(session_, nullptr);
    fuse_custom_io io{};
    io.read = FailingRead;
    io.writev = [](int, iovec*, int, void*) -> ssize_t { return 0; };
    ASSERT_EQ(fuse_session_custom_io(session_, &io, open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
    g_reads = 0;
  }
  void TearDown() override {
    if (session_ != nullptr) fuse_session_destroy(session_);
  }

  // What the pool says of a device whose reads fail so.
  int FailureAfter(std::vector<int> errors) {
    g_errors = std::move(errors);
    std::promise<void> ended;
    WorkerPool pool(session_, 1, [] { return nullptr; }, [&ended] { ended.set_value(); });
    pool.Start();
    ended.get_future().wait();
    pool.End();
    return pool.failure();
  }

  fuse_lowlevel_ops operations_{};
  fuse_session* session_ = nullptr;
};

TEST_F(WorkerPoolTest, ARequestThatCouldNotBeReadEndsNothing) {
  EXPECT_EQ(FailureAfter({ENOMEM, EFAULT, EINTR, EAGAIN, ENOMEM, ENODEV}), 0);
  EXPECT_EQ(g_reads, 6u);
}

TEST_F(WorkerPoolTest, AnAbortedConnectionIsNoFailure) {
  EXPECT_EQ(FailureAfter({ECONNABORTED}), 0);
  EXPECT_EQ(g_reads, 1u);
}

TEST_F(WorkerPoolTest, ADeviceThatIsNoneIsOne) {
  EXPECT_EQ(FailureAfter({ENOMEM, EBADF}), -EBADF);
  EXPECT_EQ(g_reads, 2u);
}

}  // namespace
}  // namespace ossfs2
