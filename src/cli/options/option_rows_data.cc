// How bytes are read and written.
#include "cli/options/option_rows.h"

namespace ossfs2 {
namespace {

using enum OptionType;
using enum OptionGroup;
using enum OptionKind;
using enum OptionSupport;

constexpr int64_t kMiB = 1024 * 1024;
constexpr int64_t kGiB = kMiB * 1024;
constexpr int64_t kObjectBytesLimit = 53'687'091'200'000;  // 48.8 TiB
constexpr int64_t kDaySeconds = 86400;

constexpr std::string_view kAdaptive = "the client adapts itself, so the value changes nothing";
constexpr std::string_view kNoDiskCache =
    "there is no disk tier: every byte crosses the network once per host already, and the page cache keeps it "
    "over close and reopen; the value changes nothing";

constexpr OptionSpec kRows[] = {
    // --- data cache ---
    {.name = "memory_data_cache_size", .type = kSize, .default_value = "0", .min = 0, .unit = "bytes",
     .group = kDataCache, .since = "2.0.5",
     .effect = "Memory that keeps bytes already read for other readers of the same file (tensor-parallel ranks), over "
               "close. Inside total_mem_limit when that is set, else added to the default limit; less is used, with a "
               "notice, where it does not fit."},
    {.name = "cache_until_close", .type = kBool, .default_value = "false", .group = kDataCache,
     .effect = "The existing client's rule: free a file's cached bytes at its last close."},
    {.name = "disk_data_cache_dir", .group = kDataCache, .support = kNotice, .since = "2.0.8",
     .effect = "Local directory of a read cache.", .note = kNoDiskCache},
    {.name = "disk_data_cache_size", .type = kSize, .default_value = "0", .min = 0, .unit = "bytes",
     .group = kDataCache, .support = kNotice, .since = "2.0.8", .effect = "Its size.", .note = kNoDiskCache},
    {.name = "disk_data_cache_io_engine", .type = kChoice, .default_value = "psync", .choices = "psync|libaio",
     .group = kDataCache, .support = kNotice, .since = "2.0.8", .effect = "How it reads.", .note = kNoDiskCache},
    {.name = "libaio_vcpu_count", .type = kInt, .default_value = "4", .min = 1, .max = 1024, .group = kDataCache,
     .kind = kHidden, .support = kNotice, .since = "2.0.9", .effect = "Its threads.", .note = kNoDiskCache},
    {.name = "disk_available_space", .type = kSize, .default_value = "1G", .min = 0, .unit = "bytes",
     .group = kDataCache, .kind = kHidden, .support = kNotice, .since = "2.0.8", .effect = "Disk space it leaves free.",
     .note = kNoDiskCache},
    {.name = "disk_data_cache_max_file_size", .type = kText, .default_value = "-1", .group = kDataCache,
     .kind = kHidden, .support = kNotice, .since = "2.0.10", .effect = "Larger objects use memory.",
     .note = kNoDiskCache},
    {.name = "share_fd_read_buffer", .type = kBool, .default_value = "true", .group = kDataCache, .kind = kHidden,
     .support = kNotice, .since = "2.0.8", .effect = "Handles of a file share read buffers.",
     .note = "all readers of a file always share what was fetched"},
    {.name = "min_reserved_buffer_size_per_file", .type = kSize, .default_value = "1048576", .min = 0, .max = kMiB,
     .unit = "bytes", .group = kDataCache, .kind = kExperimental, .support = kNotice, .since = "-",
     .effect = "Memory kept for each open handle.", .note = "an idle handle keeps no memory"},
    {.name = "cache_type", .type = kChoice, .default_value = "standard", .choices = "standard", .group = kDataCache,
     .kind = kHidden, .support = kNotice, .since = "-", .effect = "Kind of cache.", .note = "there is one kind"},

    // --- prefetch and memory ---
    {.name = "total_mem_limit", .type = kSize, .default_value = "0", .min = 0, .unit = "bytes", .group = kPrefetch,
     .since = "2.0.0",
     .effect = "Hard limit of ossfs2's memory. 0: a quarter of the machine's (or control group's) memory, at most "
               "8 GiB, plus memory_data_cache_size. At most nine tenths of the memory are used; less than 64 MiB is "
               "refused."},
    {.name = "prefetch_concurrency", .type = kInt, .default_value = "256", .min = 0, .max = 4096, .group = kPrefetch,
     .since = "2.0.0", .effect = "GETs in flight at most, all files; 0: no prefetch."},
    {.name = "prefetch_concurrency_per_file", .type = kInt, .default_value = "64", .min = 1, .max = 4096,
     .group = kPrefetch, .since = "2.0.0",
     .effect = "Prefetching GETs in flight at most for one file; what a reader waits for comes on top."},
    {.name = "prefetch_chunk_size", .type = kSize, .default_value = "8M", .min = kMiB, .max = 128 * kMiB,
     .unit = "bytes", .group = kPrefetch, .since = "2.0.0", .effect = "Bytes of one prefetching GET at most."},
    {.name = "prefetch_chunks", .type = kInt, .default_value = "0", .min = -1, .group = kPrefetch, .since = "2.0.0",
     .effect = "Chunks held ahead at most; 0: what memory allows; -1: no other bound."},
    {.name = "detect_whole_file", .type = kBool, .default_value = "true", .group = kPrefetch,
     .effect = "When page faults spread over a file, fetch the rest of it in order ahead of them."},
    {.name = "prefetch_next_shard", .type = kBool, .default_value = "true", .group = kPrefetch,
     .effect = "Near the end of model-00001-of-00009 begin with model-00002-of-00009. Where the page cache is filled "
               "ahead (page_cache_fill_threads), fetch as many bytes of the next files into it as were read whole "
               "before, at most a sixteenth of the memory and 8 GiB."},
    {.name = "page_cache_fill_threads", .type = kInt, .default_value = "-1", .min = -1, .max = 64, .group = kPrefetch,
     .effect = "Threads that put fetched bytes into the page cache before a sequential or mapped reader comes to them; "
               "0: none. -1: an eighth of the cores, at most 8, on hosts with 8 cores or more and 8 GiB of memory "
               "beyond total_mem_limit; cores that the process may use (affinity, a container's limit). No effect with "
               "direct_io."},
    {.name = "verify_read_crc64", .type = kBool, .default_value = "false", .group = kPrefetch,
     .effect = "Compare the CRC64 of objects that are read whole and in order."},
    {.name = "seq_read_detect_count", .type = kInt, .default_value = "3", .min = 0, .max = 64, .group = kPrefetch,
     .kind = kExperimental, .support = kNotice, .since = "-", .effect = "Reads in order before prefetch begins.",
     .note = kAdaptive},
    {.name = "enable_transmission_control", .type = kBool, .default_value = "true", .group = kPrefetch,
     .kind = kExperimental, .support = kNotice, .since = "-", .effect = "Fewer GETs when they become slow.",
     .note = kAdaptive},
    {.name = "tc_max_latency_threshold_us", .type = kInt, .default_value = "5000000", .min = 0, .unit = "us",
     .group = kPrefetch, .kind = kExperimental, .support = kNotice, .since = "-", .effect = "What counts as slow.",
     .note = kAdaptive},
    {.name = "total_rw_mem_ratio", .type = kRatio, .default_value = "0.6", .group = kPrefetch, .kind = kHidden,
     .support = kNotice, .since = "-", .effect = "Share of the memory for buffers.",
     .note = "all memory that metadata does not need serves reads and writes"},

    // --- upload ---
    {.name = "upload_buffer_size", .type = kSize, .default_value = "8M", .min = kMiB, .max = 5 * kGiB,
     .unit = "bytes", .group = kUpload, .since = "2.0.0",
     .effect = "Part size of uploads; it grows with the file, so there is no 78 GiB limit."},
    {.name = "upload_concurrency", .type = kInt, .default_value = "64", .min = 1, .max = 1024, .group = kUpload,
     .since = "2.0.0", .effect = "Parts in flight at most, all files.", .runtime = true},
    {.name = "upload_copy_concurrency", .type = kInt, .default_value = "64", .min = 1, .max = 1024, .group = kUpload,
     .since = "-", .effect = "Server-side part copies of writes in flight at most."},
    {.name = "sync_upload", .type = kBool, .default_value = "true", .group = kUpload, .kind = kHidden,
     .since = "2.0.0", .effect = "close waits for the upload; off: the upload ends after close."},
    {.name = "enable_crc64", .type = kBool, .default_value = "true", .group = kUpload, .since = "2.0.0",
     .effect = "Compare the CRC64 of what was sent before the object is published."},
    {.name = "ignore_fsync", .type = kBool, .default_value = "false", .group = kUpload, .kind = kHidden, .since = "-",
     .effect = "fsync returns at once without saving. (The existing client's default is true.)", .runtime = true},
    {.name = "flush_deadline", .type = kInt, .default_value = "60", .min = 1, .max = kDaySeconds, .unit = "s",
     .group = kUpload,
     .effect = "How long SIGTERM and umount may save unsaved files before they are given up. Then requests under way "
               "are canceled, and the daemon ends about 2 s later.",
     .runtime = true},
    {.name = "enable_appendable_object", .type = kBool, .default_value = "false", .group = kUpload, .since = "2.0.0",
     .effect = "Write Appendable objects."},
    {.name = "appendable_object_autoswitch_threshold", .type = kSize, .default_value = "0", .min = 0, .max = 5 * kGiB,
     .unit = "bytes", .group = kUpload, .since = "2.0.5",
     .effect = "Convert normal objects up to this size to Appendable when they are appended to."},

    // --- random write ---
    {.name = "staging_dir", .group = kRandomWrite, .since = "2.0.9",
     .effect = "Local directory for files that are not written in order. Empty: below state_dir.", .alias = "temp_dir"},
    {.name = "staging_size_max", .type = kSize, .default_value = "0", .min = 0, .unit = "bytes",
     .group = kRandomWrite, .effect = "Bytes staged at most; 0: what the disk has, less the reserve."},
    {.name = "temp_dir_free_bytes", .type = kSize, .default_value = "1G", .min = 64 * kMiB, .unit = "bytes",
     .group = kRandomWrite, .since = "2.0.9", .effect = "Space that staging leaves free on its disk.",
     .alias = "staging_free_bytes"},
    {.name = "temp_dir_free_percent", .type = kInt, .default_value = "0", .min = 0, .max = 100, .unit = "%",
     .group = kRandomWrite, .since = "2.0.9", .effect = "The same as a share of the disk; the larger reserve counts.",
     .alias = "staging_free_percent"},
    {.name = "random_write_max_file_size", .type = kSize, .default_value = "100G", .min = 1,
     .max = kObjectBytesLimit, .unit = "bytes", .group = kRandomWrite, .since = "2.0.9",
     .effect = "Larger files are not staged: EFBIG."},
    {.name = "random_write_chunk_size", .type = kSize, .default_value = "2M", .min = kMiB, .max = 256 * kMiB,
     .unit = "bytes", .group = kRandomWrite, .kind = kHidden, .support = kNotice, .since = "2.0.9",
     .effect = "Unit of staging.", .note = "only the bytes that a write needs are fetched, so there is no unit"},
    {.name = "state_dir", .group = kRandomWrite,
     .effect = "Directory for what must survive a crash: journals and staged files. Empty: /var/lib/ossfs2 as root, "
               "else $XDG_STATE_HOME/ossfs2."},
    {.name = "journal_dir", .group = kRandomWrite,
     .effect = "Journal of open uploads; the next start finishes or aborts them. Empty: below state_dir."},

    // --- rename ---
    {.name = "rename_dir_limit", .type = kInt, .default_value = "2000000", .min = 0, .group = kRename,
     .since = "2.0.0", .effect = "Directories with more files below are not renamed: EMFILE.", .runtime = true},
    {.name = "rename_dir_concurrency", .type = kInt, .default_value = "128", .min = 1, .max = 1024, .group = kRename,
     .kind = kHidden, .since = "-", .effect = "Copies in flight while a directory is renamed.", .runtime = true},
    {.name = "allow_rename_dir", .type = kBool, .default_value = "true", .group = kRename, .kind = kHidden,
     .since = "-", .effect = "Off: renaming a directory fails with ENOTSUP.", .runtime = true},
    {.name = "set_mime_for_rename_dst", .type = kBool, .default_value = "false", .group = kRename, .kind = kHidden,
     .support = kNotice, .since = "-", .effect = "New Content-Type after a rename.",
     .note = "a rename keeps the Content-Type"},

    // --- object properties ---
    {.name = "storage_class", .type = kChoice,
     .choices = "Standard|IA|Archive|ColdArchive|DeepColdArchive", .group = kObject,
     .effect = "Storage class of written objects. Empty: the bucket's."},
    {.name = "sse", .type = kChoice, .choices = "AES256|KMS|SM4", .group = kObject,
     .effect = "Server-side encryption of written objects. Empty: that of the version before, else the bucket's rule."},
    {.name = "sse_key_id", .group = kObject, .effect = "KMS key for sse=KMS."},
    {.name = "object_acl", .type = kChoice, .choices = "default|private|public-read|public-read-write",
     .group = kObject, .effect = "ACL of written objects. Empty: the bucket's."},
    {.name = "tagging", .group = kObject, .effect = "Tags of written objects: k1=v1&k2=v2, URL-encoded."},
    {.name = "user_metadata", .group = kObject,
     .effect = "Metadata of written objects: name=value;name=value (sent as x-oss-meta-name). Names of letters, digits "
               "and '-'; not mode, uid, gid, mtime, atime, xattr."},
    {.name = "requester_pays", .type = kBool, .default_value = "false", .group = kObject,
     .effect = "Agree to pay for requests to a bucket of somebody else."},
    {.name = "traffic_limit", .type = kInt, .default_value = "0", .min = 0, .max = 838'860'800, .unit = "bit/s",
     .group = kObject, .effect = "Speed limit of each connection, from 819200; 0: none.", .runtime = true},
};

}  // namespace

std::span<const OptionSpec> DataOptionRows() { return kRows; }

}  // namespace ossfs2
