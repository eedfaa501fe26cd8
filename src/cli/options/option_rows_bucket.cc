// The bucket, its credentials and its names.
#include "cli/options/option_rows.h"

namespace ossfs2 {
namespace {

using enum OptionType;
using enum OptionGroup;
using enum OptionKind;
using enum OptionSupport;

constexpr int64_t kDaySeconds = 86400;

constexpr OptionSpec kRows[] = {
    // --- bucket ---
    {.name = "oss_endpoint", .since = "2.0.0",
     .effect = "Address of the service: http://HOST[:PORT], https://HOST[:PORT] or a bare host (https). Prefer "
               "the internal endpoint of the region."},
    {.name = "oss_bucket", .since = "2.0.0", .effect = "Name of the bucket."},
    {.name = "oss_bucket_prefix", .since = "2.0.0",
     .effect = "Mount only the keys below this prefix. One leading and one trailing slash are ignored."},
    {.name = "oss_region", .since = "2.0.0",
     .effect = "Region such as cn-hangzhou, for signature V4. Empty: taken from the endpoint's name; when that "
               "tells none, signature V1."},
    {.name = "path_style", .type = kBool, .default_value = "false", .since = "2.0.10",
     .effect = "Put the bucket into the path of the URL instead of the host name. On by itself for addresses."},
    {.name = "cname", .type = kBool, .default_value = "false",
     .effect = "The endpoint is a domain of your own that is bound to the bucket."},
    {.name = "signature_version", .type = kInt, .default_value = "0", .min = 0, .max = 4,
     .effect = "1 or 4; 0 chooses by the region."},
    {.name = "auto_create_bucket", .type = kBool, .default_value = "false", .support = kNotice, .since = "2.0.9",
     .effect = "Create a missing bucket at mount.",
     .note = "a mount never creates buckets; create it in the console or with `ossutil mb`"},
    {.name = "agentic_bucket", .support = kNotice, .since = "2.0.9", .effect = "Tag of a created bucket.",
     .note = "a mount never creates buckets; create it in the console or with `ossutil mb`"},

    // --- credentials ---
    {.name = "oss_access_key_id", .group = kCredentials, .since = "2.0.0",
     .effect = "Access key id. Without it other options, the environment and profiles are asked in turn."},
    {.name = "oss_access_key_secret", .group = kCredentials, .since = "2.0.0",
     .effect = "Access key secret. Better: a credential_file, a role or the environment.", .secret = true},
    {.name = "oss_security_token", .group = kCredentials, .effect = "STS token that belongs to the key pair.",
     .alias = "security_token", .secret = true},
    {.name = "anonymous", .type = kBool, .default_value = "false", .group = kCredentials,
     .effect = "Send no signature: for buckets that everybody may read."},
    {.name = "credential_file", .group = kCredentials,
     .effect = "File with lines ID:SECRET[:TOKEN] or BUCKET:ID:SECRET; mode 0600, otherwise it is refused.",
     .alias = "passwd_file"},
    {.name = "credential_dir", .group = kCredentials,
     .effect = "Directory with the files AccessKeyId, AccessKeySecret and SecurityToken, which may change."},
    {.name = "profile", .group = kCredentials, .effect = "Name of a profile in ~/.aliyun/config.json."},
    {.name = "ram_role", .group = kCredentials, .since = "2.0.2",
     .effect = "RAM role of the ECS instance, or an http:// URL that answers with its keys."},
    {.name = "hardened_metadata", .type = kBool, .default_value = "false", .group = kCredentials,
     .effect = "Ask the instance metadata only in its hardened mode (with a session token)."},
    {.name = "credential_process", .group = kCredentials, .since = "2.0.5",
     .effect = "Absolute command without $ that prints keys as JSON."},
    {.name = "credential_refresh_interval", .type = kInt, .default_value = "0", .min = 0, .max = kDaySeconds,
     .unit = "s", .group = kCredentials, .since = "2.0.8", .effect = "Fetch new keys so often; 0: by their expiry."},
    {.name = "credential_refresh_backoff", .type = kBool, .default_value = "false", .group = kCredentials,
     .since = "2.0.10", .effect = "After a failed refresh wait longer each time instead of 15 s."},
    {.name = "assume_role_arn", .group = kCredentials, .effect = "Take this RAM role through STS with the keys found."},
    {.name = "assume_role_session_name", .default_value = "ossfs2", .group = kCredentials,
     .effect = "Session name of the assumed role."},
    {.name = "assume_role_external_id", .group = kCredentials, .effect = "External id that the role asks for."},
    {.name = "oidc_role_arn", .group = kCredentials, .effect = "RAM role for an OIDC token (RRSA)."},
    {.name = "oidc_provider_arn", .group = kCredentials, .effect = "OIDC provider of that role."},
    {.name = "oidc_token_file", .group = kCredentials,
     .effect = "File with the OIDC token; read anew at each refresh."},
    {.name = "sts_endpoint", .group = kCredentials,
     .effect = "STS service for assumed and OIDC roles. Empty: sts.aliyuncs.com."},

    // --- metadata ---
    {.name = "attr_timeout", .type = kSeconds, .default_value = "60", .min = 0, .unit = "s", .group = kMetadata,
     .since = "2.0.0",
     .effect = "How long attributes and listings are believed, by ossfs2 and by the kernel.", .runtime = true},
    {.name = "fuse_attr_timeout", .type = kSeconds, .default_value = "-1", .min = -1, .unit = "s",
     .group = kMetadata, .kind = kExperimental, .since = "-",
     .effect = "How long the kernel believes attributes; -1: attr_timeout.", .runtime = true},
    {.name = "fuse_entry_timeout", .type = kSeconds, .default_value = "-1", .min = -1, .unit = "s",
     .group = kMetadata, .kind = kExperimental, .since = "-",
     .effect = "How long the kernel believes names; -1: attr_timeout.", .runtime = true},
    {.name = "negative_timeout", .type = kSeconds, .default_value = "0", .min = 0, .unit = "s", .group = kMetadata,
     .since = "2.0.0", .effect = "How long the kernel remembers that a name does not exist.", .runtime = true},
    {.name = "oss_negative_cache_timeout", .type = kSeconds, .default_value = "0", .min = 0, .unit = "s",
     .group = kMetadata, .since = "2.0.2",
     .effect = "How long ossfs2 remembers that a name does not exist; 0: off.", .runtime = true},
    {.name = "oss_negative_cache_size", .type = kInt, .default_value = "10000", .min = 0, .group = kMetadata,
     .since = "2.0.2", .effect = "Absent names remembered at most."},
    {.name = "readdirplus", .type = kBool, .default_value = "true", .group = kMetadata, .since = "2.0.0",
     .effect = "Give attributes with directory entries, so that ls -l asks no more."},
    {.name = "kernel_readdir_cache_timeout", .type = kSeconds, .default_value = "0", .min = 0, .unit = "s",
     .group = kMetadata, .since = "2.0.7", .effect = "How long the kernel may answer readdir itself; 0: never."},
    {.name = "close_to_open", .type = kBool, .default_value = "false", .group = kMetadata, .since = "2.0.0",
     .effect = "Ask the service at each open, so that changes of other hosts are seen at once. Turns sync_upload on."},
    {.name = "metadata_mem_limit", .type = kSize, .default_value = "0", .min = 0, .unit = "bytes",
     .group = kMetadata,
     .effect = "Memory for names, attributes and listings, inside total_mem_limit. 0: an eighth of it, at most 256 "
               "MiB."},
    {.name = "enable_xattr", .type = kBool, .default_value = "true", .group = kMetadata, .since = "2.0.10",
     .effect = "Extended attributes, kept in the object's metadata. (The existing client: only OSS-HDFS.)"},
    {.name = "keep_attributes", .type = kBool, .default_value = "true", .group = kMetadata,
     .effect = "Keep mode, owner and times that a user sets in the object's metadata."},
    {.name = "max_list_ret_count", .type = kInt, .default_value = "1000", .min = 1, .max = 1000, .group = kMetadata,
     .kind = kHidden, .since = "-", .effect = "Entries in one page of a listing."},
    {.name = "use_list_obj_v2", .type = kBool, .default_value = "true", .group = kMetadata, .kind = kHidden,
     .support = kNotice, .since = "-", .effect = "Version of the listing request.",
     .note = "version 2 is always used"},
    {.name = "max_inode_cache_count", .type = kInt, .default_value = "0", .min = 0, .group = kMetadata,
     .kind = kHidden, .support = kNotice, .since = "2.0.4", .effect = "Forgotten inodes kept.",
     .note = "metadata_mem_limit bounds the memory of names and attributes instead"},
    {.name = "inode_cache_eviction_threshold", .type = kInt, .default_value = "0", .min = 0, .group = kMetadata,
     .kind = kExperimental, .support = kNotice, .since = "-", .effect = "Inodes before the kernel is asked to forget.",
     .note = "metadata_mem_limit bounds the memory of names and attributes instead"},
    {.name = "inode_cache_eviction_interval_ms", .type = kInt, .default_value = "30000", .min = 0, .unit = "ms",
     .group = kMetadata, .kind = kExperimental, .support = kNotice, .since = "-",
     .effect = "How often that is looked at.",
     .note = "metadata_mem_limit bounds the memory of names and attributes instead"},
    {.name = "allow_mark_dir_stale_recursively", .type = kBool, .default_value = "false", .group = kMetadata,
     .kind = kHidden, .support = kNotice, .since = "-", .effect = "None in the existing client either.",
     .note = "it has no effect in the existing client either"},
};

}  // namespace

std::span<const OptionSpec> BucketOptionRows() { return kRows; }

}  // namespace ossfs2
