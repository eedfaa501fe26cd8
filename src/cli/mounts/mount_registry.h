// The registry of running mounts: one lock, one record and perhaps one loss report for each mount point,
// in RuntimeDirectory(). It is how umount, list, stats and explain find a daemon.
//
// A record counts only while the daemon holds the lock, so nothing is stale after a crash. Functions may be
// called by any process of the user; they touch no file system of ours and never hang on a dead mount.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

struct MountRecord {
  pid_t pid = 0;
  std::string mount_point;
  std::string source;  // "oss://BUCKET/PREFIX"
  std::string endpoint;
  std::string socket;  // admin socket; empty: none
  std::string log;
  int64_t started_s = 0;
  int64_t flush_deadline_s = 0;
  std::string version;
};

// Held by the daemon as long as it lives; the kernel drops it at its death.
class MountLock {
 public:
  // EBUSY when another daemon serves the mount point, with its pid.
  static Result<MountLock> Acquire(const std::string& mount_point);
  MountLock(MountLock&& other) noexcept;
  MountLock& operator=(MountLock&&) = delete;
  ~MountLock();  // removes record and lock file

 private:
  MountLock(int fd, std::string mount_point) : fd_(fd), mount_point_(std::move(mount_point)) {}
  int fd_;
  std::string mount_point_;
};

Status WriteMountRecord(const MountRecord& record);
// Of daemons that live now.
std::vector<MountRecord> ReadMountRecords();
// By mount point, by a path inside one, or by pid in digits.
std::optional<MountRecord> FindMountRecord(const std::string& path_or_pid);

// Whether the daemon that wrote this record still holds its lock.
bool DaemonLives(const MountRecord& record);

// What the daemon could not save, one line each; written at its end, taken by the next umount or mount.
void WriteLossReport(const std::string& mount_point, const std::vector<std::string>& lines);
std::vector<std::string> TakeLossReport(const std::string& mount_point);

// The socket's path for a mount point.
Result<std::string> AdminSocketPath(const std::string& mount_point);

// Absolute and without links, as far as that is known without asking an ossfs2 mount: what lies below one is taken as
// it is written.
std::string ResolveMountPoint(const std::string& path);
// The same with these mount points.
std::string ResolvePath(const std::string& path, const std::set<std::string>& mount_points);

}  // namespace ossfs2
