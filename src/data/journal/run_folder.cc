#include "data/journal/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;

// A record has a few KiB; what is larger was not written by us.
constexpr off_t kRecordBytesMax = 16 << 20;

Error NoRecord(const char* why) {
  return MakeError(EIO, ErrorKind::kCorrupt, StrCat("a record of the upload journal is damaged: ", why));
}

// Errors: it is no file, or too large for one of ours, or the disk gives an error.
Result<std::string> ReadText(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError(errno, "a record of the upload journal cannot be read");
  struct stat info {};
  std::string text;
  Status status;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    status = NoRecord("not a file");
  } else if (info.st_size > kRecordBytesMax) {
    status = NoRecord("too large");
  } else {
    text.resize(static_cast<size_t>(info.st_size));
    const ssize_t got = read(fd, text.data(), text.size());
    if (got < 0) status = ErrnoError(errno, "a record of the upload journal cannot be read");
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  }
  close(fd);
  if (!status) return status.error();
  return text;
}

}  // namespace

std::string LockPath(const std::string& run_folder) { return StrCat(run_folder, "/lock"); }

Result<int> LockRun(const std::string& run_folder) {
  const int fd = open(LockPath(run_folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  return ErrnoError(error, StrCat("lock the journal folder ", run_folder));
}

Result<std::vector<files::path>> PathsIn(const std::string& folder) {
  std::vector<files::path> paths;
  std::error_code error;
  for (files::directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
    paths.push_back(item->path());
  if (error) return ErrnoError(error.value(), StrCat("list the journal folder ", folder));
  return paths;
}

Result<std::vector<files::path>> RecordsIn(const std::string& run_folder) {
  Result<std::vector<files::path>> records = PathsIn(run_folder);
  if (records) std::erase_if(*records, [](const files::path& path) { return path.extension() != kRecordSuffix; });
  return records;
}

Result<JournalEntry> ReadRecord(const std::string& path) {
  const std::string name = files::path(path).stem().string();
  if (const size_t dash = name.find('-'); dash != std::string::npos)
    if (std::optional<JournalEntry> entry = EntryOfName(std::string_view(name).substr(dash + 1)))
      return std::move(*entry);
  const Result<std::string> text = ReadText(path);
  return text ? DecodeJournalEntry(*text) : text.error();
}

void RemoveRunFolder(const std::string& run_folder) {
  const auto records = RecordsIn(run_folder);
  if (!records || !records->empty()) return;
  std::error_code ignored;
  files::remove_all(run_folder, ignored);
}

}  // namespace ossfs2
