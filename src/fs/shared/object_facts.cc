#include "fs/shared/object_facts.h"

#include <algorithm>
#include <utility>

#include "base/time/wall_time.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/shared/attributes.h"

namespace ossfs2 {
namespace {

struct Facts {
  uint64_t size;
  const std::string& etag;
  int64_t mtime_s;
  const std::string& storage_class;
};

// The service may give an object a date later than that of its answer, by so much.
constexpr uint32_t kDateSlackS = 2;

// Answers say nothing about the node's content: its data is not stored, or the key may have another's already.
bool IsOnlyKnownHere(const Node* node) {
  return !node->published || node->changing > 0 || node->leaving > 0 ||
         (node->extra && node->extra->open && node->extra->open->dirty());
}

// Returns whether the version is another than before.
bool TakeVersion(FsContext& context, Node* node, const Facts& facts, bool first, Notices& notices)
    REQUIRES(context.tree.mutex) {
  node->valid_until = context.ValidUntil();
  node->storage_class = ParseStorageClass(facts.storage_class);
  const auto date_s = static_cast<uint32_t>(facts.mtime_s);
  const bool changed = first || node->size != facts.size || !node->etag.Equals(facts.etag);
  if (!changed && !HasOtherDate(node, date_s)) {
    if (node->date_s == 0) node->date_s = date_s;
    return false;
  }
  node->date_s = date_s;
  node->date_seen = true;
  NodeExtra* extra = node->extra.get();
  if (extra == nullptr || !extra->mtime_chosen) node->mtime_ns = WallNs(facts.mtime_s);
  if (extra != nullptr) extra->metadata_known = false;
  if (!changed) return false;  // same bytes, written again or with other metadata
  const uint64_t size_before = std::exchange(node->size, facts.size);
  node->etag.Set(facts.etag);
  if (extra != nullptr) {
    extra->crc64.reset();
    extra->link_target.reset();
    extra->reads_directly = false;
    if (!extra->pending) {
      extra->mode.reset();
      extra->uid.reset();
      extra->gid.reset();
      extra->atime_ns.reset();
      extra->chosen = false;
    }
  }
  if (!first) {
    // Before anybody, the kernel too, can learn of the new version.
    context.reads.Retire(node->ino, context.VersionOf(node));
    context.NoteReplaced(node, size_before);
    notices.inodes.push_back(node->ino);
  }
  return true;
}

}  // namespace

bool HasOtherDate(const Node* node, uint32_t date_s) {
  if (node->date_s == 0) return false;
  return node->date_seen ? date_s != node->date_s : date_s > node->date_s + kDateSlackS;
}

NodeType TypeOfObject(ObjectType type) {
  return type == ObjectType::kSymlink ? NodeType::kSymlink : NodeType::kFile;
}

bool TakeListed(FsContext& context, Node* node, const ListEntry& entry, bool first, Notices& notices) {
  if (IsOnlyKnownHere(node)) return false;
  return TakeVersion(context, node, {entry.size, entry.etag, entry.mtime_s, entry.storage_class}, first, notices);
}

void TakeHead(FsContext& context, Node* node, const ObjectInfo& info, bool first, Notices& notices) {
  if (IsOnlyKnownHere(node)) return;
  node->local_stamp = context.tree.NextStamp();
  const bool was_known = !first && node->extra && node->extra->metadata_known;
  const bool changed =
      TakeVersion(context, node, {info.size, info.etag, info.mtime_s, info.storage_class}, first, notices);
  const MtimeOf mtime_of = changed || first ? MtimeOf::kNewVersion : MtimeOf::kShownVersion;
  const bool is_known = was_known && !changed && node->extra->metadata_known;
  // Another host may have changed the attributes of what was stored here: the ETag does not tell, and the date was
  // not known.
  const bool may_be_newer = !node->date_seen && context.options.keep_attributes;
  node->date_s = static_cast<uint32_t>(info.mtime_s);
  node->date_seen = true;
  if (is_known && !may_be_newer) {
    node->extra->restore = info.restore;
    node->extra->crc64 = info.crc64;
    return;
  }
  const auto atime_ns = is_known ? node->extra->atime_ns : std::nullopt;  // may be known here only
  TakeMetadata(context.tree, node, info, mtime_of);
  if (!node->extra->atime_ns) node->extra->atime_ns = atime_ns;
}

void TakeKept(FsContext& context, Node* node, const ObjectInfo& info, Notices& notices) {
  TakeHead(context, node, info, false, notices);
  if (node->extra && node->extra->metadata_known) return;
  const bool is_dirty = node->extra && node->extra->open && node->extra->open->dirty();
  if (!is_dirty && node->etag.Equals(info.etag)) TakeMetadata(context.tree, node, info, MtimeOf::kShownVersion);
}

void TakeWritten(FsContext& context, Node* node, const std::string& etag, std::optional<uint64_t> crc64,
                 int64_t answered_s) {
  node->etag.Set(etag);
  node->date_s = static_cast<uint32_t>(answered_s);
  node->date_seen = false;
  node->valid_until = context.ValidUntil();
  node->published = true;
  node->local_stamp = context.tree.NextStamp();
  if (crc64 || node->extra) context.tree.Extra(node).crc64 = crc64;
  if (!node->extra || !node->extra->open) return;
  node->extra->open->writer_etag = etag;
  node->extra->open->shown_size.reset();
}

std::string MarkerVersion(const std::string& etag, int64_t mtime_s) { return StrCat(etag, "@", mtime_s); }

void TakeMarker(FsContext& context, Node* directory, const ObjectInfo& info) {
  DirectoryState& state = *directory->directory;
  state.marker = Known::kYes;
  state.marker_version = MarkerVersion(info.etag, info.mtime_s);
  const bool flagged = info.metadata.contains(std::string(kFlagMetadata));
  // A flag that was set here lately may be newer than this answer.
  if (flagged || state.keeps_attributes != Known::kYes)
    state.keeps_attributes = flagged ? Known::kYes : Known::kNo;
  TakeMetadata(context.tree, directory, info, MtimeOf::kNewVersion);
  // A time that was chosen here and is not stored yet is newer than this answer.
  const bool chosen = directory->extra && directory->extra->pending && directory->extra->mtime_chosen;
  if (!chosen && !info.metadata.contains("mtime"))
    directory->mtime_ns = std::max(directory->mtime_ns, WallNs(info.mtime_s));
}

Node* ChildOfType(FsContext& context, Node* directory, const std::string& name, NodeType type, bool& first,
                  Notices& notices) {
  Node* node = context.tree.Child(directory, name);
  first = node == nullptr;
  if (node != nullptr && node->type != type) {
    if (context.tree.HasLocalState(node)) return nullptr;
    notices.entries.emplace_back(directory->ino, name);
    context.tree.Remove(node);
    first = true;
  }
  if (!first) return node;
  node = context.tree.Add(directory, name, type);
  if (type == NodeType::kDirectory) node->mtime_ns = context.clock.NowWallNs();
  return node;
}

}  // namespace ossfs2
