// ApplyTunables of settings.h.
#include "cli/settings/settings.h"

namespace ossfs2 {

void ApplyTunables(const Settings& fresh, const Settings& running) {
  running.fs.attr_timeout_s.Change(fresh.fs.attr_timeout_s);
  running.fs.kernel_attr_timeout_s.Change(fresh.fs.kernel_attr_timeout_s);
  running.fs.kernel_entry_timeout_s.Change(fresh.fs.kernel_entry_timeout_s);
  running.fs.negative_timeout_s.Change(fresh.fs.negative_timeout_s);
  running.fs.oss_negative_cache_timeout_s.Change(fresh.fs.oss_negative_cache_timeout_s);
  running.fs.ignore_fsync.Change(fresh.fs.ignore_fsync);
  running.fs.rename_dir_limit.Change(fresh.fs.rename_dir_limit);
  running.fs.rename_dir_concurrency.Change(fresh.fs.rename_dir_concurrency);
  running.fs.allow_rename_dir.Change(fresh.fs.allow_rename_dir);
  running.upload.concurrency.Change(fresh.upload.concurrency);
  running.oss.request_timeout.Change(fresh.oss.request_timeout);
  running.oss.stall_timeout.Change(fresh.oss.stall_timeout);
  running.oss.traffic_limit_bits_per_s.Change(fresh.oss.traffic_limit_bits_per_s);
}

}  // namespace ossfs2
