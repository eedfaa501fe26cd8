#include "cli/mounts/remount.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/values/str.h"
#include "cli/admin/admin_protocol.h"
#include "cli/mounts/mount_registry.h"
#include "cli/options/option_parser.h"

namespace ossfs2 {
namespace {

struct Wanted {
  std::optional<bool> read_only;
  bool read_again = false;
  std::vector<std::pair<std::string, std::string>> values;
};

Wanted ReadWanted(const MountHelperLine& line) {
  Wanted wanted;
  if (line.read_only) wanted.read_only = true;
  for (const std::string& raw : SplitMountOptions(line.options)) {
    const std::string option(Trim(raw));
    const size_t equals = option.find('=');
    std::string name = option.substr(0, equals);
    std::string value = equals == std::string::npos ? "true" : option.substr(equals + 1);
    if (name == "ro" || name == "rw") {
      wanted.read_only = name == "ro";
      continue;
    }
    if (name == "conf" || name == "c" || name == "config") {
      wanted.read_again = true;
      continue;
    }
    const OptionSpec* spec = FindOption(name);
    if (spec == nullptr && equals == std::string::npos && name.rfind("no", 0) == 0) {
      spec = FindOption(name.substr(2));
      value = "false";
    }
    if (spec != nullptr && !spec->secret) wanted.values.emplace_back(spec->name, value);
  }
  return wanted;
}

Status AskToSet(const MountRecord& record, const std::string& option, const std::string& value) {
  const nlohmann::json request = {{"command", "set"}, {"option", option}, {"value", value}};
  const auto answer =
      AskDaemon(record.socket, request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!answer) return answer.error();
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  if (json.is_object() && !json.contains("error")) return {};
  return MakeError(ENOTSUP, ErrorKind::kInvalid,
                   json.is_object() ? json.value("error", "") : "the daemon's answer is not understood");
}

Status RemountInKernel(const std::string& mount_point, bool read_only) {
  struct statvfs info {};
  if (statvfs(mount_point.c_str(), &info) != 0) return ErrnoError(errno, mount_point);
  unsigned long flags = MS_REMOUNT;
  if (read_only) flags |= MS_RDONLY;
  if ((info.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((info.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((info.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if (mount(nullptr, mount_point.c_str(), nullptr, flags, nullptr) == 0) return {};
  return ErrnoError(errno, StrCat("remounting ", mount_point, read_only ? " read-only" : " read-write"));
}

}  // namespace

std::vector<std::string> RemountTypos(const std::string& options) {
  std::vector<std::string> lines;
  for (const std::string& raw : SplitMountOptions(options)) {
    const std::string_view option = Trim(raw);
    const std::string_view name = option.substr(0, option.find('='));
    const std::string_view nearest = NearestOption(name);
    OptionSet ignored;
    std::string config_file;
    if (nearest.empty() || name == "remount" || FindOption(name) != nullptr ||
        ApplyMountOptions(option, ignored, config_file))
      continue;
    lines.push_back(StrCat("unknown option \"", name, "\" is ignored; did you mean \"", nearest, "\"?"));
  }
  return lines;
}

bool WantsRemount(const MountHelperLine& line) {
  const auto options = SplitMountOptions(line.options);
  return std::any_of(options.begin(), options.end(),
                     [](const std::string& option) { return Trim(option) == "remount"; });
}

Status Remount(const MountHelperLine& line) {
  const std::string mount_point = ResolveMountPoint(line.mount_point);
  const auto record = FindMountRecord(mount_point);
  if (!record || record->mount_point != mount_point)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("remount: no ossfs2 of this user serves ", mount_point, "; `ossfs2 list` shows them"));
  for (const std::string& typo : RemountTypos(line.options))
    fprintf(stderr, "ossfs2: notice: remount: %s\n", typo.c_str());
  const Wanted wanted = ReadWanted(line);
  if (!wanted.values.empty() || wanted.read_only == false) {
    if (record->socket.empty())
      return MakeError(ENOTSUP, ErrorKind::kInvalid,
                       StrCat("remount: ", mount_point, " was mounted with enable_admin_server=false"));
    // A mount that was made read-only has no writing side.
    if (wanted.read_only == false) OSSFS2_RETURN_IF_ERROR(AskToSet(*record, "ro", "false"));
    for (const auto& [name, value] : wanted.values) OSSFS2_RETURN_IF_ERROR(AskToSet(*record, name, value));
  }
  if (wanted.read_again && kill(static_cast<pid_t>(record->pid), SIGHUP) != 0)
    return ErrnoError(errno, "remount: telling the daemon to read its configuration");
  return wanted.read_only ? RemountInKernel(mount_point, *wanted.read_only) : Status();
}

}  // namespace ossfs2
