// How many processors there are for this process, and whether they are short.
#include "base/machine/processors.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/machine/cpu_pressure.h"

namespace ossfs2 {
namespace {

TEST(CpuPressureTest, ShortWhenTasksWaitedForAThirdOfTheTime) {
  constexpr int64_t kSecond = 1'000'000'000;
  const std::string path = ::testing::TempDir() + "/cpu-pressure-" + std::to_string(getpid());
  const auto waited = [&path](uint64_t microseconds) {
    std::ofstream(path) << "some avg10=7.84 avg60=27.83 avg300=26.55 total=" << microseconds
                        << "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99999999\n";
  };
  waited(5'000'000);
  CpuPressure pressure(path);
  pressure.Sample(100 * kSecond);
  EXPECT_FALSE(pressure.Short()) << "one look says nothing";
  waited(5'060'000);
  pressure.Sample(100 * kSecond + CpuPressure::kSampleNs / 2);
  EXPECT_FALSE(pressure.Short()) << "too early to look again";
  pressure.Sample(100 * kSecond + CpuPressure::kSampleNs);
  EXPECT_TRUE(pressure.Short()) << "60 of 100 ms";
  waited(5'070'000);
  pressure.Sample(100 * kSecond + 2 * CpuPressure::kSampleNs);
  EXPECT_FALSE(pressure.Short()) << "10 of 100 ms";
  waited(15'000'000);
  pressure.Sample(110 * kSecond);
  EXPECT_FALSE(pressure.Short()) << "nobody looked for ten seconds: old news";
  unlink(path.c_str());
  CpuPressure none("");
  none.Sample(kSecond);
  EXPECT_FALSE(none.Short());
  CpuPressure missing(path, path + "-tasks");
  missing.Sample(kSecond);
  EXPECT_FALSE(missing.Short());
}

TEST(CpuPressureTest, OwnThreadsCountWhereTheKernelTellsNoPressure) {
  constexpr int64_t kSecond = 1'000'000'000;
  const std::string tasks = ::testing::TempDir() + "/cpu-tasks-" + std::to_string(getpid());
  const auto waited = [&tasks](const char* thread, uint64_t milliseconds) {
    std::filesystem::create_directories(tasks + "/" + thread);
    std::ofstream(tasks + "/" + thread + "/schedstat") << "123456789 " << milliseconds * 1'000'000 << " 77\n";
  };
  waited("10", 5000);
  waited("11", 100);
  CpuPressure pressure(tasks + "/none", tasks);
  pressure.Sample(100 * kSecond);
  EXPECT_FALSE(pressure.Short());
  waited("10", 5020);
  waited("11", 120);
  pressure.Sample(100 * kSecond + CpuPressure::kSampleNs);
  EXPECT_TRUE(pressure.Short()) << "20 ms each of 100";
  waited("11", 130);
  pressure.Sample(100 * kSecond + 2 * CpuPressure::kSampleNs);
  EXPECT_FALSE(pressure.Short()) << "10 of 100 ms";
  std::filesystem::remove_all(tasks + "/10");
  pressure.Sample(100 * kSecond + 3 * CpuPressure::kSampleNs);
  EXPECT_FALSE(pressure.Short()) << "a thread that ended is no wait";
  std::filesystem::remove_all(tasks);
  CpuPressure here(tasks);  // this process's threads
  here.Sample(kSecond);
}

TEST(ProcessorsTest, TheSmallestGroupCounts) {
  namespace fs = std::filesystem;
  const std::string root = ::testing::TempDir() + "/processors-" + std::to_string(getpid());
  const auto write = [&root](const std::string& name, const char* text) {
    fs::create_directories(fs::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << text;
  };
  EXPECT_EQ(UsableProcessors(96, root), 96) << "no control groups";
  EXPECT_EQ(UsableProcessors(0, root), 1);
  write("proc/self/cgroup", "0::/pods/one\n");
  write("sys/fs/cgroup/pods/one/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableProcessors(96, root), 96);
  write("sys/fs/cgroup/pods/cpu.max", "250000 100000\n");
  EXPECT_EQ(UsableProcessors(96, root), 3) << "a group above; two and a half";
  EXPECT_EQ(UsableProcessors(2, root), 2) << "the affinity is smaller";
  write("sys/fs/cgroup/pods/one/cpu.max", "50000 100000\n");
  EXPECT_EQ(UsableProcessors(96, root), 1) << "half a processor";
  write("proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/pods\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(UsableProcessors(96, root), 96) << "version 1 without a limit";
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(UsableProcessors(96, root), 4) << "a container that sees its own group as the root";
  fs::remove_all(root);
}

TEST(ProcessorsTest, TheAffinityCounts) {
  EXPECT_GE(UsableProcessors(), 1);
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  EXPECT_LE(UsableProcessors(), CPU_COUNT(&allowed));
}

}  // namespace
}  // namespace ossfs2
