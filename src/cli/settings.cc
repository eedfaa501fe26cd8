#include "cli/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <thread>

#include "base/cpu_pressure.h"
#include "base/environment.h"
#include "base/str.h"
#include "cli/mount_name.h"

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
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (cores < kCoresMin || plan.available_bytes < plan.total_bytes + kCacheBytesMin) return 0;
  return std::min(cores / 8, 8);
}

// What of the next shards may lie in the page cache unread.
constexpr uint64_t kLeadShare = 16;  // of the memory
constexpr uint64_t kLeadBytesMax = 8ull << 30;

Error Refuse(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    const std::string_view part = Trim(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return parts;
}

// The host[:port] of an endpoint.
std::string HostOf(std::string_view endpoint) {
  const size_t scheme = endpoint.find("://");
  if (scheme != std::string_view::npos) endpoint = endpoint.substr(scheme + 3);
  return std::string(endpoint.substr(0, endpoint.find('/')));
}

Status CheckEndpoint(const std::string& endpoint) {
  if (endpoint.empty())
    return Refuse("oss_endpoint is missing; give --oss_endpoint=https://oss-REGION-internal.aliyuncs.com");
  const size_t scheme = endpoint.find("://");
  if (scheme != std::string::npos && endpoint.substr(0, scheme) != "http" &&
      endpoint.substr(0, scheme) != "https")
    return Refuse(StrCat("oss_endpoint: \"", endpoint, "\" must begin with http:// or https://"));
  const std::string host = HostOf(endpoint);
  const size_t after = (scheme == std::string::npos ? 0 : scheme + 3) + host.size();
  if (host.empty() || host.find_first_of(" \t@?#") != std::string::npos ||
      endpoint.find_first_not_of('/', after) != std::string::npos)
    return Refuse(
        StrCat("oss_endpoint: \"", endpoint, "\" is not a host name, such as oss-cn-hangzhou.aliyuncs.com"));
  return {};
}

Status FillOss(const OptionSet& options, Settings& settings) {
  oss::OssConfig& oss = settings.oss;
  oss.endpoint = options.Text("oss_endpoint");
  OSSFS2_RETURN_IF_ERROR(CheckEndpoint(oss.endpoint));
  while (!oss.endpoint.empty() && oss.endpoint.back() == '/') oss.endpoint.pop_back();
  oss.bucket = options.Text("oss_bucket");
  if (oss.bucket.empty()) return Refuse("oss_bucket is missing; give --oss_bucket=NAME");
  if (oss.bucket.find_first_of("/:@ ") != std::string::npos)
    return Refuse(
        StrCat("oss_bucket: \"", oss.bucket, "\" is not a bucket name; a prefix goes to oss_bucket_prefix"));
  oss.region = options.Text("oss_region");
  oss.path_style = options.Bool("path_style");
  oss.cname = options.Bool("cname");
  oss.signature_version = static_cast<int>(options.Int("signature_version"));
  if (oss.signature_version != 0 && oss.signature_version != 1 && oss.signature_version != 4)
    return Refuse("signature_version: only 0, 1 and 4 exist");
  oss.request_timeout = std::chrono::milliseconds(options.Int("oss_request_timeout_ms"));
  oss.connect_timeout = std::chrono::milliseconds(options.Int("connect_timeout_ms"));
  oss.stall_timeout = std::chrono::milliseconds(options.Int("stall_timeout_ms"));
  oss.check_crc64 = options.Bool("enable_crc64");
  oss.storage_class = options.Text("storage_class");
  oss.sse = options.Text("sse");
  oss.sse_key_id = options.Text("sse_key_id");
  if (!oss.sse_key_id.empty() && oss.sse != "KMS") return Refuse("sse_key_id needs sse=KMS");
  oss.object_acl = options.Text("object_acl");
  oss.tagging = options.Text("tagging");
  for (const std::string& pair : Split(options.Text("user_metadata"), ';')) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos)
      return Refuse(StrCat("user_metadata: \"", pair, "\" is not name=value"));
    std::string name = pair.substr(0, equals);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    oss.user_metadata[name] = pair.substr(equals + 1);
  }
  oss.requester_pays = options.Bool("requester_pays");
  oss.traffic_limit_bits_per_s = static_cast<uint64_t>(options.Int("traffic_limit"));
  if (oss.traffic_limit_bits_per_s != 0 && oss.traffic_limit_bits_per_s < 819'200)
    return Refuse("traffic_limit: the service allows 819200 to 838860800 bit/s");
  return {};
}

Status FillHttp(const OptionSet& options, http::HttpConfig& http) {
  http.loop_threads = static_cast<int>(options.Int("oss_vcpu_count"));
  http.proxy = options.Text("http_proxy");
  http.source_addresses = Split(options.Text("bind_ips"), ',');
  http.ipv6 = options.Bool("enable_ipv6");
  http.ca_file = options.Text("ca_file");
  http.ca_dir = options.Text("ca_dir");
  if (!http.ca_file.empty() && access(http.ca_file.c_str(), R_OK) != 0)
    return ErrnoError(errno, StrCat("ca_file ", http.ca_file));
  if (!http.ca_dir.empty() && access(http.ca_dir.c_str(), R_OK | X_OK) != 0)
    return ErrnoError(errno, StrCat("ca_dir ", http.ca_dir));
  return {};
}

// An address in brackets has no other family to go to.
Status CheckFamily(const std::string& endpoint, bool ipv6) {
  if (ipv6 || HostOf(endpoint).rfind('[', 0) != 0) return {};
  return Refuse(StrCat("oss_endpoint: ", endpoint, " is an IPv6 address, and enable_ipv6 is off; leave that out"));
}

Status FillCredentials(const OptionSet& options, Settings& settings) {
  oss::CredentialOptions& keys = settings.credentials;
  keys.anonymous = options.Bool("anonymous");
  keys.access_key_id = options.Text("oss_access_key_id");
  keys.access_key_secret = options.Text("oss_access_key_secret");
  keys.security_token = options.Text("oss_security_token");
  if (keys.access_key_id.empty() != keys.access_key_secret.empty()) {
    // As the existing client: with one half missing, both come from the environment.
    if (EnvironmentText("OSS_ACCESS_KEY_ID").empty() || EnvironmentText("OSS_ACCESS_KEY_SECRET").empty())
      return Refuse(StrCat(keys.access_key_id.empty() ? "oss_access_key_id" : "oss_access_key_secret",
                           " is missing, and OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not set"));
    settings.notices.push_back("one half of the key pair is missing; both come from the environment");
    keys.access_key_id.clear();
    keys.access_key_secret.clear();
  }
  if (!keys.security_token.empty() && keys.access_key_id.empty())
    return Refuse(
        "oss_security_token belongs to a key pair; give oss_access_key_id and oss_access_key_secret too");
  keys.credential_file = options.Text("credential_file");
  keys.credential_dir = options.Text("credential_dir");
  keys.credential_process = options.Text("credential_process");
  if (!keys.credential_process.empty() &&
      (keys.credential_process[0] != '/' || keys.credential_process.find('$') != std::string::npos))
    return Refuse("credential_process must be an absolute path with arguments, without $");
  keys.ram_role = options.Text("ram_role");
  keys.hardened_metadata = options.Bool("hardened_metadata");
  keys.profile = options.Text("profile");
  keys.assume_role_arn = options.Text("assume_role_arn");
  keys.assume_role_session_name = options.Text("assume_role_session_name");
  keys.assume_role_external_id = options.Text("assume_role_external_id");
  keys.oidc_role_arn = options.Text("oidc_role_arn");
  keys.oidc_provider_arn = options.Text("oidc_provider_arn");
  keys.oidc_token_file = options.Text("oidc_token_file");
  keys.sts_endpoint = options.Text("sts_endpoint");
  keys.bucket = settings.oss.bucket;
  keys.refresh_interval = std::chrono::seconds(options.Int("credential_refresh_interval"));
  keys.refresh_backoff = options.Bool("credential_refresh_backoff");
  return {};
}

Status FillData(const OptionSet& options, Settings& settings) {
  MemoryWishes wishes;
  wishes.total_bytes = options.Size("total_mem_limit");
  wishes.cache_bytes = options.Size("memory_data_cache_size");
  wishes.metadata_bytes = options.Size("metadata_mem_limit");
  auto plan = PlanMemory(AvailableMemory(), wishes);
  if (!plan) return plan.error();
  settings.memory = *plan;
  if (!plan->notice.empty()) settings.notices.push_back(plan->notice);

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
    if (!path.empty() && StrCat(path, "/").rfind(StrCat(settings.mount_point, "/"), 0) == 0)
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
  fuse.source = StrCat(settings.oss.bucket, ".", HostOf(settings.oss.endpoint), ":/", fs.prefix);
  fuse.allow_other = options.Bool("allow_other");
  if (fuse.allow_other && geteuid() != 0 && !UsersMayAllowOther()) {
    if (options.IsSet("allow_other"))
      return Refuse("allow_other: /etc/fuse.conf must have the line user_allow_other, or mount as root");
    fuse.allow_other = false;
    settings.notices.push_back("only you can use the mount: /etc/fuse.conf has no line user_allow_other");
  }
  fuse.read_only = fs.read_only;
  fuse.debug = options.Bool("d");
  fuse.nonempty = options.Bool("nonempty");
  fuse.default_permissions = options.Bool("default_permissions");
  fuse.readdirplus = options.Bool("readdirplus") &&
                     (fs.attr_timeout_s > 0 || fs.kernel_attr_timeout_s > 0 || fs.kernel_entry_timeout_s > 0);
  fuse.worker_threads = static_cast<int>(options.Int("fuse_threads"));
  fuse.device_fd = static_cast<int>(options.Int("fuse_device_fd"));
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
  if (directory == "/dev/stdout" || directory == "/dev/stderr" || directory == "syslog") {
    if (directory != "syslog" && !settings.foreground)
      return Refuse(StrCat("log_dir=", directory, " needs the foreground; add -f, or use log_dir=syslog"));
    log.target = directory;
    return {};
  }
  if (directory.empty() && settings.foreground) {
    log.target = "/dev/stdout";
    return {};
  }
  if (directory.empty()) directory = DefaultLogDirectory();
  if (directory[0] != '/') return Refuse(StrCat("log_dir: \"", directory, "\" is not an absolute path"));
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (!settings.mount_point.empty() &&
      StrCat(directory, "/").rfind(StrCat(settings.mount_point, "/"), 0) == 0)
    return Refuse(StrCat("log_dir: ", directory, " lies inside the mount point; choose another directory"));
  log.target = StrCat(directory, "/", MountName(settings.mount_point), ".log");
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
  OSSFS2_RETURN_IF_ERROR(FillOss(options, settings));
  OSSFS2_RETURN_IF_ERROR(FillHttp(options, settings.http));
  OSSFS2_RETURN_IF_ERROR(CheckFamily(settings.oss.endpoint, settings.http.ipv6));
  OSSFS2_RETURN_IF_ERROR(FillCredentials(options, settings));
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
