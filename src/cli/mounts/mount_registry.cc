#include "cli/mounts/mount_registry.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/values/str.h"
#include "cli/options/directories.h"
#include "cli/settings/mount_name.h"

namespace ossfs2 {
namespace {

constexpr size_t kLossLinesMax = 1000;

Result<std::string> FileOf(const std::string& mount_point, const char* extension) {
  auto directory = RuntimeDirectory();
  if (!directory) return directory.error();
  return StrCat(*directory, "/", MountName(mount_point), extension);
}

std::optional<MountRecord> ParseRecord(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto string_of = [&](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto number_of = [&](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
  };
  MountRecord record;
  record.pid = static_cast<pid_t>(number_of("pid"));
  record.mount_point = string_of("mount_point");
  record.source = string_of("source");
  record.endpoint = string_of("endpoint");
  record.socket = string_of("socket");
  record.log = string_of("log");
  record.started_s = number_of("started_s");
  record.flush_deadline_s = number_of("flush_deadline_s");
  record.version = string_of("version");
  if (record.pid <= 0 || record.mount_point.empty()) return std::nullopt;
  return record;
}

bool IsFileAt(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

bool LockIsHeld(const std::string& lock_path) {
  const int fd = open(lock_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

}  // namespace

Result<MountLock> MountLock::Acquire(const std::string& mount_point) {
  const auto path = FileOf(mount_point, ".lock");
  if (!path) return path.error();
  // A reader of the registry holds the lock for an instant, and a daemon that ends removes the file: so
  // neither one refusal nor one lost file is the end.
  constexpr int kAttemptsMax = 40;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const int fd = open(path->c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return ErrnoError(errno, StrCat("lock file ", *path));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && IsFileAt(fd, *path)) return MountLock(fd, mount_point);
    close(fd);
    usleep(5000);
  }
  const auto record = FindMountRecord(mount_point);
  return MakeError(EBUSY, ErrorKind::kInvalid,
                   StrCat("another ossfs2", record ? StrCat(" (pid ", record->pid, ")") : std::string(),
                          " serves ", mount_point, " already; run: ossfs2 umount ", mount_point));
}

MountLock::MountLock(MountLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), mount_point_(std::move(other.mount_point_)) {}

MountLock::~MountLock() {
  if (fd_ < 0) return;
  for (const char* extension : {".json", ".lock"})
    if (const auto path = FileOf(mount_point_, extension)) unlink(path->c_str());
  close(fd_);
}

Status WriteMountRecord(const MountRecord& record) {
  const auto path = FileOf(record.mount_point, ".json");
  if (!path) return path.error();
  const nlohmann::json json = {{"pid", record.pid},
                               {"mount_point", record.mount_point},
                               {"source", record.source},
                               {"endpoint", record.endpoint},
                               {"socket", record.socket},
                               {"log", record.log},
                               {"started_s", record.started_s},
                               {"flush_deadline_s", record.flush_deadline_s},
                               {"version", record.version}};
  const std::string temporary = *path + ".new";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    if (!file.flush()) return ErrnoError(errno != 0 ? errno : EIO, StrCat("write ", temporary));
  }
  if (rename(temporary.c_str(), path->c_str()) != 0) return ErrnoError(errno, StrCat("write ", *path));
  return {};
}

std::vector<MountRecord> ReadMountRecords() {
  std::vector<MountRecord> records;
  const auto directory = RuntimeDirectory();
  if (!directory) return records;
  DIR* entries = opendir(directory->c_str());
  if (entries == nullptr) return records;
  while (const dirent* entry = readdir(entries)) {
    const std::string name = entry->d_name;
    if (name.size() <= 5 || name.substr(name.size() - 5) != ".json") continue;
    const std::string base = StrCat(*directory, "/", name.substr(0, name.size() - 5));
    if (!LockIsHeld(base + ".lock")) continue;
    if (auto record = ParseRecord(base + ".json")) records.push_back(std::move(*record));
  }
  closedir(entries);
  return records;
}

std::optional<MountRecord> FindMountRecord(const std::string& path_or_pid) {
  const bool digits =
      !path_or_pid.empty() && path_or_pid.find_first_not_of("0123456789") == std::string::npos;
  const std::string path = digits ? path_or_pid : ResolveMountPoint(path_or_pid);
  std::optional<MountRecord> found;
  for (MountRecord& record : ReadMountRecords()) {
    const bool matches =
        digits ? StrCat(record.pid) == path_or_pid : (path + "/").rfind(record.mount_point + "/", 0) == 0;
    if (matches && (!found || record.mount_point.size() > found->mount_point.size()))
      found = std::move(record);
  }
  return found;
}

bool DaemonLives(const MountRecord& record) {
  const auto lock = FileOf(record.mount_point, ".lock");
  const auto file = FileOf(record.mount_point, ".json");
  if (!lock || !file || !LockIsHeld(*lock)) return false;
  const auto now = ParseRecord(*file);  // the next daemon may be there already
  return now && now->pid == record.pid;
}

void WriteLossReport(const std::string& mount_point, const std::vector<std::string>& lines) {
  const auto path = FileOf(mount_point, ".lost");
  if (!path || lines.empty()) return;
  std::ofstream file(*path, std::ios::trunc);
  for (size_t i = 0; i < lines.size() && i < kLossLinesMax; ++i) file << lines[i] << "\n";
}

std::vector<std::string> TakeLossReport(const std::string& mount_point) {
  std::vector<std::string> lines;
  const auto path = FileOf(mount_point, ".lost");
  if (!path) return lines;
  std::ifstream file(*path);
  for (std::string line; lines.size() < kLossLinesMax && std::getline(file, line);) lines.push_back(line);
  unlink(path->c_str());
  return lines;
}

Result<std::string> AdminSocketPath(const std::string& mount_point) {
  auto path = FileOf(mount_point, ".sock");
  if (path && path->size() > 107)  // sun_path
    return MakeError(
        ENAMETOOLONG, ErrorKind::kInvalid,
        StrCat(*path, " is too long for a socket; set OSSFS2_RUNTIME_DIR to a shorter directory"));
  return path;
}

}  // namespace ossfs2
