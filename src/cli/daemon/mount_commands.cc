#include "cli/daemon/mount_commands.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/report/log.h"
#include "base/report/metrics.h"
#include "base/values/str.h"
#include "cli/mounts/mount_registry.h"

namespace ossfs2 {

MountCommands::MountCommands(MountStack& stack, const Settings& settings, const OptionSet& options)
    : stack_(stack),
      settings_(settings),
      started_(std::chrono::steady_clock::now()),
      flush_deadline_s_(settings.flush_deadline.count()),
      options_(options) {}

bool MountCommands::Enter() {
  MutexLock lock(mutex_);
  if (closing_) return false;
  ++inside_;
  return true;
}

void MountCommands::Leave() {
  MutexLock lock(mutex_);
  if (--inside_ == 0) left_.NotifyAll();
}

void MountCommands::SetClosing() {
  MutexLock lock(mutex_);
  closing_ = true;
  while (inside_ > 0) left_.Wait(lock);
}

void MountCommands::SetDevice(const std::string& device) {
  MutexLock lock(mutex_);
  device_ = device;
}

std::string MountCommands::MountJson() {
  nlohmann::json mount = {
      {"pid", getpid()},
      {"version", OSSFS2_VERSION},
      {"mount_point", settings_.mount_point},
      {"source", settings_.Source()},
      {"endpoint", settings_.oss.endpoint},
      {"log", settings_.log.target},
      {"uptime_s",
       std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count()},
      {"flush_deadline_s", flush_deadline_s_.load()},
      {"memory_limit_bytes", settings_.memory.total_bytes},
      {"memory_pool_bytes", settings_.memory.pool_bytes},
      {"memory_cache_bytes", settings_.memory.cache_bytes},
      {"direct_io", settings_.fs.direct_io},
  };
  {
    MutexLock lock(mutex_);
    mount["device"] = device_;
  }
  if (Enter()) {
    mount["state"] = "serving";
    mount["credentials"] = stack_.credentials().Describe();
    mount["unpublished_bytes"] = stack_.UnpublishedBytes();
    nlohmann::json memory;
    for (size_t tag = 0; tag < kMemoryTags; ++tag) {
      const auto value = static_cast<MemoryTag>(tag);
      memory[MemoryTagName(value)] = stack_.pool().UsedBytes(value);
    }
    memory["mapped"] = stack_.pool().MappedBytes();
    memory["peak"] = stack_.pool().PeakBytes();
    mount["memory"] = std::move(memory);
    Leave();
  } else {
    mount["state"] = "closing";
  }
  return mount.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string MountCommands::MetricsJson() { return Registry::Default().JsonText(); }

Result<std::vector<std::string>> MountCommands::Explain(const std::string& path) {
  std::string absolute = path;
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  const std::string& root = settings_.mount_point;
  if (absolute != root && absolute.rfind(root + "/", 0) != 0)
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(path, " is not below ", root));
  std::string relative = absolute.substr(root.size());
  if (!relative.empty() && relative[0] == '/') relative.erase(0, 1);
  if (!Enter()) return MakeError(ESHUTDOWN, ErrorKind::kUnavailable, "the mount is closing");
  auto facts = stack_.file_system().Explain(relative);
  Leave();
  if (!facts) facts.error().text = StrCat(path, ": ", facts.error().text);
  return facts;
}

void MountCommands::Apply(const Settings& fresh) {
  ApplyTunables(fresh, settings_);
  SetLogLevel(fresh.log.level);
  flush_deadline_s_ = fresh.flush_deadline.count();
}

// `mount -o remount` repeats the options of the mount.
bool MountCommands::IsSoAlready(const OptionSpec& spec, const std::string& value) {
  if (spec.secret) return false;
  MutexLock lock(set_mutex_);
  if (spec.type != OptionType::kBool) return options_.Text(spec.name) == value;
  const auto wanted = ParseBool(value);
  return wanted && *wanted == options_.Bool(spec.name);
}

std::string WhyNotSet(const OptionSpec& spec) {
  if (spec.support == OptionSupport::kNotice) return StrCat(spec.name, " has no effect: ", spec.note);
  if (spec.support == OptionSupport::kRefused) return StrCat(spec.name, " is not supported: ", spec.note);
  if (spec.group == OptionGroup::kCredentials)
    return StrCat(spec.name, " is not set by a command, which others can see; change the config file, then: kill -HUP ",
                  getpid());
  return StrCat(spec.name, " needs a new mount; change the config file and mount again");
}

Result<std::string> MountCommands::Set(const std::string& option, const std::string& value) {
  const OptionSpec* spec = FindOption(option);
  if (spec == nullptr) {
    const std::string_view nearest = NearestOption(option);
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("unknown option \"", std::string_view(option).substr(0, 64), "\"",
                            nearest.empty() ? "" : StrCat("; did you mean \"", nearest, "\"?")));
  }
  if (!spec->runtime && IsSoAlready(*spec, value)) return StrCat(spec->name, " is so already");
  if (!spec->runtime) return MakeError(ENOTSUP, ErrorKind::kInvalid, WhyNotSet(*spec));
  // Read as if the mount began now, so that a value which does not fit the others is refused as at a mount.
  MutexLock lock(set_mutex_);
  OptionSet changed = options_;
  OSSFS2_RETURN_IF_ERROR(changed.Set(spec->name, value, "ossfs2 set", OptionLayer::kCommandLine));
  const auto fresh = MakeSettings(changed, settings_.mount_point);
  if (!fresh) return fresh.error();
  options_ = std::move(changed);
  Apply(*fresh);
  Log(LogLevel::kInfo, StrCat("set ", spec->name, "=", value));
  return StrCat(spec->name, " is now ", value);
}

std::vector<std::string> KeepWhatNeedsANewMount(OptionSet& fresh, const OptionSet& running) {
  std::vector<std::string> names;
  for (const OptionSpec& spec : OptionTable()) {
    const bool reloads = spec.runtime || spec.group == OptionGroup::kCredentials;
    if (reloads || fresh.IsSame(running, spec)) continue;
    fresh.TakeFrom(running, spec.name);
    if (spec.support == OptionSupport::kWorks) names.emplace_back(spec.name);
  }
  return names;
}

void MountCommands::TakeOver(const Settings& fresh, const OptionSet& options) {
  OptionSet taken = options;
  std::string waiting;
  {
    MutexLock lock(set_mutex_);
    for (const std::string& name : KeepWhatNeedsANewMount(taken, options_))
      waiting += StrCat(waiting.empty() ? "" : ", ", name);
    options_ = std::move(taken);
    Apply(fresh);
  }
  if (!waiting.empty())
    Log(LogLevel::kWarning,
        StrCat("SIGHUP: changed in the configuration, but in effect only with a new mount: ", waiting));
  if (!Enter()) return;
  if (Status reloaded = stack_.ReloadCredentials(fresh.credentials); !reloaded) {
    Log(LogLevel::kError, StrCat("the old credentials stay: ", reloaded.error().ToString()));
  } else {
    Log(LogLevel::kInfo, StrCat("credentials: ", stack_.credentials().Describe()));
  }
  Leave();
}

}  // namespace ossfs2
