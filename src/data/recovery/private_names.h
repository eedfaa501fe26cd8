// Names of objects that only the writer itself needs: nobody else is shown them, or may make them.
//
// Pure functions but for PrivateKey; any thread.
#pragma once

#include <string>
#include <string_view>

namespace ossfs2 {

// Names of objects that hold the old version of a file while an unfinished one lies under its key; in its folder.
inline constexpr std::string_view kBackupNameStart = ".ossfs2-backup-";

// Names of objects that hold bytes of files which lost their name while open (parking.h).
inline constexpr std::string_view kParkedNameStart = ".ossfs2-unlinked-";

// "<folder><name_start><id>": a key that no other process makes. The folder is empty or ends in '/'.
std::string PrivateKey(std::string_view folder, std::string_view name_start);
// "a/b/" of "a/b/c".
std::string_view FolderOf(std::string_view key);

}  // namespace ossfs2
