#include "fs/names/symbolic_links.h"

#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/shared/attributes.h"
#include "fs/shared/object_facts.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2 {
namespace {

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

// The way from a directory to a target, both as keys below the prefix.
std::string RelativePath(std::string_view directory, std::string_view target) {
  const auto from = SplitPath(directory);
  const auto to = SplitPath(target);
  size_t common = 0;
  while (common < from.size() && common < to.size() && from[common] == to[common]) ++common;
  std::string out;
  for (size_t i = common; i < from.size(); ++i) out += "../";
  for (size_t i = common; i < to.size(); ++i) out += (i > common ? "/" : "") + to[i];
  if (out.empty()) return ".";
  return out;
}

}  // namespace

Status SymbolicLinks::CheckTarget(const std::string& name, const std::string& target) const {
  if (!context_.options.enable_symlink)
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid,
                     StrCat("'", name, "': symbolic links are off. Set enable_symlink=true."));
  if (target.empty()) return MakeError(ENOENT, ErrorKind::kInvalid, StrCat("'", name, "': a symlink needs a target."));
  if (target.size() > kLinkTextBytesMax)
    return MakeError(
        ENAMETOOLONG, ErrorKind::kInvalid,
        StrCat("'", name, "': a symlink's target may have ", kLinkTextBytesMax, " bytes. Link to a shorter path."));
  return {};
}

Result<std::string> SymbolicLinks::TargetKey(Ino parent, const std::string& target) {
  std::vector<std::string> parts;
  if (target.front() != '/') {
    MutexLock lock(context_.tree.mutex);
    const Node* directory = context_.tree.Find(parent);
    if (directory == nullptr || directory->unlinked) return context_.Stale(parent);
    parts = SplitPath(context_.tree.Key(directory).substr(context_.prefix.size()));
  }
  for (const std::string& part : SplitPath(target)) {
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string key = context_.prefix;
  for (size_t i = 0; i < parts.size(); ++i) key += (i > 0 ? "/" : "") + parts[i];
  if (parts.empty()) key += ".";
  if (key.size() > kKeyBytesMax)
    return MakeError(ENAMETOOLONG, ErrorKind::kInvalid,
                     StrCat("The symlink's target '", target, "' would be a key of more than ", kKeyBytesMax,
                            " bytes. Link to a shorter path."));
  return key;
}

Result<Entry> SymbolicLinks::Make(Ino parent, const std::string& name, const std::string& target,
                                  const Caller& caller) {
  OSSFS2_RETURN_IF_ERROR(creator_.Check(parent, name));
  OSSFS2_RETURN_IF_ERROR(CheckTarget(name, target));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  Result<bool> exists = creator_.Exists(parent, name);
  if (!exists) return exists.error();
  const Error exists_error = NameExists(name);
  if (*exists) return exists_error;
  Result<std::string> target_key = TargetKey(parent, target);
  if (!target_key) return target_key.error();
  std::string key;
  Node made;  // only for its metadata
  made.type = NodeType::kSymlink;
  made.mtime_ns = context_.clock.NowWallNs();
  made.extra = std::make_unique<NodeExtra>();
  made.extra->link_target = target;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* directory = context_.tree.Find(parent);
    if (directory == nullptr || directory->unlinked) return NoEntry(name);
    key = context_.tree.Key(directory) + name;
    SetCreation(*made.extra, made.type, 0777, caller, directory, context_.options);
  }
  WriteOptions options;
  options.metadata = StoredMetadata(&made, context_.options);
  options.forbid_overwrite = true;
  if (oss::MetadataWireBytes(options.metadata) > kMetadataBytesMax)
    return MakeError(ENAMETOOLONG, ErrorKind::kInvalid,
                     StrCat("'", name, "': the symlink's target does not fit into the ", kMetadataBytesMax,
                            " bytes of metadata that an object may have. Link to a shorter path."));
  Result<WriteResult> put = context_.store.PutSymlink(key, *target_key, options);
  if (!put) return put.error().kind == ErrorKind::kAlreadyExists ? exists_error : put.error();
  MutexLock lock(context_.tree.mutex);
  creator_.SharesTree(context_.tree);
  Node* node = creator_.Add(parent, name, NodeType::kSymlink, 0777, caller);
  if (node == nullptr) return exists_error;
  node->size = target_key->size();  // as the bucket counts: lists must find this version unchanged
  node->extra->link_target = target;
  context_.tree.Recount(node);
  TakeWritten(context_, node, put->etag, std::nullopt, put->mtime_s);
  return context_.MakeEntry(node);
}

Result<std::string> SymbolicLinks::AskTarget(const std::string& key) {
  Result<std::string> target = context_.store.GetSymlink(key);
  if (!target) return target.error();
  if (target->compare(0, context_.prefix.size(), context_.prefix) != 0) {
    const std::string text = StrCat("The symlink ", key, " leads to ", *target,
                                    ", outside of the mounted prefix. Mount a prefix that has both.");
    LogLimited(LogLevel::kWarning, text);
    return MakeError(ENOENT, ErrorKind::kNotFound, text);
  }
  const std::string_view below(key);
  const size_t slash = below.rfind('/');
  const std::string_view directory =
      slash == std::string_view::npos || slash < context_.prefix.size()
          ? std::string_view()
          : below.substr(context_.prefix.size(), slash - context_.prefix.size());
  return RelativePath(directory, std::string_view(*target).substr(context_.prefix.size()));
}

Result<std::string> SymbolicLinks::Read(Ino ino) {
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino));
  std::string key;
  bool ask_metadata = false;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (node->type != NodeType::kSymlink)
      return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(context_.tree.Path(node), " is not a symlink."));
    if (node->extra && node->extra->link_target) return *node->extra->link_target;
    if (node->unlinked) return context_.Stale(ino);
    ask_metadata = !node->extra || !node->extra->metadata_known;
    key = context_.tree.Key(node);
  }
  if (ask_metadata) {
    Result<ObjectInfo> head = context_.store.Head(key);
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (head && head->type == ObjectType::kSymlink && node != nullptr && !node->unlinked) {
      TakeMetadata(context_.tree, node, *head, MtimeOf::kShownVersion);
      if (node->extra->link_target) return *node->extra->link_target;
    }
  }
  Result<std::string> text = AskTarget(key);
  if (!text) return text;
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node != nullptr && !node->unlinked) {
    context_.tree.Extra(node).link_target = *text;
    context_.tree.Recount(node);
  }
  return text;
}

}  // namespace ossfs2
