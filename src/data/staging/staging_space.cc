#include "data/staging/staging_space.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/values/size.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {
// statvfs costs about a microsecond; asked once in so many bytes, the reserve is met within that much.
constexpr int64_t kDiskCheckBytes = 16ll << 20;
}  // namespace

StagingSpace::StagingSpace(std::string folder, uint64_t bytes_max, uint64_t free_bytes_min, int free_percent_min)
    : folder_(std::move(folder)),
      bytes_max_(bytes_max),
      free_bytes_min_(free_bytes_min),
      free_percent_min_(free_percent_min),
      gauge_(Registry::Default().gauge("staging_bytes", "Bytes of staged files on the local disk")) {}

Status StagingSpace::CheckDisk(uint64_t bytes) {
  struct statvfs disk {};
  if (statvfs(folder_.c_str(), &disk) != 0) return {};  // the write itself tells more
  const uint64_t total = static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize;
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  const uint64_t reserve =
      std::max(free_bytes_min_, total / 100 * static_cast<uint64_t>(std::max(free_percent_min_, 0)));
  if (free >= reserve && free - reserve >= bytes) return {};
  return MakeError(ENOSPC, ErrorKind::kNoSpace,
                   StrCat("the staging folder ", folder_, " has ", FormatSize(free), " free and must keep ",
                          FormatSize(reserve),
                          ": free space there, or set staging_dir to a larger disk or temp_dir_free_bytes lower"));
}

Status StagingSpace::Reserve(uint64_t bytes) {
  if (bytes == 0) return {};
  const uint64_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (bytes_max_ != 0 && before + bytes > bytes_max_) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return MakeError(ENOSPC, ErrorKind::kNoSpace,
                     StrCat("staged files already use ", FormatSize(before), " of the ", FormatSize(bytes_max_),
                            " allowed: close files that are being patched, or raise the bound"));
  }
  if (unchecked_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed) <
      static_cast<int64_t>(bytes)) {
    if (Status status = CheckDisk(bytes); !status) {
      used_.fetch_sub(bytes, std::memory_order_relaxed);
      unchecked_.store(0, std::memory_order_relaxed);
      return status;
    }
    unchecked_.store(kDiskCheckBytes, std::memory_order_relaxed);
  }
  gauge_.Add(static_cast<int64_t>(bytes));
  return {};
}

void StagingSpace::Release(uint64_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  gauge_.Add(-static_cast<int64_t>(bytes));
}

Status StagingSpace::MakeFolder() {
  if (folder_.empty())
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid,
                     "this write needs a staging folder, and staging_dir is empty: set it to a local folder");
  std::error_code error;
  if (std::filesystem::is_directory(folder_, error)) return {};
  error.clear();
  const auto parent = std::filesystem::path(folder_).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  // Never ENOENT, which a program would take for an answer about its own file.
  const auto failed = [this](int number) {
    return ErrnoError(number == ENOENT || number == ENOTDIR ? EIO : number,
                      StrCat("make the staging folder ", folder_, " (this write is not in order and needs it)"));
  };
  if (error) return failed(error.value());
  // Private: staged bytes are those of the mount's owner.
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return failed(errno);
  return {};
}

Result<int> StagingSpace::OpenFile() {
  OSSFS2_RETURN_IF_ERROR(MakeFolder());
  int fd = open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  // Not every file system knows O_TMPFILE.
  std::string name = folder_ + "/staged-XXXXXX";
  fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, StrCat("make a staged file in ", folder_));
  unlink(name.c_str());
  return fd;
}

}  // namespace ossfs2
