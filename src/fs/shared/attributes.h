// Attributes: what a node shows, and how it is kept in an object's user metadata.
//
// Metadata names are those of ossfs 1.x: mode (decimal st_mode), uid, gid, mtime and atime (seconds, with
// a fraction when there is one), xattr (URL-encoded JSON of name to base64). Beside them, "ossfs2-attrs: 1"
// says that a user chose the attributes, on files, and on a directory's marker that some file in it has
// chosen ones. "ossfs2-link" holds the text of a symlink. Other names are kept as they are.
// Tree::mutex guards the nodes. Limit: kMetadataBytesMax of all names and values together (the service's).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fs/shared/fs_options.h"
#include "fs/tree/tree.h"

namespace ossfs2 {

inline constexpr std::string_view kFlagMetadata = "ossfs2-attrs";
inline constexpr std::string_view kLinkMetadata = "ossfs2-link";

// Whether this name of user metadata is one of the above.
bool IsAttributeMetadata(std::string_view name);

// What stat shows.
Attr ShownAttr(const Node* node, const FsOptions& options);

// Of a version that was shown already, only an mtime that a user chose replaces the one that was shown.
enum class MtimeOf : uint8_t { kNewVersion, kShownVersion };
// Takes a HEAD's user metadata over into the node; attributes that wait to be stored stay.
void TakeMetadata(Tree& tree, Node* node, const ObjectInfo& info, MtimeOf mtime_of) REQUIRES(tree.mutex);
// Mode and owner of what a caller makes in a directory; what equals the defaults is not kept. As on Linux: a directory
// with the setgid bit gives its group, and the bit to directories.
void SetCreation(NodeExtra& extra, NodeType type, uint32_t mode, const Caller& caller, const Node* directory,
                 const FsOptions& options);
// The user metadata that stores the node's attributes.
Metadata StoredMetadata(const Node* node, const FsOptions& options);
// ENOSPC when that is more than an object can keep; `what` names it.
Status CheckMetadata(const Metadata& metadata, const std::string& what);
// Everything that waited to be stored was.
void MarkStored(NodeExtra& extra);

std::string FormatTime(int64_t ns);
std::optional<int64_t> ParseTime(std::string_view text);
// Unset: an escape that is none.
std::optional<std::string> PercentDecode(std::string_view text);

}  // namespace ossfs2
