// The Prepare functions of settings.h: the directories of one mount, made safely.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/values/size.h"
#include "base/values/str.h"
#include "cli/options/directories.h"
#include "cli/settings/settings.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kLogFreeBytesMin = 1u << 20;

uint64_t FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

// The folders in one; none if there is no such folder.
Result<std::vector<std::string>> FoldersIn(const std::string& path) {
  namespace files = std::filesystem;
  std::vector<std::string> folders;
  std::error_code error;
  for (files::directory_iterator item(path, error), end; !error && item != end; item.increment(error)) {
    std::error_code gone;
    if (item->is_directory(gone)) folders.push_back(item->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return ErrnoError(error.value(), StrCat("list the folder ", path));
  return folders;
}

// The error of a directory with the option that named it.
Error Naming(std::string_view option, std::string_view advice, Error error) {
  if (error.text.find(option.substr(0, option.find(' '))) == std::string::npos)
    error.text = StrCat(option, ": ", error.text, "; ", advice);
  return error;
}

// The existing client makes its own directory, "ossfs2" in the folder for temporary files, for everybody. Others are
// not ours to change: somebody may share them on purpose.
bool TakeFromExistingClient(const std::string& directory, const struct stat& info) {
  return directory.substr(directory.find_last_of('/') + 1) == "ossfs2" && info.st_uid == geteuid() &&
         chmod(directory.c_str(), info.st_mode & 07777 & ~static_cast<mode_t>(022)) == 0;
}

Status PrepareStaging(Settings& settings) {
  const UploadOptions& upload = settings.upload;
  Status made = MakeDirectories(upload.staging_dir, 0700);
  if (made) {
    struct statvfs info {};
    uint64_t reserve = upload.staging_free_bytes_min;
    if (statvfs(upload.staging_dir.c_str(), &info) == 0) {
      const uint64_t total = static_cast<uint64_t>(info.f_blocks) * info.f_frsize;
      reserve = std::max(reserve, total / 100 * static_cast<uint64_t>(upload.staging_free_percent_min));
    }
    const uint64_t free_bytes = FreeBytes(upload.staging_dir);
    if (free_bytes >= reserve) return {};
    made = MakeError(
        ENOSPC, ErrorKind::kNoSpace,
        StrCat("staging_dir: ", upload.staging_dir, " has ", FormatSize(free_bytes), " free, less than the ",
               FormatSize(reserve), " to be left (temp_dir_free_bytes); free space or choose another"));
  }
  if (settings.staging_given) return Naming("staging_dir (temp_dir)", "choose another directory", made.error());
  settings.notices.push_back(
      StrCat("files cannot be written out of order: ", made.error().text, "; give another state_dir or staging_dir"));
  return {};
}

}  // namespace

void RemoveEmptyDirectories(const Settings& settings) {
  for (std::string path : {settings.upload.staging_dir, settings.upload.journal_dir}) {
    // .../MOUNT/BUCKET[/staging]: up to the directory that belongs to this mount alone.
    const bool default_place = path.rfind(settings.state_base + "/", 0) == 0;
    for (int level = default_place ? 3 : 2; level > 0 && path.size() > 1 && rmdir(path.c_str()) == 0; --level)
      path.resize(path.find_last_of('/'));
  }
}

Status PrepareLogDirectory(Settings& settings) {
  const LogConfig& log = settings.log;
  if (log.target.empty() || log.target == "syslog" || log.target.rfind("/dev/std", 0) == 0) return {};
  const std::string directory = log.target.substr(0, log.target.find_last_of('/'));
  if (Status made = MakeDirectories(directory, 0750); !made)
    return Naming("log_dir", "choose another, or syslog", made.error());
  struct stat info {};
  if (stat(directory.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    if (!TakeFromExistingClient(directory, info))
      return MakeError(
          EACCES, ErrorKind::kInvalid,
          StrCat("log_dir: everybody may write to ", directory, "; run chmod o-w, or choose another"));
    settings.notices.push_back(StrCat("log_dir: everybody could write to ", directory, "; now only its owner can"));
  }
  if (lstat(log.target.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return MakeError(
        EACCES, ErrorKind::kInvalid,
        StrCat("log file ", log.target, " is a link or not a file; remove it or choose another log_dir"));
  if (FreeBytes(directory) < kLogFreeBytesMin)
    return MakeError(
        ENOSPC, ErrorKind::kNoSpace,
        StrCat("log_dir: the disk of ", directory, " is full; free space or choose another log_dir"));
  return {};
}

Status PrepareStateDirectories(Settings& settings) {
  if (settings.fs.read_only) return {};
  OSSFS2_RETURN_IF_ERROR(PrepareStaging(settings));
  if (Status made = MakeDirectories(settings.upload.journal_dir, 0700); !made) {
    settings.notices.push_back(StrCat("no journal, so a crash may leave parts of uploads behind: ", made.error().text,
                                      "; give another state_dir"));
    settings.upload.journal_dir.clear();
  }
  return {};
}

Result<std::vector<std::string>> JournalFolders(const Settings& settings) {
  namespace files = std::filesystem;
  files::path base = settings.upload.journal_dir;  // [state_dir or journal_dir]/MOUNT/BUCKET[/journal]
  const bool in_state = base.filename() == "journal";
  for (int level = in_state ? 3 : 2; level > 0; --level) base = base.parent_path();
  Result<std::vector<std::string>> mounts = FoldersIn(base.string());
  if (!mounts) return mounts;
  std::vector<std::string> folders;
  for (const std::string& mount : *mounts) {
    Result<std::vector<std::string>> buckets = FoldersIn(mount);
    if (!buckets) return buckets;
    for (const std::string& bucket : *buckets) folders.push_back(in_state ? bucket + "/journal" : bucket);
  }
  return folders;
}

}  // namespace ossfs2
