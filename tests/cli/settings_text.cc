#include "tests/cli/settings_text.h"

#include <sstream>

namespace ossfs2 {

std::string SettingsText(const Settings& s) {
  std::ostringstream out;
  const auto put = [&out](const auto&... values) { ((out << values << '|'), ...); };
  const http::HttpConfig& h = s.http;
  put(h.loop_threads, h.connections_max, h.proxy, h.ipv6, h.ca_file, h.ca_dir);
  for (const auto& address : h.source_addresses) put(address);
  const oss::CredentialOptions& c = s.credentials;
  put(c.anonymous, c.access_key_id, c.access_key_secret, c.security_token, c.credential_file,
      c.credential_dir, c.credential_process, c.ram_role, c.hardened_metadata, c.profile, c.assume_role_arn,
      c.assume_role_session_name, c.assume_role_external_id, c.oidc_role_arn, c.oidc_provider_arn,
      c.oidc_token_file, c.sts_endpoint, c.bucket, c.refresh_interval.count(), c.refresh_backoff);
  const oss::OssConfig& o = s.oss;
  put(o.endpoint, o.bucket, o.region, o.path_style, o.cname, o.signature_version, o.request_timeout.value().count(),
      o.connect_timeout.count(), o.stall_timeout.value().count(), o.check_crc64, o.storage_class, o.sse, o.sse_key_id,
      o.object_acl, o.tagging, o.requester_pays, o.traffic_limit_bits_per_s);
  for (const auto& [name, value] : o.user_metadata) put(name, value);
  put(s.memory.total_bytes, s.memory.metadata_bytes, s.memory.pool_bytes, s.memory.cache_bytes);
  const ReadOptions& r = s.read;
  put(r.chunk_bytes, r.concurrency, r.concurrency_per_file, r.chunks_max, r.cache_bytes, r.cache_until_close,
      r.detect_whole_file, r.prefetch_next_shard, r.lead_bytes_max, r.fill_threads, r.verify_crc64);
  const UploadOptions& u = s.upload;
  put(u.part_bytes, u.concurrency, u.copy_concurrency, u.check_crc64, u.staging_dir, u.staging_bytes_max,
      u.staging_free_bytes_min, u.staging_free_percent_min, u.staged_file_bytes_max, u.appendable,
      u.appendable_autoswitch_bytes, u.journal_dir);
  const FsOptions& f = s.fs;
  put(f.prefix, f.read_only, f.uid, f.gid, f.file_mode, f.dir_mode, f.attr_timeout_s, f.kernel_attr_timeout_s,
      f.kernel_entry_timeout_s, f.negative_timeout_s, f.oss_negative_cache_timeout_s,
      f.oss_negative_cache_size, f.close_to_open, f.enable_symlink, f.enable_xattr, f.rename_dir_limit,
      f.rename_dir_concurrency, f.allow_rename_dir, f.ignore_fsync, f.sync_upload, f.direct_io,
      f.metadata_bytes_max, f.list_page_size, f.keep_attributes);
  const FuseOptions& m = s.fuse;
  put(m.mount_point, m.source, m.allow_other, m.read_only, m.exec, m.debug, m.nonempty, m.default_permissions,
      m.readdirplus, m.worker_threads, m.device_fd, m.read_ahead_bytes, m.dir_cache_timeout_s);
  put(s.log.target, static_cast<int>(s.log.level), s.log.json, s.log.file_size_bytes_max,
      s.log.file_count_max);
  put(s.mount_point, s.foreground, s.flush_deadline.count(), s.core_dumps, s.admin_server, s.metrics_ip,
      s.metrics_port);
  return out.str();
}

}  // namespace ossfs2
