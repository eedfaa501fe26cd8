#include "fuse/session/mount_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<MountInfo> ParseMountInfo(std::string_view text) {
  std::vector<MountInfo> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, mount_point, word, type, source;
    if (!(fields >> id >> parent >> device >> root >> mount_point)) continue;
    while (fields >> word && word != "-") {
    }
    if (!(fields >> type >> source)) continue;
    mounts.push_back({device, Unescape(mount_point), type, Unescape(source), id});
  }
  return mounts;
}

std::vector<MountInfo> ReadMountInfo() {
  std::ifstream file("/proc/self/mountinfo");
  std::ostringstream text;
  text << file.rdbuf();
  return ParseMountInfo(text.str());
}

std::optional<MountInfo> FindMount(std::string_view mount_point) {
  std::optional<MountInfo> found;
  for (MountInfo& mount : ReadMountInfo())
    if (mount.mount_point == mount_point) found = std::move(mount);
  return found;
}

namespace {

std::string ReadAheadPath(const std::string& device) {
  return StrCat("/sys/class/bdi/", device, "/read_ahead_kb");
}

}  // namespace

Status SetReadAhead(const std::string& device, uint64_t bytes) {
  const std::string path = ReadAheadPath(device);
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  const std::string text = StrCat(bytes >> 10);
  const ssize_t wrote = write(fd, text.data(), text.size());
  const int failure = errno;
  close(fd);
  if (wrote != static_cast<ssize_t>(text.size())) return ErrnoError(failure, "write " + path);
  return {};
}

Result<uint64_t> GetReadAhead(const std::string& device) {
  const std::string path = ReadAheadPath(device);
  std::ifstream file(path);
  uint64_t kib = 0;
  if (!(file >> kib)) return ErrnoError(EIO, "read " + path);
  return kib << 10;
}

}  // namespace ossfs2
