// The mount on this host, the network, logs and metrics.
#include "cli/options/option_rows.h"

namespace ossfs2 {
namespace {

using enum OptionType;
using enum OptionGroup;
using enum OptionKind;
using enum OptionSupport;

constexpr int64_t kMiB = 1024 * 1024;

constexpr std::string_view kHdfs = "OSS-HDFS is not supported; mount the bucket itself";

constexpr OptionSpec kRows[] = {
    // --- mount ---
    {.name = "ro", .type = kBool, .default_value = "false", .group = kMount, .since = "2.0.0",
     .effect = "Read-only."},
    {.name = "uid", .type = kInt, .min = 0, .max = 4294967295, .group = kMount, .since = "2.0.1",
     .effect = "Owner shown for objects without one. Empty: who mounts."},
    {.name = "gid", .type = kInt, .min = 0, .max = 4294967295, .group = kMount, .since = "2.0.1",
     .effect = "Group shown for objects without one. Empty: who mounts."},
    {.name = "dir_mode", .type = kMode, .default_value = "0777", .group = kMount, .since = "2.0.1",
     .effect = "Permissions shown for directories without own ones."},
    {.name = "file_mode", .type = kMode, .default_value = "0777", .group = kMount, .since = "2.0.1",
     .effect = "Permissions shown for files without own ones."},
    {.name = "allow_other", .type = kBool, .default_value = "true", .group = kMount, .since = "2.0.1",
     .effect = "Other users may use the mount. Without root it needs user_allow_other in /etc/fuse.conf."},
    {.name = "exec", .type = kBool, .default_value = "true", .group = kMount,
     .effect = "Off (--noexec, or noexec in fstab): no program can be started from the mount."},
    {.name = "enable_symlink", .type = kBool, .default_value = "true", .group = kMount, .since = "2.0.6",
     .effect = "Symbolic links as OSS symlink objects. (The existing client's default is false.)"},
    {.name = "direct_io", .type = kBool, .default_value = "false", .group = kMount,
     .effect = "Reads pass by the page cache: cheaper for big read() calls, nothing stays cached by the kernel. Maps "
               "use it all the same, and so do reads of files beside one that was mapped in the last minute."},
    {.name = "read_ahead_kb", .type = kInt, .default_value = "1024", .min = 0, .max = 1048576, .unit = "KiB",
     .group = kMount, .effect = "Kernel read-ahead of the mount, where permitted; 0: the kernel's own."},
    {.name = "f", .type = kBool, .default_value = "false", .group = kMount, .since = "2.0.0",
     .effect = "Stay in the foreground and log to the terminal unless log_dir is given.", .alias = "foreground"},
    {.name = "d", .type = kBool, .default_value = "false", .group = kMount, .since = "2.0.0",
     .effect = "Foreground and a trace of all FUSE requests."},
    {.name = "nonempty", .type = kBool, .default_value = "false", .group = kMount, .kind = kHidden, .since = "-",
     .effect = "Mount over a directory that has entries."},
    {.name = "fuse_threads", .type = kInt, .default_value = "0", .min = 0, .max = 1024, .group = kMount,
     .kind = kExperimental, .since = "-",
     .effect = "Threads that receive requests; 0: twice the cores, at most 32. None of them waits for the network."},
    {.name = "fuse_device_fd", .type = kInt, .default_value = "-1", .min = -1, .max = 1048576, .group = kMount,
     .since = "2.0.8", .effect = "Number of an opened and mounted /dev/fuse descriptor: mount without privileges."},
    {.name = "default_permissions", .type = kBool, .default_value = "true", .group = kMount, .since = "2.0.10",
     .effect = "The kernel checks permissions by the modes shown. (The existing client: only OSS-HDFS.)"},
    {.name = "oss_hdfs_client_options", .group = kMount, .support = kRefused, .since = "2.0.10",
     .effect = "OSS-HDFS client.", .note = kHdfs},
    {.name = "hdfs_set_owner_on_create", .type = kBool, .default_value = "false", .group = kMount,
     .support = kRefused, .since = "2.0.10", .effect = "OSS-HDFS owner.", .note = kHdfs},

    // --- network ---
    {.name = "oss_request_timeout_ms", .type = kInt, .default_value = "60000", .min = 1000, .max = 900000,
     .unit = "ms", .group = kNetwork, .since = "2.0.0",
     .effect = "Deadline of one operation with all its retries, but for the time in which bytes of an upload move.",
     .runtime = true},
    {.name = "connect_timeout_ms", .type = kInt, .default_value = "5000", .min = 100, .max = 900000, .unit = "ms",
     .group = kNetwork, .effect = "Deadline of making one connection."},
    {.name = "stall_timeout_ms", .type = kInt, .default_value = "15000", .min = 1000, .max = 900000, .unit = "ms",
     .group = kNetwork, .effect = "A transfer without a byte for so long is broken off and repeated.", .runtime = true},
    {.name = "bind_ips", .group = kNetwork, .since = "2.0.3",
     .effect = "Local source addresses, separated by commas, used in turn."},
    {.name = "enable_ipv6", .type = kBool, .default_value = "true", .group = kNetwork, .since = "2.0.10",
     .effect = "Off: use only IPv4 addresses of the endpoint."},
    {.name = "http_proxy", .group = kNetwork, .kind = kHidden, .since = "-",
     .effect = "Proxy: http://HOST:PORT. The metadata service is asked without it.", .secret = true},
    {.name = "ca_file", .group = kNetwork,
     .effect = "PEM bundle of trusted authorities. Empty: SSL_CERT_FILE, then the system's."},
    {.name = "ca_dir", .group = kNetwork, .effect = "Directory of trusted authorities. Empty: SSL_CERT_DIR."},
    {.name = "oss_vcpu_count", .type = kInt, .default_value = "0", .min = 0, .max = 128, .group = kNetwork,
     .kind = kExperimental, .since = "-", .effect = "Network threads; 0: half the cores, 2 to 16."},
    {.name = "use_auth_cache", .type = kBool, .default_value = "false", .group = kNetwork, .kind = kHidden,
     .support = kNotice, .since = "-", .effect = "Reuse signatures for a short time.",
     .note = "each attempt is signed anew; that costs microseconds"},

    // --- logs, metrics, other ---
    {.name = "log_dir", .group = kOperation, .since = "2.0.0",
     .effect = "Directory of the log file (one for each mount), or /dev/stdout, /dev/stderr, syslog. Empty: "
               "/var/log/ossfs2 as root, else $XDG_STATE_HOME/ossfs2; with f the terminal."},
    {.name = "log_level", .type = kChoice, .default_value = "info", .choices = "debug|info|warning|error",
     .group = kOperation, .since = "2.0.0", .effect = "How much is logged.", .runtime = true},
    {.name = "log_format", .type = kChoice, .default_value = "text", .choices = "text|json", .group = kOperation,
     .effect = "Form of a log line."},
    {.name = "log_file_max_size", .type = kSize, .default_value = "64M", .min = kMiB, .unit = "bytes",
     .group = kOperation, .since = "2.0.3", .effect = "The log file is rotated at this size."},
    {.name = "log_file_max_count", .type = kInt, .default_value = "8", .min = 1, .max = 1000, .group = kOperation,
     .since = "2.0.3", .effect = "Log files kept, the current one counted."},
    {.name = "core_dumps", .type = kBool, .default_value = "false", .group = kOperation,
     .effect = "Let the system write a core dump when the daemon crashes. It holds access keys and file data: only for "
               "a diagnosis."},
    {.name = "metrics_port", .type = kInt, .default_value = "0", .min = 0, .max = 65535, .group = kOperation,
     .kind = kPublic, .since = "-", .effect = "Port of a Prometheus endpoint (/metrics); 0: none."},
    {.name = "metrics_ip", .default_value = "127.0.0.1", .group = kOperation, .kind = kPublic, .since = "-",
     .effect = "Address of that endpoint."},
    {.name = "metrics_interval", .type = kInt, .default_value = "60", .min = 0, .unit = "s", .group = kOperation,
     .kind = kHidden, .support = kNotice, .since = "-", .effect = "Period of averages.",
     .note = "the endpoint gives counters and histograms; Prometheus averages them over any period"},
    {.name = "enable_admin_server", .type = kBool, .default_value = "true", .group = kOperation, .kind = kHidden,
     .since = "-", .effect = "The private socket that stats, explain, set and umount use."},
    {.name = "async_task_limit", .type = kInt, .default_value = "1000", .min = 0, .group = kOperation,
     .kind = kHidden, .support = kNotice, .since = "2.0.10", .effect = "Warm-up tasks.",
     .note = "`ossfs2 warmup` reads through the mount and needs no tasks"},
    {.name = "skip_trim_options", .type = kBool, .default_value = "false", .group = kOperation, .kind = kHidden,
     .since = "-", .effect = "Keep blanks around values."},
    {.name = "enable_photon_logs", .type = kBool, .default_value = "false", .group = kOperation, .kind = kHidden,
     .support = kNotice, .since = "-", .effect = "Logs of a library that ours does not use.",
     .note = "that library is not used"},
    {.name = "enable_test_signal_handler", .type = kBool, .default_value = "false", .group = kOperation,
     .kind = kHidden, .support = kNotice, .since = "-", .effect = "Test hook.", .note = "there are no test hooks"},
    {.name = "enable_locking_debug_logs", .type = kBool, .default_value = "false", .group = kOperation,
     .kind = kHidden, .support = kNotice, .since = "-", .effect = "Debug logs of locks.",
     .note = "there is no such log"},
};

}  // namespace

std::span<const OptionSpec> HostOptionRows() { return kRows; }

}  // namespace ossfs2
