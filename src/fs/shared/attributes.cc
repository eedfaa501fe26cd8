#include "fs/shared/attributes.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "base/time/wall_time.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/shared/xattr_codec.h"
#include "fs/tree/names.h"
#include "oss/protocol/object_headers.h"
#include "oss/signing/encoding.h"

namespace ossfs2 {
namespace {

std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

uint32_t TypeBits(const Node* node) {
  if (node->type == NodeType::kSymlink) return S_IFLNK;
  return node->is_directory() ? S_IFDIR : S_IFREG;
}

uint32_t ShownMode(const Node* node, const FsOptions& options) {
  if (node->type == NodeType::kSymlink) return 0777;
  if (node->extra && node->extra->mode) return *node->extra->mode;
  return node->is_directory() ? options.dir_mode : options.file_mode;
}

}  // namespace

bool IsAttributeMetadata(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"mode", "uid", "gid", "mtime", "atime", "xattr"};
  if (name == kFlagMetadata || name == kLinkMetadata) return true;
  return std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
}

Attr ShownAttr(const Node* node, const FsOptions& options) {
  Attr attr;
  attr.ino = node->ino;
  attr.mode = TypeBits(node) | (ShownMode(node, options) & 07777);
  attr.nlink = node->unlinked ? 0 : 1;
  attr.uid = options.uid;
  attr.gid = options.gid;
  attr.size = node->size;
  attr.mtime_ns = node->mtime_ns;
  const NodeExtra* extra = node->extra.get();
  if (extra != nullptr) {
    attr.uid = extra->uid.value_or(options.uid);
    attr.gid = extra->gid.value_or(options.gid);
    if (extra->link_target && node->type == NodeType::kSymlink) attr.size = extra->link_target->size();
    if (extra->open) {
      attr.size = std::min(attr.size, extra->open->shown_size.value_or(attr.size));
      const auto writer = extra->open->writer();
      if (writer && extra->open->ahead()) {
        attr.size = writer->size();
        const int64_t written_ns = extra->open->last_write_ns;
        if (written_ns != 0) attr.mtime_ns = written_ns;
      }
    }
  }
  attr.ctime_ns = extra != nullptr ? std::max(attr.mtime_ns, extra->ctime_ns) : attr.mtime_ns;
  attr.atime_ns = extra != nullptr && extra->atime_ns ? *extra->atime_ns : attr.mtime_ns;
  return attr;
}

std::string FormatTime(int64_t ns) {
  int64_t seconds = ns / kNsPerSecond;
  int64_t fraction = ns % kNsPerSecond;
  if (fraction < 0) {
    fraction += kNsPerSecond;
    --seconds;
  }
  std::string out = std::to_string(seconds);
  if (fraction == 0) return out;
  std::string digits = std::to_string(fraction);
  return StrCat(out, ".", std::string(9 - digits.size(), '0'), digits);
}

std::optional<int64_t> ParseTime(std::string_view text) {
  int64_t seconds = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seconds);
  if (parsed.ec != std::errc() || seconds > kWallSecondsMax || seconds < -kWallSecondsMax) return std::nullopt;
  if (parsed.ptr == end) return seconds * kNsPerSecond;
  if (*parsed.ptr != '.') return std::nullopt;
  int64_t fraction = 0;
  int64_t unit = kNsPerSecond;
  for (const char* at = parsed.ptr + 1; at != end; ++at) {
    if (*at < '0' || *at > '9') return std::nullopt;
    unit /= 10;
    fraction += (*at - '0') * unit;
  }
  return seconds * kNsPerSecond + fraction;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto parsed = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

namespace {

void Take(NodeExtra& extra, Node* node, const ObjectInfo& info, MtimeOf mtime_of) {
  extra.metadata_known = true;
  extra.content_type = info.content_type;
  extra.serving = info.serving;
  extra.encryption = info.encryption;
  extra.tag_count = info.tag_count;
  extra.restore = info.restore;
  extra.crc64 = info.crc64;
  extra.foreign.clear();
  const auto find = [&info](std::string_view name) -> std::optional<std::string> {
    const auto it = info.metadata.find(std::string(name));
    return it == info.metadata.end() ? std::nullopt : std::optional<std::string>(it->second);
  };
  for (const auto& [name, value] : info.metadata)
    if (!IsAttributeMetadata(name)) extra.foreign[name] = value;
  if (const auto link = find(kLinkMetadata); link && node->type == NodeType::kSymlink)
    extra.link_target = PercentDecode(*link);
  if (!extra.xattrs_changed) {
    extra.xattrs.clear();
    if (const auto text = find("xattr"))
      if (auto xattrs = DecodeXattrs(*text)) extra.xattrs = std::move(*xattrs);
  }
  // On a marker the flag speaks of the files in the directory.
  const bool chosen = find(node->is_directory() ? std::string_view("mtime") : kFlagMetadata).has_value();
  const bool replaces_mtime = mtime_of == MtimeOf::kNewVersion || chosen;
  if (extra.pending) {
    if (!extra.mtime_chosen && replaces_mtime)
      if (const auto text = find("mtime")) node->mtime_ns = ParseTime(*text).value_or(node->mtime_ns);
    const auto fill = [&find](std::optional<uint32_t>& field, std::string_view name) {
      if (!field)
        if (const auto text = find(name)) field = ParseNumber(*text);
    };
    fill(extra.mode, "mode");
    if (extra.mode) *extra.mode &= 07777;
    fill(extra.uid, "uid");
    fill(extra.gid, "gid");
    return;
  }
  extra.chosen = chosen;
  const auto number = [&find](std::string_view name) -> std::optional<uint32_t> {
    const auto text = find(name);
    return text ? ParseNumber(*text) : std::nullopt;
  };
  extra.mode = number("mode");
  if (extra.mode) *extra.mode &= 07777;
  extra.uid = number("uid");
  extra.gid = number("gid");
  const auto atime = find("atime");
  extra.atime_ns = atime ? ParseTime(*atime) : std::nullopt;
  const auto mtime = find("mtime");
  if (mtime && replaces_mtime) node->mtime_ns = ParseTime(*mtime).value_or(node->mtime_ns);
}

}  // namespace

void TakeMetadata(Tree& tree, Node* node, const ObjectInfo& info, MtimeOf mtime_of) {
  Take(tree.Extra(node), node, info, mtime_of);
  tree.Recount(node);
}

void SetCreation(NodeExtra& extra, NodeType type, uint32_t mode, const Caller& caller, const Node* directory,
                 const FsOptions& options) {
  const uint32_t usual = type == NodeType::kDirectory ? options.dir_mode : options.file_mode;
  const Attr above = ShownAttr(directory, options);
  const bool shares_group = (above.mode & S_ISGID) != 0;
  const uint32_t gid = shares_group ? above.gid : caller.gid;
  mode &= 07777 & ~caller.umask;
  if (shares_group && type == NodeType::kDirectory) mode |= S_ISGID;
  if (type != NodeType::kSymlink && mode != (usual & 07777)) extra.mode = mode;
  if (caller.uid != options.uid) extra.uid = caller.uid;
  if (gid != options.gid) extra.gid = gid;
  // What somebody made private must not become public in the listing of another mount.
  if (type == NodeType::kFile && (mode & 077) == 0 && (usual & 077) != 0) extra.chosen = true;
  extra.metadata_known = true;
}

Metadata StoredMetadata(const Node* node, const FsOptions& options) {
  Metadata metadata;
  const NodeExtra* extra = node->extra.get();
  if (extra != nullptr) metadata = extra->foreign;
  if (extra != nullptr && node->type == NodeType::kSymlink && extra->link_target)
    metadata[std::string(kLinkMetadata)] = oss::PercentEncodePath(*extra->link_target);
  const bool flagged = node->is_directory() && node->directory->keeps_attributes == Known::kYes;
  if (flagged || (extra != nullptr && extra->chosen)) metadata[std::string(kFlagMetadata)] = "1";
  if (!options.keep_attributes) return metadata;
  if (!node->is_directory() || (extra != nullptr && extra->chosen))
    metadata["mtime"] = FormatTime(node->mtime_ns);
  if (extra == nullptr) return metadata;
  if (extra->mode) metadata["mode"] = std::to_string(TypeBits(node) | *extra->mode);
  if (extra->uid) metadata["uid"] = std::to_string(*extra->uid);
  if (extra->gid) metadata["gid"] = std::to_string(*extra->gid);
  if (extra->atime_ns) metadata["atime"] = FormatTime(*extra->atime_ns);
  if (!extra->xattrs.empty()) metadata["xattr"] = EncodeXattrs(extra->xattrs);
  return metadata;
}

Status CheckMetadata(const Metadata& metadata, const std::string& what) {
  if (oss::MetadataWireBytes(metadata) <= kMetadataBytesMax) return {};
  return MakeError(ENOSPC, ErrorKind::kNoSpace,
                   StrCat(what, ": all attributes of one object together may have ", kMetadataBytesMax,
                          " bytes. Remove extended attributes, or set shorter values."));
}

void MarkStored(NodeExtra& extra) { extra.pending = extra.mtime_chosen = extra.xattrs_changed = false; }

}  // namespace ossfs2
