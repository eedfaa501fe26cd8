// Node: one inode: a name, what is known of its object, and what the kernel knows of it.
//
// All fields are guarded by Tree::mutex, which is held for moments only. Nodes are owned by the Tree;
// a pointer is good while the mutex is held or the node is pinned.
//
// A million listed files must fit the metadata budget: what most files do not have is in `extra`, what
// only directories have in `directory`.
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/time/clock.h"
#include "fs/tree/look_up_guess.h"
#include "fs/tree/packed_tag.h"
#include "fs/tree/removed_names.h"
#include "fs/tree/slot_table.h"
#include "ossfs2/file_system.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class OpenFile;
struct ListingRun;
struct Node;

enum class NodeType : uint8_t { kFile, kDirectory, kSymlink };
enum class Known : uint8_t { kUnknown, kNo, kYes };
enum class StorageClass : uint8_t {
  kStandard,
  kInfrequent,
  kArchive,
  kColdArchive,
  kDeepColdArchive,
  kOther
};

StorageClass ParseStorageClass(std::string_view text);
const char* StorageClassName(StorageClass storage_class);

// Facts that most nodes lack: kept attributes, a HEAD's answer, open handles.
struct NodeExtra {
  std::optional<uint32_t> mode;  // permission bits
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> atime_ns;
  int64_t ctime_ns = 0;                       // of a local change; shown when later than mtime
  std::map<std::string, std::string> xattrs;  // "user.name" to value
  Metadata foreign;                           // user metadata that is not ours, kept as it is
  std::string content_type;
  ServingHeaders serving;  // of the content that is stored: new content has none
  Encryption encryption;   // of the version before is that of the next
  uint64_t tag_count = 0;  // by the last HEAD
  std::string tags;        // asked when a writer was opened; new content keeps them
  std::string restore;  // x-oss-restore
  bool reads_directly = false;  // archived, and this version was read all the same
  std::optional<uint64_t> crc64;
  std::optional<std::string> link_target;  // as readlink gives it
  bool metadata_known = false;             // from a HEAD, or written here
  bool chosen = false;                     // attributes were chosen by a user, not only by circumstance
  bool xattrs_changed = false;
  bool pending = false;       // attributes wait to be stored
  bool mtime_chosen = false;  // a pending change includes mtime
  uint32_t bytes_above_usual = 0;  // of the texts above, as Tree::Recount counted them last
  std::shared_ptr<OpenFile> open;
};

struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  size_t operator()(const Node* node) const;
};
struct NameEqual {
  using is_transparent = void;
  static std::string_view Name(std::string_view name) { return name; }
  static std::string_view Name(const Node* node);
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return Name(a) == Name(b);
  }
};

// How far kept attributes of listed files were asked for ahead of whoever looks the files up (resolver_metadata.cc).
struct MetadataAhead {
  static constexpr uint32_t kWidth = 64;  // HEADs at once; with it whoever reads the directory on asks for all himself
  static constexpr size_t kNowhere = static_cast<size_t>(-1);
  size_t begin = kNowhere;  // the last look-up's slot
  size_t edge = kNowhere;   // behind the last slot that was asked for with it
  uint32_t window = 0;      // so many of those that came next
  size_t jumps = 0;         // look-ups that did not go on where the last one was
  bool asking = false;      // they are under way: one lot at a time

  // A look-up of the name at that slot, in a directory of so many: how many more are to be asked for.
  uint32_t Widen(size_t slot, size_t names);
  // The directory is read from its start.
  void Restart() { *this = {.asking = asking}; }
};

// How far the folders in a directory are listed ahead of whoever walks through them (OpenDirectories::ListAhead).
struct WalkAhead {
  static constexpr uint32_t kListingsMax = 16;
  uint32_t steps = 0;    // folders in it that were read since it was read from its start itself
  uint32_t waiting = 0;  // listed ahead, and not read yet

  // One of its folders is read; `was_ahead`: and was listed before. How many may be listed ahead now: never more than
  // twice of those that were read, so whoever stops has asked for little in vain.
  uint32_t Step(bool was_ahead) {
    if (was_ahead && waiting > 0) --waiting;
    if (++steps < 2) return 0;  // one folder is no walk
    const uint32_t bound = std::min(2 * steps, kListingsMax);
    return bound - std::min(waiting, bound);
  }
};

// How far an open directory was read: what lies behind may be dropped from memory.
struct DirectoryReader {
  size_t next_slot = 0;
  bool reads = false;  // at least once: it holds cookies. Many only open a directory, for openat or fsync
};

// What a directory knows of its children.
struct DirectoryState {
  std::unordered_set<Node*, NameHash, NameEqual> children;
  SlotTable slots;           // readdir order
  bool complete = false;     // children are all there is, until fresh_until
  SteadyTime fresh_until{};
  uint32_t generation = 0;          // of the newest listing
  std::shared_ptr<ListingRun> run;  // the listing in progress
  std::unique_ptr<RemovedNames> removed;     // while lookups or list pages are in flight
  std::vector<DirectoryReader*> readers;     // open directory handles
  bool IsRead() const;                       // by some of them
  size_t dropped_end = 0;                    // no slot from here on was dropped since slots were numbered
  uint32_t cold_lookups = 0;                 // since the last listing
  std::string last_cold_lookup;              // the name
  uint64_t names_listed = 0;                 // by the newest listing; by one under way if that are more
  uint32_t folders_looked_through = 0;       // small ones in it that were listed because many look-ups came
  LookUpGuess guess;
  MetadataAhead metadata_ahead;              // since the directory was last read from its start
  WalkAhead walk_ahead;
  uint32_t look_ups = 0;                     // of names in it, by the kernel
  SteadyTime listed_ahead_until{};           // whoever reads it first believes that listing so long; 0: there is none
  uint64_t moved_stamp = 0;                  // Tree::NextStamp of when it got its name
  Known marker = Known::kUnknown;            // the object "dir/"
  Known keeps_attributes = Known::kUnknown;  // some file in it has chosen attributes
  bool marked_ahead = false;                 // it was made with that mark (MarkGuess), and no file has needed it yet
  SteadyTime flag_refused_until{};           // until then nobody who stores data asks for that mark again
  std::string marker_version;                // ETag and date of the marker that was asked last
  uint64_t hidden_keys = 0;                  // names that cannot be shown, in the newest listing
  std::list<Node*>::iterator recent;         // place in Tree's list of directories by use
};

inline bool DirectoryState::IsRead() const {
  return std::any_of(readers.begin(), readers.end(), [](const DirectoryReader* reader) { return reader->reads; });
}

struct Node {
  Ino ino = 0;
  Node* parent = nullptr;  // null: the root, or unlinked
  std::string name;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  PackedTag etag;
  SteadyTime valid_until{};
  // Tree::NextStamp of the last change made here, and of the last answer that brought news of it: whoever asked before
  // may know less, so older answers are ignored.
  uint64_t local_stamp = 0;
  uint32_t used_stamp = 0;   // of the last answer that named it: kept for a while for who asked
  uint32_t slot = 0;
  uint32_t lookups = 0;  // the kernel's references
  uint32_t pins = 0;     // running operations and handles
  uint32_t seen_generation = 0;
  // Marks (NodeMark): running operations here that
  uint16_t changing = 0;  // change the object: answers of the bucket from meanwhile say nothing reliable
  uint16_t leaving = 0;   // take its name away, as holders of the name: opens wait, unless the file is open.
                          // Of a directory: a rename deletes the old keys below it (Tree::IsLeaving)
  // Last-Modified as last seen, or the service's time of a change made here; 0: unknown since then.
  uint32_t date_s = 0;
  NodeType type = NodeType::kFile;
  StorageClass storage_class = StorageClass::kStandard;
  bool published = true;  // there is an object (or, for a directory, a marker or a child)
  bool unlinked = false;
  // It came by a look-up and is no new name: a listing that passed it has shown it, or another host made it since.
  bool found = false;
  bool was_opened = false;  // since the kernel took it: it may have pages of the file
  bool date_seen = false;  // else nobody has asked for the metadata since a change made here
  uint16_t pages_made = 0;     // counts versions whose pages the kernel does not have unless it drops what it has
  uint16_t pages_dropped = 0;  // for the last of which it surely has; less than pages_made: its pages may be old
  std::unique_ptr<NodeExtra> extra;
  std::unique_ptr<DirectoryState> directory;

  bool is_directory() const { return type == NodeType::kDirectory; }
  bool pages_stale() const { return pages_made != pages_dropped; }
};

inline size_t NameHash::operator()(const Node* node) const { return (*this)(std::string_view(node->name)); }
inline std::string_view NameEqual::Name(const Node* node) { return node->name; }

}  // namespace ossfs2
