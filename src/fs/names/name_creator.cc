#include "fs/names/name_creator.h"

#include <cerrno>

#include "base/values/str.h"
#include "fs/shared/attributes.h"
#include "fs/shared/store_calls.h"
#include "fs/tree/names.h"

namespace ossfs2 {

Status NameCreator::Check(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  MutexLock lock(context_.tree.mutex);
  const Node* directory = context_.tree.Find(parent);
  if (directory == nullptr || directory->unlinked) return NoEntry(name);
  if (!directory->is_directory()) return NotADirectory(context_.tree.Path(directory));
  const std::string key = context_.tree.Key(directory);
  OSSFS2_RETURN_IF_ERROR(CheckGivenName(key, name));
  if (key.size() + name.size() > kKeyBytesMax) return KeyTooLong(name);
  if (IsHiddenName(directory == context_.tree.root(), context_.prefix, name))
    return MakeError(EPERM, ErrorKind::kInvalid,
                     StrCat("'", name, "' is a name that ossfs2 keeps for itself. Take another one."));
  return {};
}

Result<bool> NameCreator::Exists(Ino parent, const std::string& name) {
  Result<bool> absent = resolver_.KnownAbsentForCreate(parent, name);
  if (!absent) return absent.error();
  if (*absent) return false;
  Result<Ino> found = resolver_.Resolve(parent, name);
  if (found) return true;
  if (found.error().errno_value == ENOENT) return false;
  return found.error();
}

Node* NameCreator::Add(Ino parent, const std::string& name, NodeType type, uint32_t mode,
                              const Caller& caller) {
  Node* directory = context_.tree.Find(parent);
  if (directory == nullptr || directory->unlinked) return nullptr;
  Node* node = context_.tree.Child(directory, name);
  if (node != nullptr && node->type != type) return nullptr;
  if (node == nullptr) node = context_.tree.Add(directory, name, type);
  node->local_stamp = context_.tree.NextStamp();
  node->mtime_ns = context_.clock.NowWallNs();
  node->valid_until = context_.ValidUntil();
  SetCreation(context_.tree.Extra(node), type, mode, caller, directory, context_.options);
  context_.tree.absent.Erase(parent, name);
  context_.TouchDirectory(directory);
  ++node->lookups;
  return node;
}

Result<Entry> NameCreator::MakeDirectory(Ino parent, const std::string& name, uint32_t mode,
                                            const Caller& caller) {
  OSSFS2_RETURN_IF_ERROR(Check(parent, name));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  const Error exists_error = NameExists(name);
  Result<bool> exists = Exists(parent, name);
  if (!exists) return exists.error();
  if (*exists) return exists_error;
  std::string key;
  Node made;  // only for its metadata
  made.type = NodeType::kDirectory;
  made.directory = std::make_unique<DirectoryState>();
  made.extra = std::make_unique<NodeExtra>();
  {
    MutexLock lock(context_.tree.mutex);
    const Node* directory = context_.tree.Find(parent);
    if (directory == nullptr || directory->unlinked) return NoEntry(name);
    key = StrCat(context_.tree.Key(directory), name, "/");
    SetCreation(*made.extra, made.type, mode, caller, directory, context_.options);
    const bool marked = context_.mark_guess.Expects(context_.clock.NowSteady());
    made.directory->keeps_attributes = marked ? Known::kYes : Known::kNo;
  }
  if (key.size() > kKeyBytesMax) return KeyTooLong(name);
  WriteOptions options;
  options.metadata = StoredMetadata(&made, context_.options);
  options.forbid_overwrite = true;
  Result<WriteResult> put = PutEmpty(context_.store, key, options);
  if (!put) return put.error().kind == ErrorKind::kAlreadyExists ? exists_error : put.error();
  MutexLock lock(context_.tree.mutex);
  Node* node = Add(parent, name, NodeType::kDirectory, mode, caller);
  if (node == nullptr) return exists_error;
  DirectoryState& state = *node->directory;
  state.marker = Known::kYes;
  state.keeps_attributes = made.directory->keeps_attributes;
  state.marked_ahead = state.keeps_attributes == Known::kYes;
  state.complete = true;  // made here and empty: creates in it need not ask
  state.guess.NoteComplete();
  state.fresh_until = context_.ValidUntil();
  return context_.MakeEntry(node);
}

}  // namespace ossfs2
