// The option table: complete rows, every option of the existing client, and values checked with a text that helps.
#include "cli/options/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

using testing::HasSubstr;

TEST(OptionTable, NamesAreUniqueAndEveryRowIsComplete) {
  std::set<std::string_view> names;
  for (const OptionSpec& spec : OptionTable()) {
    SCOPED_TRACE(spec.name);
    EXPECT_TRUE(names.insert(spec.name).second);
    EXPECT_TRUE(spec.alias.empty() || names.insert(spec.alias).second);
    EXPECT_FALSE(spec.effect.empty());
    EXPECT_EQ(spec.effect.back() == '.' || spec.effect.back() == ')', true) << "a sentence";
    EXPECT_EQ(spec.note.empty(), spec.support == OptionSupport::kWorks)
        << "a reason exactly when it does not work";
    EXPECT_EQ(FindOption(spec.name), &spec);
  }
}

TEST(OptionTable, EveryDefaultIsAllowed) {
  for (const OptionSpec& spec : OptionTable()) {
    const Status checked = CheckValue(spec, spec.default_value);
    EXPECT_TRUE(checked) << (checked ? "" : checked.error().text);
  }
}

// Config files of the existing client name these; each must be known.
TEST(OptionTable, KnowsEveryOptionOfTheExistingClient) {
  for (const char* name : {"oss_endpoint",
                           "oss_bucket",
                           "oss_bucket_prefix",
                           "oss_region",
                           "path_style",
                           "auto_create_bucket",
                           "agentic_bucket",
                           "oss_access_key_id",
                           "oss_access_key_secret",
                           "ram_role",
                           "credential_process",
                           "credential_refresh_interval",
                           "credential_refresh_backoff",
                           "attr_timeout",
                           "fuse_attr_timeout",
                           "fuse_entry_timeout",
                           "negative_timeout",
                           "oss_negative_cache_timeout",
                           "oss_negative_cache_size",
                           "readdirplus",
                           "kernel_readdir_cache_timeout",
                           "close_to_open",
                           "max_inode_cache_count",
                           "inode_cache_eviction_threshold",
                           "inode_cache_eviction_interval_ms",
                           "allow_mark_dir_stale_recursively",
                           "use_list_obj_v2",
                           "max_list_ret_count",
                           "memory_data_cache_size",
                           "disk_data_cache_dir",
                           "disk_data_cache_size",
                           "disk_data_cache_io_engine",
                           "libaio_vcpu_count",
                           "disk_available_space",
                           "disk_data_cache_max_file_size",
                           "share_fd_read_buffer",
                           "min_reserved_buffer_size_per_file",
                           "cache_type",
                           "prefetch_concurrency",
                           "prefetch_concurrency_per_file",
                           "prefetch_chunk_size",
                           "prefetch_chunks",
                           "seq_read_detect_count",
                           "enable_transmission_control",
                           "tc_max_latency_threshold_us",
                           "total_mem_limit",
                           "total_rw_mem_ratio",
                           "upload_buffer_size",
                           "upload_concurrency",
                           "upload_copy_concurrency",
                           "sync_upload",
                           "enable_crc64",
                           "enable_appendable_object",
                           "appendable_object_autoswitch_threshold",
                           "ignore_fsync",
                           "temp_dir",
                           "random_write_max_file_size",
                           "temp_dir_free_bytes",
                           "temp_dir_free_percent",
                           "random_write_chunk_size",
                           "rename_dir_limit",
                           "rename_dir_concurrency",
                           "allow_rename_dir",
                           "set_mime_for_rename_dst",
                           "ro",
                           "uid",
                           "gid",
                           "dir_mode",
                           "file_mode",
                           "allow_other",
                           "enable_symlink",
                           "f",
                           "d",
                           "nonempty",
                           "fuse_threads",
                           "fuse_device_fd",
                           "oss_request_timeout_ms",
                           "bind_ips",
                           "enable_ipv6",
                           "http_proxy",
                           "use_auth_cache",
                           "oss_vcpu_count",
                           "log_dir",
                           "log_level",
                           "log_file_max_size",
                           "log_file_max_count",
                           "metrics_port",
                           "metrics_ip",
                           "metrics_interval",
                           "enable_admin_server",
                           "async_task_limit",
                           "enable_photon_logs",
                           "skip_trim_options",
                           "enable_test_signal_handler",
                           "enable_locking_debug_logs",
                           "oss_hdfs_client_options",
                           "default_permissions",
                           "enable_xattr",
                           "hdfs_set_owner_on_create"}) {
    const OptionSpec* spec = FindOption(name);
    ASSERT_NE(spec, nullptr) << name;
    EXPECT_NE(spec->since, "3.0.0") << name << (spec->alias == name ? " is only an alias" : "");
  }
}

TEST(OptionTable, FindsNamesWithDashesAndAliases) {
  EXPECT_EQ(FindOption("oss-bucket"), FindOption("oss_bucket"));
  EXPECT_EQ(FindOption("temp_dir"), FindOption("staging_dir"));
  EXPECT_EQ(FindOption("oss_buckets"), nullptr);
}

struct Typo {
  const char* typed;
  const char* meant;
};

TEST(OptionTable, SuggestsTheNearestName) {
  for (const Typo& typo :
       {Typo{"oss_buket", "oss_bucket"}, Typo{"oss_endpiont", "oss_endpoint"},
        Typo{"endpoint", "oss_endpoint"}, Typo{"memory_cache_size", "memory_data_cache_size"},
        Typo{"total_memory_limit", "total_mem_limit"}, Typo{"prefetch_chunk", "prefetch_chunks"},
        Typo{"log_levl", "log_level"}, Typo{"readdir_plus", "readdirplus"}, Typo{"url", "oss_endpoint"},
        Typo{"umask", "file_mode"}, Typo{"public_bucket", "anonymous"}})
    EXPECT_EQ(NearestOption(typo.typed), typo.meant) << typo.typed;
  EXPECT_EQ(NearestOption("completely_unrelated_words_here"), "");
}

TEST(OptionTable, EditDistanceCountsSwapsOnce) {
  EXPECT_EQ(EditDistance("abc", "abc"), 0u);
  EXPECT_EQ(EditDistance("abc", "acb"), 1u);
  EXPECT_EQ(EditDistance("abc", "ab"), 1u);
  EXPECT_EQ(EditDistance("abc", "xyz"), 3u);
  EXPECT_EQ(EditDistance("", "abcd"), 4u);
}

struct ValueCase {
  const char* option;
  const char* value;
  bool allowed;
};

TEST(OptionTable, ChecksValues) {
  for (const ValueCase& test : {
           ValueCase{"upload_buffer_size", "8m", true},
           {"upload_buffer_size", "8MiB", true},
           {"upload_buffer_size", "1", false},
           {"upload_buffer_size", "6G", false},
           {"upload_buffer_size", "1.5m", false},
           {"upload_buffer_size", "-1", false},
           {"upload_buffer_size", "99999999999999P", false},
           {"prefetch_chunks", "-1", true},
           {"prefetch_chunks", "-2", false},
           {"prefetch_chunks", "1x", false},
           {"upload_concurrency", "0", false},
           {"upload_concurrency", "1024", true},
           {"upload_concurrency", "1025", false},
           {"upload_concurrency", "", false},
           {"dir_mode", "0755", true},
           {"dir_mode", "755", false},
           {"dir_mode", "0799", false},
           {"dir_mode", "1777", false},
           {"ro", "TRUE", true},
           {"ro", "maybe", false},
           {"attr_timeout", "0.5", true},
           {"attr_timeout", "-1", false},
           {"attr_timeout", "nan", false},
           {"fuse_attr_timeout", "-1", true},
           {"log_level", "debug", true},
           {"log_level", "loud", false},
           {"uid", "4294967295", true},
           {"uid", "4294967296", false},
           {"uid", "", true},
           {"total_rw_mem_ratio", "0.6", true},
           {"total_rw_mem_ratio", "1", false},
           {"sse", "", true},
           {"sse", "AES128", false},
           {"oss_bucket", "a\nb", false},
       }) {
    EXPECT_EQ(CheckValue(*FindOption(test.option), test.value).has_value(), test.allowed)
        << test.option << "=" << test.value;
  }
}

TEST(OptionTable, ErrorsSayWhatIsAllowedAndHideSecrets) {
  EXPECT_THAT(CheckValue(*FindOption("upload_buffer_size"), "6G").error().text, HasSubstr("1 MiB..5 GiB"));
  EXPECT_THAT(CheckValue(*FindOption("log_level"), "loud").error().text,
              HasSubstr("debug|info|warning|error"));
  EXPECT_THAT(CheckValue(*FindOption("oss_access_key_secret"), "hush\nhush").error().text,
              testing::Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace ossfs2
