#include "base/threads/time_slice.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace ossfs2 {
namespace {

// struct sched_attr of the kernel, first version (sched_setattr(2)); glibc 2.36 has none, and the kernel's own
// header cannot be included beside <sched.h>.
struct SchedulingAttributes {
  uint32_t size = 48;
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr int kSelf = 0;

// False for an error, and for a policy whose threads have no slice.
bool GetSliced(SchedulingAttributes& attributes) {
  if (syscall(SYS_sched_getattr, kSelf, &attributes, sizeof(attributes), 0U) != 0) return false;
  return attributes.policy == SCHED_OTHER || attributes.policy == SCHED_BATCH;
}

}  // namespace

bool AskForTimeSlice(std::chrono::microseconds slice) {
  SchedulingAttributes attributes;
  if (!GetSliced(attributes)) return false;
  attributes.size = sizeof(attributes);
  attributes.runtime_ns = static_cast<uint64_t>(std::chrono::nanoseconds(slice).count());
  return syscall(SYS_sched_setattr, kSelf, &attributes, 0U) == 0;
}

std::chrono::microseconds TimeSlice() {
  SchedulingAttributes attributes;
  if (!GetSliced(attributes)) return {};
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds(attributes.runtime_ns));
}

}  // namespace ossfs2
