// FuseOptions: how a file system is mounted and served.
//
// A plain value, filled from the command line (cli/mounts) and read by the session and the operations.
#pragma once

#include <cstdint>
#include <string>

namespace ossfs2 {

struct FuseOptions {
  std::string mount_point;
  std::string source;             // shown by mount(8): "bucket.endpoint:/prefix"
  bool allow_other = true;
  bool read_only = false;
  bool exec = true;               // false: noexec
  bool debug = false;             // libfuse's own trace
  bool nonempty = false;
  bool default_permissions = true;
  bool readdirplus = true;
  int worker_threads = 0;         // fuse_threads; 0: twice the cores, at most 32
  int device_fd = -1;             // fuse_device_fd: opened /dev/fuse, already mounted
  uint32_t read_ahead_bytes = 1u << 20;  // set on the bdi; 0: leave
  double dir_cache_timeout_s = 0;  // kernel_readdir_cache_timeout
};

}  // namespace ossfs2
