#include "fs/attributes/extended_attributes.h"

#include <sys/xattr.h>

#include <cerrno>
#include <optional>

#include "base/values/str.h"
#include "base/values/text.h"
#include "fs/shared/attributes.h"
#include "fs/tree/names.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2 {
namespace {

constexpr std::string_view kUser = "user.";
constexpr std::string_view kFacts = "user.ossfs2.";

Error NoData(std::string_view name) {
  return MakeError(ENODATA, ErrorKind::kNotFound, StrCat("There is no extended attribute '", name, "'."));
}

Error ReadOnlyFact(std::string_view name) {
  return MakeError(
      EPERM, ErrorKind::kInvalid,
      StrCat("'", name, "' is a fact about the object, which cannot be set. Take a name outside of ", kFacts, "*."));
}

Error OnlyUserAttributes(std::string_view name) {
  return MakeError(EOPNOTSUPP, ErrorKind::kInvalid,
                   StrCat("'", name, "' cannot be kept: only extended attributes user.* can."));
}

Error AttributesAreOff(std::string_view name) {
  return MakeError(EOPNOTSUPP, ErrorKind::kInvalid,
                   StrCat("'", name, "': extended attributes are off. Set enable_xattr=true."));
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Result<std::string> Fact(std::string_view name, const Node* node, const std::string& key) {
  if (name == "key") return key;
  if (node->is_directory() || !node->published) return NoData(name);
  if (name == "etag") return node->etag.Text();
  if (name == "storage-class") return std::string(StorageClassName(node->storage_class));
  if (name == "crc64" && node->extra && node->extra->crc64) return StrCat(*node->extra->crc64);
  return NoData(name);
}

Status CheckNewName(const std::string& name) {
  if (name.size() > kNameBytesMax)
    return MakeError(
        ERANGE, ErrorKind::kInvalid,
        StrCat("'", Printable(name), "': an attribute's name may have ", kNameBytesMax, " bytes. Take a shorter one."));
  if (!IsValidUtf8(name))
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", Printable(name), "': an attribute's name must be UTF-8. Take another one."));
  return {};
}

}  // namespace

Result<Node*> ExtendedAttributes::Holder(Ino ino) {
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return context_.Stale(ino);
  if (node->type == NodeType::kSymlink)
    return MakeError(EPERM, ErrorKind::kInvalid,
                     StrCat(context_.tree.Path(node), ": a symlink has no user attributes. Set them on its target."));
  return node;
}

Status ExtendedAttributes::Fetch(Ino ino) {
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino));
  return saver_.FetchForeign(ino);
}

Result<std::string> ExtendedAttributes::Get(Ino ino, const std::string& name) {
  // Asked for by programs for every file: answered without a look at the node. Access lists cannot be here at all:
  // told so, `ls -l` asks for one file only.
  if (!StartsWith(name, kUser))
    return StartsWith(name, "security.") || StartsWith(name, "trusted.") ? NoData(name) : OnlyUserAttributes(name);
  if (!context_.options.enable_xattr) return AttributesAreOff(name);
  const bool is_fact = StartsWith(name, kFacts);
  const bool wants_head = !is_fact || name == "user.ossfs2.crc64";
  OSSFS2_RETURN_IF_ERROR(wants_head ? Fetch(ino) : resolver_.Refresh(ino));
  MutexLock lock(context_.tree.mutex);
  Result<Node*> node = Holder(ino);
  if (!node) return NoData(name);
  if (is_fact) return Fact(std::string_view(name).substr(kFacts.size()), *node, context_.tree.Key(*node));
  if (!(*node)->extra) return NoData(name);
  const auto it = (*node)->extra->xattrs.find(name);
  if (it == (*node)->extra->xattrs.end()) return NoData(name);
  return it->second;
}

Result<std::vector<std::string>> ExtendedAttributes::List(Ino ino) {
  std::vector<std::string> names;
  if (!context_.options.enable_xattr) return names;
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino));
  {
    MutexLock lock(context_.tree.mutex);
    if (!Holder(ino)) return names;
  }
  OSSFS2_RETURN_IF_ERROR(saver_.FetchForeign(ino));
  MutexLock lock(context_.tree.mutex);
  Result<Node*> node = Holder(ino);
  if (!node || !(*node)->extra) return names;
  for (const auto& [name, value] : (*node)->extra->xattrs) names.push_back(name);
  return names;
}

void ExtendedAttributes::Note(Node* node) {
  context_.tree.Recount(node);
  node->extra->xattrs_changed = node->extra->pending = true;
  node->local_stamp = context_.tree.NextStamp();
  saver_.SharesTree(context_.tree);
  if (!node->unlinked) saver_.Note(node);
}

Status ExtendedAttributes::Enter(Node* node, const std::string& name, std::string_view value, int flags) {
  NodeExtra& extra = context_.tree.Extra(node);
  const auto it = extra.xattrs.find(name);
  const bool exists = it != extra.xattrs.end();
  if (exists && (flags & XATTR_CREATE) != 0)
    return MakeError(EEXIST, ErrorKind::kAlreadyExists, StrCat("The extended attribute '", name, "' exists."));
  if (!exists && (flags & XATTR_REPLACE) != 0) return NoData(name);
  const std::optional<std::string> before = exists ? std::optional<std::string>(it->second) : std::nullopt;
  extra.xattrs[name] = std::string(value);
  if (oss::MetadataWireBytes(StoredMetadata(node, context_.options)) > kMetadataBytesMax) {
    if (before)
      extra.xattrs[name] = *before;
    else
      extra.xattrs.erase(name);
    return MakeError(ENOSPC, ErrorKind::kNoSpace,
                     StrCat(context_.tree.Path(node), ": all attributes of one object together may have ",
                            kMetadataBytesMax, " bytes. Remove some, or set a shorter value."));
  }
  extra.ctime_ns = context_.clock.NowWallNs();
  return {};
}

Status ExtendedAttributes::Set(Ino ino, const std::string& name, std::string_view value, int flags) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(ino));
  if (!StartsWith(name, kUser)) return OnlyUserAttributes(name);
  if (!context_.options.enable_xattr) return AttributesAreOff(name);
  if (StartsWith(name, kFacts)) return ReadOnlyFact(name);
  OSSFS2_RETURN_IF_ERROR(CheckNewName(name));
  OSSFS2_RETURN_IF_ERROR(Fetch(ino));
  {
    MutexLock lock(context_.tree.mutex);
    Result<Node*> node = Holder(ino);
    if (!node) return node.error();
    OSSFS2_RETURN_IF_ERROR(Enter(*node, name, value, flags));
    Note(*node);
  }
  return saver_.SaveAtEnd(ino);
}

Status ExtendedAttributes::Remove(Ino ino, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(ino));
  if (!StartsWith(name, kUser)) return NoData(name);
  if (StartsWith(name, kFacts)) return ReadOnlyFact(name);
  OSSFS2_RETURN_IF_ERROR(Fetch(ino));
  {
    MutexLock lock(context_.tree.mutex);
    Result<Node*> node = Holder(ino);
    if (!node) return node.error();
    if (!(*node)->extra || (*node)->extra->xattrs.erase(name) == 0) return NoData(name);
    Note(*node);
  }
  return saver_.SaveAtEnd(ino);
}

}  // namespace ossfs2
