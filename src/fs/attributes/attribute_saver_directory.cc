// What AttributeSaver keeps of directories: their markers, with their attributes and the flag of their files.
#include <utility>

#include "base/report/log.h"
#include "base/report/metrics.h"
#include "base/values/str.h"
#include "fs/attributes/attribute_saver.h"
#include "fs/shared/attributes.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr int kMarkerTriesMax = 8;

Counter& MarksRefused() {
  static Counter& counter = Registry::Default().counter(
      "attribute_marks_refused_total",
      "Directories that could not be marked as having files with attributes of their own.");
  return counter;
}

}  // namespace

Status AttributeSaver::EnsureFlag(Ino directory) {
  bool bucket_root = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->unlinked) return {};
    const bool marked = node->directory->keeps_attributes == Known::kYes;
    const bool first = std::exchange(node->directory->marked_ahead, false) || !marked;
    context_.mark_guess.NoteNeeded(context_.clock.NowSteady(), first);
    if (marked) return {};
    bucket_root = node->parent == nullptr && context_.prefix.empty();
  }
  if (bucket_root) {
    Result<WriteResult> put = PutEmpty(context_.store, std::string(kRootFlagName), {});
    if (!put) return put.error();
    MutexLock lock(context_.tree.mutex);
    context_.tree.root()->directory->keeps_attributes = Known::kYes;
    return {};
  }
  OSSFS2_RETURN_IF_ERROR(FetchForeign(directory));
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->directory->keeps_attributes == Known::kYes) return {};
    node->directory->keeps_attributes = Known::kYes;
    node->local_stamp = context_.tree.NextStamp();
  }
  Status put = PutMarker(directory);
  if (put) return put;
  MutexLock lock(context_.tree.mutex);
  if (Node* node = context_.tree.Find(directory)) node->directory->keeps_attributes = Known::kUnknown;
  return put;
}

Status AttributeSaver::TryFlag(Ino directory) {
  std::string key;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(directory);
    if (node == nullptr || context_.clock.NowSteady() < node->directory->flag_refused_until) return {};
    key = node->parent == nullptr && context_.prefix.empty() ? std::string(kRootFlagName) : context_.tree.Key(node);
  }
  Status flagged = EnsureFlag(directory);
  if (flagged || !IsFinal(flagged.error())) return flagged;
  MarksRefused().Add();
  Log(LogLevel::kWarning,
      StrCat("'", key, "' cannot be put: it tells other mounts that files of this folder have a mode, owner or ",
             "attributes of their own. The files are stored, but those mounts may show the usual ones. ",
             "Give the key oss:PutObject for it: ", flagged.error().ToString()));
  MutexLock lock(context_.tree.mutex);
  if (Node* node = context_.tree.Find(directory))
    node->directory->flag_refused_until = context_.clock.NowSteady() + kFlagRetryDelay;
  return {};
}

Status AttributeSaver::PutMarker(Ino directory) {
  OSSFS2_RETURN_IF_ERROR(FetchForeign(directory));
  // The flag and the directory's own attributes are stored by different callers, maybe at once: who finds
  // that something changed while its request was under way stores all again, so the last one has it all.
  for (int tries = 0; tries < kMarkerTriesMax; ++tries) {
    std::string key;
    WriteOptions options;
    uint64_t stamp = 0;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(directory);
      if (node == nullptr || node->unlinked) return {};
      key = context_.tree.Key(node);
      options.metadata = StoredMetadata(node, context_.options);
      stamp = node->local_stamp;
    }
    if (key.empty()) return {};  // the root of a whole bucket has no object
    OSSFS2_RETURN_IF_ERROR(CheckMetadata(options.metadata, key));
    Result<WriteResult> put = PutEmpty(context_.store, key, options);
    if (!put) return put.error();
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr) return {};
    const bool changed = node->local_stamp != stamp;
    node->directory->marker = Known::kYes;
    node->local_stamp = context_.tree.NextStamp();
    NodeExtra& extra = context_.tree.Extra(node);
    extra.metadata_known = true;
    if (changed) continue;
    MarkStored(extra);
    return {};
  }
  return {};  // `pending` stays: what changes all the time is stored by the next save
}

}  // namespace ossfs2
