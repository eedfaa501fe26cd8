// The -o side of option_parser.h.
#include <cerrno>
#include <cstring>

#include "base/values/str.h"
#include "cli/options/option_parser.h"

namespace ossfs2 {
namespace {

// Options of mount(8) and fstab that ask nothing of this file system: mount(8) or systemd deal with them, they hold
// for every mount of ours (nodev, nosuid, dirsync), or they are about access times, which reads never change.
constexpr const char* kAccepted[] = {
    "defaults",   "auto",     "noauto",     "user",        "nouser",        "users",    "owner",      "group",
    "_netdev",    "nofail",   "nodev",      "nosuid",      "async",         "dirsync",  "atime",      "noatime",
    "diratime",   "relatime", "nodiratime", "norelatime",  "strictatime",   "lazytime", "nolazytime", "iversion",
    "noiversion", "mand",     "nomand",     "silent",      "nostrictatime", "loud",     "symfollow"};
// The same with values.
constexpr const char* kAcceptedWithValue[] = {
    "x-",       "X-",      "comment=", "context=", "fscontext=", "defcontext=", "rootcontext=", "user=",
    "uhelper=", "helper=", "subtype=", "fsname=",  "max_read=",  "blksize=",    "rootmode=",    "fd="};
// Those that would change something, but not here.
struct Useless {
  const char* name;
  const char* why;
};
constexpr Useless kUseless[] = {
    {"sync", "a file is stored when it is closed or synced"},
    {"dev", "mounts are always nodev"},
    {"suid", "mounts are always nosuid"},
    {"nosymfollow", "enable_symlink=false hides symbolic links"},
};

bool Accepted(std::string_view option, OptionSet& options) {
  for (const Useless& useless : kUseless) {
    if (option != useless.name) continue;
    options.AddNotice(StrCat(option, " has no effect (mount option): ", useless.why));
    return true;
  }
  for (const char* name : kAccepted)
    if (option == name) return true;
  for (const char* start : kAcceptedWithValue)
    if (option.rfind(start, 0) == 0) return true;
  return false;
}

bool IsEscape(std::string_view text, size_t at) {
  return text[at] == '\\' && at + 1 < text.size() && std::strchr(",\"\\", text[at + 1]) != nullptr;
}

}  // namespace

std::vector<std::string_view> MountOptionFields(std::string_view text) {
  std::vector<std::string_view> fields;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsEscape(text, i)) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      fields.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  fields.push_back(text.substr(begin));
  return fields;
}

std::string WithoutQuotes(std::string_view field) {
  std::string option;
  for (size_t i = 0; i < field.size(); ++i) {
    if (IsEscape(field, i)) {
      option += field[++i];
    } else if (field[i] != '"') {
      option += field[i];
    }
  }
  return option;
}

std::vector<std::string> SplitMountOptions(std::string_view text) {
  std::vector<std::string> options;
  for (const std::string_view field : MountOptionFields(text))
    if (std::string option = WithoutQuotes(field); !Trim(option).empty()) options.push_back(std::move(option));
  return options;
}

Status ApplyMountOptions(std::string_view text, OptionSet& options, std::string& config_file) {
  constexpr std::string_view kOrigin = "mount option";
  for (const std::string& raw : SplitMountOptions(text)) {
    std::string_view option = Trim(raw);
    while (option.size() > 2 && option[0] == '-' && option[1] == '-') option.remove_prefix(2);
    if (Accepted(option, options)) continue;
    if (option == "remount")
      return MakeError(EINVAL, ErrorKind::kInvalid,
                       "mount option: remount goes with mount(8) only; use `ossfs2 set DIR option=value`");
    const size_t equals = option.find('=');
    std::string_view name = option.substr(0, equals);
    std::string value = equals == std::string_view::npos ? "true" : std::string(option.substr(equals + 1));
    if (name == "conf" || name == "c" || name == "config") {
      config_file = value;
      continue;
    }
    if (name == "rw") {
      name = "ro";
      value = "false";
    } else if (FindOption(name) == nullptr && equals == std::string_view::npos && name.rfind("no", 0) == 0) {
      const OptionSpec* negated = FindOption(name.substr(2));
      if (negated != nullptr && negated->type == OptionType::kBool) {
        name = negated->name;
        value = "false";
      }
    }
    const OptionSpec* spec = FindOption(name);
    if (equals == std::string_view::npos && spec != nullptr && spec->type != OptionType::kBool)
      return MakeError(EINVAL, ErrorKind::kInvalid,
                       StrCat("mount option: ", name, " needs a value: ", name, "=VALUE"));
    if (Status status = options.Set(name, value, kOrigin, OptionLayer::kCommandLine); !status) {
      Error error = std::move(status.error());
      error.text = StrCat(kOrigin, ": ", error.text);
      return error;
    }
  }
  return {};
}

}  // namespace ossfs2
