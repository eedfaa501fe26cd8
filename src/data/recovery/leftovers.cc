#include "data/recovery/leftovers.h"

#include <utility>

#include "base/values/str.h"
#include "data/recovery/backup_name.h"
#include "data/recovery/private_names.h"
#include "data/recovery/whole_copy.h"

namespace ossfs2 {
namespace {

bool IsParked(std::string_view key) {
  const std::string_view name = key.substr(FolderOf(key).size());
  return name.substr(0, kParkedNameStart.size()) == kParkedNameStart;
}

Leftover Decide(Leftover item, LeftoverAction action, std::string reason) {
  item.action = action;
  item.reason = std::move(reason);
  return item;
}

Result<Leftover> Judge(ObjectStore& store, const std::string& key, const BackupName& name) {
  Leftover item;
  item.key = key;
  item.target = name.key;
  if (name.key.empty()) return Decide(std::move(item), LeftoverAction::kKeep, "the name of its file is not known");
  Result<ObjectInfo> target = store.Head(name.key);
  if (!target && target.error().kind == ErrorKind::kNotFound) {
    item.target_missing = true;
    return Decide(std::move(item), LeftoverAction::kRestore, "its file is missing");
  }
  if (!target) return target.error();
  Result<ObjectInfo> backup = store.Head(key);
  if (!backup) return backup.error();
  if (target->size == backup->size && target->crc64 && target->crc64 == backup->crc64)
    return Decide(std::move(item), LeftoverAction::kDelete, "its file has the same content");
  if (name.kind == BackupKind::kConverting && target->type == ObjectType::kAppendable && target->size < backup->size)
    return Decide(std::move(item), LeftoverAction::kRestore, "its file was left half rewritten");
  if (name.kind == BackupKind::kProvisional && target->size == name.size) {
    if (!name.crc64 || !target->crc64)
      return Decide(std::move(item), LeftoverAction::kKeep, "its file may be unfinished; there is no checksum to tell");
    if (*name.crc64 == *target->crc64)
      return Decide(std::move(item), LeftoverAction::kRestore, "its file is an unfinished version");
  }
  return Decide(std::move(item), LeftoverAction::kDelete, "its file has a newer version");
}

Status Act(ObjectStore& store, const Leftover& item) {
  if (item.action == LeftoverAction::kKeep) return {};
  if (item.action == LeftoverAction::kRestore) {
    Result<WriteResult> restored = CopyWhole(store, item.key, "", item.target, item.target_missing);
    if (!restored) return restored.error();
  }
  return store.Delete(item.key);
}

void CountOne(LeftoverCount& count, const Leftover& item) {
  if (!item.result) {
    ++count.failed;
    return;
  }
  switch (item.action) {
    case LeftoverAction::kDelete:
      ++count.deleted;
      break;
    case LeftoverAction::kRestore:
      ++count.restored;
      break;
    case LeftoverAction::kKeep:
      ++count.kept;
      break;
  }
}

}  // namespace

Result<LeftoverCount> CleanLeftovers(ObjectStore& store, const std::string& prefix, int64_t before_s, bool dry_run,
                                     const std::function<bool(const std::string& key)>& in_use,
                                     const std::function<void(const Leftover&)>& tell) {
  LeftoverCount count;
  ListRequest request;
  request.prefix = prefix;
  do {
    Result<ListPage> page = store.List(request);
    if (!page) return page.error();
    for (const ListEntry& entry : page->entries) {
      const bool parked = IsParked(entry.key);
      const std::optional<BackupName> backup = parked ? std::nullopt : ParseBackupKey(entry.key);
      if (!parked && !backup) continue;
      if (entry.mtime_s > before_s) {
        ++count.younger;
        continue;
      }
      if (in_use(entry.key)) {
        ++count.in_use;
        continue;
      }
      Leftover item;
      item.key = entry.key;
      if (parked) {
        item = Decide(std::move(item), LeftoverAction::kDelete, "of a file that was unlinked while it was open");
      } else {
        Result<Leftover> judged = Judge(store, entry.key, *backup);
        if (judged)
          item = std::move(*judged);
        else
          item.result = judged.error();
      }
      if (item.result && !dry_run) item.result = Act(store, item);
      CountOne(count, item);
      tell(item);
    }
    request.continuation = page->continuation;
  } while (!request.continuation.empty());
  return count;
}

}  // namespace ossfs2
