#include "base/cpu_pressure.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace ossfs2 {

CpuPressure::CpuPressure(const std::string& file)
    : fd_(file.empty() ? -1 : open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}

CpuPressure::~CpuPressure() {
  if (fd_ >= 0) close(fd_);
}

void CpuPressure::Sample(int64_t now_ns) {
  if (fd_ < 0 || now_ns - sampled_ns_.load(std::memory_order_relaxed) < kSampleNs) return;
  MutexLock lock(mutex_);
  const int64_t before_ns = sampled_ns_.load(std::memory_order_relaxed);
  if (now_ns - before_ns < kSampleNs) return;
  std::array<char, 256> text;
  const ssize_t got = pread(fd_, text.data(), text.size() - 1, 0);
  if (got <= 0) return;
  text[static_cast<size_t>(got)] = '\0';
  const char* total = std::strstr(text.data(), "total=");  // of the first line, "some"
  if (total == nullptr) return;
  const uint64_t waited_us = std::strtoull(total + std::strlen("total="), nullptr, 10);
  const double share = static_cast<double>(waited_us - waited_us_) * 1e3 / static_cast<double>(now_ns - before_ns);
  // What lies further back says nothing of now.
  const bool recent = before_ns != 0 && now_ns - before_ns < 20 * kSampleNs;
  short_.store(recent && share > kShortShare, std::memory_order_relaxed);
  waited_us_ = waited_us;
  sampled_ns_.store(now_ns, std::memory_order_relaxed);
}

}  // namespace ossfs2
