// UploadOptions: what a mount's options say about writing. Defaults are those of the options named beside them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/machine/page_size.h"
#include "base/values/tunable.h"

namespace ossfs2 {

struct UploadOptions {
  uint64_t part_bytes = 8ull << 20;      // upload_buffer_size; grows with the file up to 48.8 TiB
  Tunable<int> concurrency{64};               // upload_concurrency: parts in flight, all files
  int copy_concurrency = 64;             // upload_copy_concurrency
  bool check_crc64 = true;               // enable_crc64
  std::string staging_dir;               // staging_dir / temp_dir; made 0700 when missing
  uint64_t staging_bytes_max = 0;        // 0: what the disk has, less the reserve
  uint64_t staging_free_bytes_min = 1ull << 30;  // temp_dir_free_bytes
  int staging_free_percent_min = 0;              // temp_dir_free_percent
  uint64_t staged_file_bytes_max = 100ull << 30;  // random_write_max_file_size: EFBIG
  bool appendable = false;               // enable_appendable_object
  uint64_t appendable_autoswitch_bytes = 0;
  // A writer that waits for memory is refused (ENOSPC) when nothing moved for so long: oss_request_timeout_ms.
  Tunable<std::chrono::milliseconds> standstill_max{std::chrono::milliseconds(60000)};
  std::string journal_dir;               // open uploads are recorded here; empty: no journal
  uint64_t page_bytes = KernelPageBytes();  // of the page cache
};

}  // namespace ossfs2
