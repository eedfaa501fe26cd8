// Facts about mounts from /proc/self/mountinfo, which asks no file system, and the
// read-ahead of a mount's backing device info.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

struct MountInfo {
  std::string device;       // "0:52"
  std::string mount_point;
  std::string type;         // "fuse.ossfs2"
  std::string source;
  std::string id;           // of this one mount of the file system; unique over all mount name spaces
};

// All mounts, in mount order. `text` is the content of a mountinfo file.
std::vector<MountInfo> ParseMountInfo(std::string_view text);
std::vector<MountInfo> ReadMountInfo();
// The topmost mount at exactly that path; nullopt when nothing is mounted there.
std::optional<MountInfo> FindMount(std::string_view mount_point);

// Writes /sys/class/bdi/DEVICE/read_ahead_kb; needs root.
Status SetReadAhead(const std::string& device, uint64_t bytes);
// What the kernel has there, in whole KiB.
Result<uint64_t> GetReadAhead(const std::string& device);

}  // namespace ossfs2
