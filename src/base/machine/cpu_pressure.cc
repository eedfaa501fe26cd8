#include "base/machine/cpu_pressure.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace ossfs2 {
namespace {

// Of a file that is read from its begin at each look.
std::optional<uint64_t> PressureTotal(int fd) {
  std::array<char, 256> text;
  const ssize_t got = pread(fd, text.data(), text.size() - 1, 0);
  if (got <= 0) return std::nullopt;
  text[static_cast<size_t>(got)] = '\0';
  const char* total = std::strstr(text.data(), "total=");  // of the first line, "some"
  if (total == nullptr) return std::nullopt;
  return std::strtoull(total + std::strlen("total="), nullptr, 10);
}

// "RUN_NS WAIT_NS SLICES" of each thread. One that has ended takes its waits along.
std::optional<uint64_t> TasksWaited(const std::string& tasks) {
  std::error_code error;
  std::optional<uint64_t> waited_ns;
  for (std::filesystem::directory_iterator at(tasks, error), end; !error && at != end; at.increment(error)) {
    std::ifstream file(at->path() / "schedstat");
    uint64_t ran_ns = 0;
    uint64_t task_waited_ns = 0;
    if (file >> ran_ns >> task_waited_ns) waited_ns = waited_ns.value_or(0) + task_waited_ns;
  }
  if (!waited_ns) return std::nullopt;
  return *waited_ns / 1000;
}

}  // namespace

CpuPressure::CpuPressure(const std::string& file, const std::string& tasks)
    : fd_(file.empty() ? -1 : open(file.c_str(), O_RDONLY | O_CLOEXEC)),
      tasks_(file.empty() || fd_ >= 0 ? "" : tasks) {}

CpuPressure::~CpuPressure() {
  if (fd_ >= 0) close(fd_);
}

std::optional<uint64_t> CpuPressure::Waited() const {
  return fd_ >= 0 ? PressureTotal(fd_) : TasksWaited(tasks_);
}

void CpuPressure::Sample(int64_t now_ns) {
  if (fd_ < 0 && tasks_.empty()) return;
  if (now_ns - sampled_ns_.load(std::memory_order_relaxed) < kSampleNs) return;
  MutexLock lock(mutex_);
  const int64_t before_ns = sampled_ns_.load(std::memory_order_relaxed);
  if (now_ns - before_ns < kSampleNs) return;
  const std::optional<uint64_t> waited_us = Waited();
  if (!waited_us) return;
  const uint64_t more_us = *waited_us - std::min(waited_us_, *waited_us);
  const double share = static_cast<double>(more_us) * 1e3 / static_cast<double>(now_ns - before_ns);
  // What lies further back says nothing of now.
  const bool recent = before_ns != 0 && now_ns - before_ns < 20 * kSampleNs;
  short_.store(recent && share > kShortShare, std::memory_order_relaxed);
  waited_us_ = *waited_us;
  sampled_ns_.store(now_ns, std::memory_order_relaxed);
}

}  // namespace ossfs2
