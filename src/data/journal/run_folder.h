// The folder of one run in the journal: its name, its lock, and the records in it (docs/formats.md, "Upload journal").
//
// Any thread; the disk is asked.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/journal/journal_entry.h"
#include "ossfs2/status.h"

namespace ossfs2 {

inline constexpr std::string_view kRunFolderStart = "run-";
inline constexpr std::string_view kRecordSuffix = ".record";

std::string LockPath(const std::string& run_folder);
// An open descriptor that holds the run's lock. EWOULDBLOCK: another process has it.
Result<int> LockRun(const std::string& run_folder);

// The paths in a folder. Errors: it cannot be listed, or not to its end.
Result<std::vector<std::filesystem::path>> PathsIn(const std::string& folder);
// The records of a run.
Result<std::vector<std::filesystem::path>> RecordsIn(const std::string& run_folder);
// Errors: it is no file, or none of ours, or the disk gives an error.
Result<JournalEntry> ReadRecord(const std::string& path);

// Unless there are records in it, or it cannot be told.
void RemoveRunFolder(const std::string& run_folder);

}  // namespace ossfs2
