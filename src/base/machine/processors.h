// How many processors this process may use at once: what numbers of threads are made from.
//
// The least of: the processors that are online, those of the process's affinity (taskset, cpusets), and the share
// that a control group gives (cpu.max, cpu.cfs_quota_us: a container's CPU limit), rounded up. A container with two
// of a host's 96 processors is a small machine, and is treated as one.
#pragma once

#include <string>

namespace ossfs2 {

// Looked up once, at the first call; at least 1. Threads: any.
int UsableProcessors();

// The same from `allowed` processors and the control groups below `root`; for tests.
int UsableProcessors(int allowed, const std::string& root);

}  // namespace ossfs2
