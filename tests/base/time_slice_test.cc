// TimeSlice: this thread gets the longer slice that it asks for, and nothing else of it or of others changes.
#include "base/threads/time_slice.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace ossfs2 {
namespace {

// Each test asks in a thread of its own, so that the test program keeps its slice.
template <class Body>
void InThread(Body body) {
  std::thread thread(body);
  thread.join();
}

TEST(TimeSliceTest, TheKernelTakesWhatIsAskedFor) {
  InThread([] {
    const bool told = TimeSlice().count() > 0;  // Linux 6.12 and later
    for (const auto slice : {kTransferSlice, std::chrono::microseconds(100), kTransferSlice}) {
      EXPECT_TRUE(AskForTimeSlice(slice));
      if (told) {
        EXPECT_EQ(TimeSlice(), slice);
      }
    }
  });
}

TEST(TimeSliceTest, OtherThreadsKeepTheirs) {
  const auto before = TimeSlice();
  InThread([] { AskForTimeSlice(kTransferSlice); });
  EXPECT_EQ(TimeSlice(), before);
}

TEST(TimeSliceTest, PolicyAndNiceValueStay) {
  InThread([] {
    const auto thread = static_cast<id_t>(syscall(SYS_gettid));
    ASSERT_EQ(setpriority(PRIO_PROCESS, thread, 7), 0);
    sched_param none{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    EXPECT_TRUE(AskForTimeSlice(kTransferSlice));
    EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(getpriority(PRIO_PROCESS, thread), 7);
  });
}

TEST(TimeSliceTest, APolicyWithoutSlicesIsLeftAlone) {
  InThread([] {
    sched_param none{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
    EXPECT_FALSE(AskForTimeSlice(kTransferSlice));
    EXPECT_EQ(sched_getscheduler(0), SCHED_IDLE);
  });
}

}  // namespace
}  // namespace ossfs2
