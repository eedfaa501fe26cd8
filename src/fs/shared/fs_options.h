// FsOptions: what can be chosen about a file system.
//
// A Tunable may change while the file system is in use: from then on what is asked obeys it. All else is read at the
// start, and copied: the caller's struct may go.
#pragma once

#include <cstdint>
#include <string>

#include "base/values/tunable.h"

namespace ossfs2 {

struct FsOptions {
  std::string prefix;  // key prefix without leading or trailing slash; empty: the bucket
  bool read_only = false;
  uint32_t uid = 0;  // owner shown when the object has none of its own
  uint32_t gid = 0;
  uint32_t file_mode = 0777;
  uint32_t dir_mode = 0777;
  Tunable<double> attr_timeout_s{60.0};               // how long attributes and listings are believed
  Tunable<double> kernel_attr_timeout_s{-1.0};        // -1: attr_timeout_s
  Tunable<double> kernel_entry_timeout_s{-1.0};       // -1: attr_timeout_s
  Tunable<double> negative_timeout_s{0.0};            // kernel negative entries
  Tunable<double> oss_negative_cache_timeout_s{0.0};  // own cache of absent names
  uint64_t oss_negative_cache_size = 10000;
  bool close_to_open = false;  // HEAD at every open
  bool enable_symlink = true;
  bool enable_xattr = true;
  Tunable<uint64_t> rename_dir_limit{2'000'000};  // more descendants: EMFILE
  Tunable<int> rename_dir_concurrency{128};
  Tunable<bool> allow_rename_dir{true};
  Tunable<bool> ignore_fsync{false};
  bool sync_upload = true;                     // false: close does not wait; the upload ends at release
  bool direct_io = false;                      // every open passes by the page cache (mmap stays possible)
  uint64_t metadata_bytes_max = 256ull << 20;  // inodes, names and listings; estimated, enforced by eviction
  int list_page_size = 1000;
  bool keep_attributes = true;  // chmod, chown, utimens are kept in object metadata
};

}  // namespace ossfs2
