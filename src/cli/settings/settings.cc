#include "cli/settings/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "base/machine/cpu_pressure.h"
#include "base/machine/environment.h"
#include "base/machine/processors.h"
#include "base/values/str.h"
#include "cli/settings/endpoint_parts.h"
#include "cli/settings/mount_name.h"
#include "cli/settings/settings_service.h"

namespace ossfs2 {
namespace {

// Filling the page cache moves work from readers to other cores; that needs such cores, and memory to be
// the cache, which counts for the control group of this process.
int FillThreads(const OptionSet& options, const MemoryPlan& plan) {
  if (options.Bool("direct_io")) return 0;
  const int64_t wanted = options.Int("page_cache_fill_threads");
  if (wanted >= 0) return static_cast<int>(wanted);
  constexpr int kCoresMin = 8;
  constexpr uint64_t kCacheBytesMin = 8ull << 30;
  const int cores = UsableProcessors();
  if (cores < kCoresMin || plan.available_bytes < plan.total_bytes + kCacheBytesMin) return 0;
  return std::min(cores / 8, 8);
}

// What of the next shards may lie in the page cache unread.
constexpr uint64_t kLeadShare = 16;  // of the memory
constexpr uint64_t kLeadBytesMax = 8ull << 30;

Status FillData(const OptionSet& options, Settings& settings) {
  MemoryWishes wishes;
  wishes.total_bytes = options.Size("total_mem_limit");
  wishes.cache_bytes = options.Size("memory_data_cache_size");
  wishes.metadata_bytes = options.Size("metadata_mem_limit");
  auto plan = PlanMemory(AvailableMemory(), wishes);
  if (!plan) return plan.error();
  settings.memory = *plan;
  for (const std::string& notice : plan->notices) settings.notices.push_back(notice);

  ReadOptions& read = settings.read;
  read.chunk_bytes = options.Size("prefetch_chunk_size");
  read.concurrency = static_cast<int>(options.Int("prefetch_concurrency"));
  read.concurrency_per_file = static_cast<int>(options.Int("prefetch_concurrency_per_file"));
  read.chunks_max = options.Int("prefetch_chunks");
  read.cache_bytes = plan->cache_bytes;
  read.cache_until_close = options.Bool("cache_until_close");
  read.detect_whole_file = options.Bool("detect_whole_file");
  read.prefetch_next_shard = options.Bool("prefetch_next_shard");
  read.fill_threads = FillThreads(options, *plan);
  read.lead_bytes_max = std::min(plan->available_bytes / kLeadShare, kLeadBytesMax);
  read.page_cache = !options.Bool("direct_io");
  read.cpu_pressure_file = CpuPressure::kFile;
  read.verify_crc64 = options.Bool("verify_read_crc64");

  UploadOptions& upload = settings.upload;
  constexpr uint64_t kPartUnit = 1u << 20;
  upload.part_bytes = (options.Size("upload_buffer_size") + kPartUnit - 1) / kPartUnit * kPartUnit;
  upload.concurrency = static_cast<int>(options.Int("upload_concurrency"));
  upload.copy_concurrency = static_cast<int>(options.Int("upload_copy_concurrency"));
  upload.check_crc64 = options.Bool("enable_crc64");
  upload.staging_bytes_max = options.Size("staging_size_max");
  upload.staging_free_bytes_min = options.Size("temp_dir_free_bytes");
  upload.staging_free_percent_min = static_cast<int>(options.Int("temp_dir_free_percent"));
  upload.standstill_max = settings.oss.request_timeout;  // the same number, also when it is changed later
  upload.staged_file_bytes_max = options.Size("random_write_max_file_size");
  upload.appendable = options.Bool("enable_appendable_object");
  upload.appendable_autoswitch_bytes = options.Size("appendable_object_autoswitch_threshold");
  return {};
}

// Never for check and gc, which have no mount point.
bool IsBelowMountPoint(const std::string& path, const Settings& settings) {
  return !settings.mount_point.empty() && StrCat(path, "/").rfind(StrCat(settings.mount_point, "/"), 0) == 0;
}

// Each mount has its own directories: recovery must not touch what a running mount of the same bucket owns.
Status FillDirectories(const OptionSet& options, Settings& settings) {
  const std::string name = MountName(settings.mount_point);
  const std::string bucket =
      StrCat(settings.oss.bucket, "-",
             HexText(StableHash(StrCat(settings.oss.endpoint, "\n", settings.fs.prefix)), 8));
  const std::string state = StateDirectory(options);
  for (const char* option : {"staging_dir", "journal_dir", "state_dir"}) {
    const std::string path = options.Text(option);
    if (!path.empty() && path[0] != '/')
      return Refuse(StrCat(option, ": \"", path, "\" is not an absolute path"));
    if (!path.empty() && IsBelowMountPoint(path, settings))
      return Refuse(StrCat(option, ": ", path, " lies inside the mount point; choose another directory"));
  }
  const std::string staging = options.Text("staging_dir");
  const std::string journal = options.Text("journal_dir");
  settings.staging_given = !staging.empty();
  settings.state_base = state;
  settings.upload.staging_dir = staging.empty() ? StrCat(state, "/", name, "/", bucket, "/staging")
                                                : StrCat(staging, "/", name, "/", bucket);
  settings.upload.journal_dir = journal.empty() ? StrCat(state, "/", name, "/", bucket, "/journal")
                                                : StrCat(journal, "/", name, "/", bucket);
  return {};
}

void FillFs(const OptionSet& options, Settings& settings) {
  FsOptions& fs = settings.fs;
  fs.read_only = options.Bool("ro");
  fs.uid = options.Text("uid").empty() ? getuid() : static_cast<uint32_t>(options.Int("uid"));
  fs.gid = options.Text("gid").empty() ? getgid() : static_cast<uint32_t>(options.Int("gid"));
  fs.file_mode = options.Mode("file_mode");
  fs.dir_mode = options.Mode("dir_mode");
  fs.attr_timeout_s = options.Seconds("attr_timeout");
  fs.kernel_attr_timeout_s = options.Seconds("fuse_attr_timeout");
  fs.kernel_entry_timeout_s = options.Seconds("fuse_entry_timeout");
  fs.negative_timeout_s = options.Seconds("negative_timeout");
  fs.oss_negative_cache_timeout_s = options.Seconds("oss_negative_cache_timeout");
  fs.oss_negative_cache_size = static_cast<uint64_t>(options.Int("oss_negative_cache_size"));
  fs.close_to_open = options.Bool("close_to_open");
  fs.enable_symlink = options.Bool("enable_symlink");
  fs.enable_xattr = options.Bool("enable_xattr");
  fs.rename_dir_limit = static_cast<uint64_t>(options.Int("rename_dir_limit"));
  fs.rename_dir_concurrency = static_cast<int>(options.Int("rename_dir_concurrency"));
  fs.allow_rename_dir = options.Bool("allow_rename_dir");
  fs.ignore_fsync = options.Bool("ignore_fsync");
  fs.sync_upload = options.Bool("sync_upload") || fs.close_to_open;
  fs.direct_io = options.Bool("direct_io");
  fs.metadata_bytes_max = settings.memory.metadata_bytes;
  fs.list_page_size = static_cast<int>(options.Int("max_list_ret_count"));
  fs.keep_attributes = options.Bool("keep_attributes");
}

// fusermount3 refuses allow_other to users unless this line is there.
bool UsersMayAllowOther() {
  std::ifstream file("/etc/fuse.conf");
  std::string line;
  while (std::getline(file, line))
    if (Trim(line) == "user_allow_other") return true;
  return false;
}

Status FillFuse(const OptionSet& options, Settings& settings) {
  FuseOptions& fuse = settings.fuse;
  const FsOptions& fs = settings.fs;
  fuse.mount_point = settings.mount_point;
  fuse.source = StrCat(settings.oss.bucket, ".", HostAndPort(settings.oss.endpoint), ":/", fs.prefix);
  fuse.allow_other = options.Bool("allow_other");
  fuse.device_fd = static_cast<int>(options.Int("fuse_device_fd"));
  // Who opened the device has mounted it too.
  const bool by_fusermount = geteuid() != 0 && fuse.device_fd < 0;
  if (fuse.allow_other && by_fusermount && !UsersMayAllowOther()) {
    if (options.IsSet("allow_other"))
      return Refuse("allow_other: /etc/fuse.conf must have the line user_allow_other, or mount as root");
    fuse.allow_other = false;
    settings.notices.push_back("only you can use the mount: /etc/fuse.conf has no line user_allow_other");
  }
  fuse.read_only = fs.read_only;
  fuse.exec = options.Bool("exec");
  fuse.debug = options.Bool("d");
  fuse.nonempty = options.Bool("nonempty");
  fuse.default_permissions = options.Bool("default_permissions");
  fuse.readdirplus = options.Bool("readdirplus") &&
                     (fs.attr_timeout_s > 0 || fs.kernel_attr_timeout_s > 0 || fs.kernel_entry_timeout_s > 0);
  fuse.worker_threads = static_cast<int>(options.Int("fuse_threads"));
  fuse.read_ahead_bytes = static_cast<uint32_t>(std::min<int64_t>(options.Int("read_ahead_kb"), 1 << 20))
                          << 10;
  fuse.dir_cache_timeout_s = options.Seconds("kernel_readdir_cache_timeout");
  return {};
}

std::string DefaultLogDirectory() {
  if (geteuid() == 0) return "/var/log/ossfs2";
  const std::string state = EnvironmentText("XDG_STATE_HOME");
  if (!state.empty()) return state + "/ossfs2";
  const std::string home = EnvironmentText("HOME");
  return home.empty() ? StrCat("/tmp/ossfs2-", geteuid()) : home + "/.local/state/ossfs2";
}

Status FillLog(const OptionSet& options, Settings& settings) {
  LogConfig& log = settings.log;
  const std::string level = options.Text("log_level");
  log.level = level == "debug"     ? LogLevel::kDebug
              : level == "warning" ? LogLevel::kWarning
              : level == "error"   ? LogLevel::kError
                                   : LogLevel::kInfo;
  log.json = options.Text("log_format") == "json";
  log.file_size_bytes_max = options.Size("log_file_max_size");
  log.file_count_max = static_cast<int>(options.Int("log_file_max_count"));
  std::string directory = options.Text("log_dir");
  const bool terminal = directory == "/dev/stdout" || directory == "/dev/stderr";
  if (directory == "syslog" || (terminal && settings.foreground)) {
    log.target = directory;
    return {};
  }
  const std::string unusable = terminal ? std::exchange(directory, "") : "";
  if (directory.empty() && settings.foreground) {
    log.target = "/dev/stdout";
    return {};
  }
  if (directory.empty()) directory = DefaultLogDirectory();
  if (directory[0] != '/') return Refuse(StrCat("log_dir: \"", directory, "\" is not an absolute path"));
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (IsBelowMountPoint(directory, settings))
    return Refuse(StrCat("log_dir: ", directory, " lies inside the mount point; choose another directory"));
  log.target = StrCat(directory, "/", MountName(settings.mount_point), ".log");
  if (!unusable.empty())
    settings.notices.push_back(
        StrCat("log_dir=", unusable, " needs the foreground (-f); the log is ", log.target));
  return {};
}

}  // namespace

std::string StateDirectory(const OptionSet& options) {
  const std::string given = options.Text("state_dir");
  if (!given.empty()) return given;
  if (geteuid() == 0) return "/var/lib/ossfs2";
  return DefaultLogDirectory();  // the same XDG directory
}

std::string Settings::Source() const { return StrCat("oss://", oss.bucket, "/", fs.prefix); }

Result<Settings> MakeSettings(const OptionSet& options, const std::string& mount_point) {
  Settings settings;
  settings.mount_point = mount_point;
  settings.foreground = options.Bool("f") || options.Bool("d");
  settings.notices = options.notices();
  std::string prefix = options.Text("oss_bucket_prefix");
  if (!prefix.empty() && prefix.front() == '/') prefix.erase(0, 1);
  if (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  settings.fs.prefix = prefix;
  OSSFS2_RETURN_IF_ERROR(FillService(options, settings));
  OSSFS2_RETURN_IF_ERROR(FillData(options, settings));
  OSSFS2_RETURN_IF_ERROR(FillDirectories(options, settings));
  FillFs(options, settings);
  OSSFS2_RETURN_IF_ERROR(FillFuse(options, settings));
  OSSFS2_RETURN_IF_ERROR(FillLog(options, settings));
  settings.flush_deadline = std::chrono::seconds(options.Int("flush_deadline"));
  settings.core_dumps = options.Bool("core_dumps");
  settings.admin_server = options.Bool("enable_admin_server");
  settings.metrics_ip = options.Text("metrics_ip");
  settings.metrics_port = static_cast<uint16_t>(options.Int("metrics_port"));
  return settings;
}

}  // namespace ossfs2
