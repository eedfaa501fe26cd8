#include "cli/mount_commands.h"

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"
#include "cli/mount_registry.h"

namespace ossfs2 {

MountCommands::MountCommands(MountStack& stack, const Settings& settings, const OptionSet& options)
    : stack_(stack),
      settings_(settings),
      options_(options),
      started_(std::chrono::steady_clock::now()),
      flush_deadline_s_(settings.flush_deadline.count()) {}

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
  };
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
  return facts;
}

Result<std::string> MountCommands::Set(const std::string& option, const std::string& value) {
  const OptionSpec* spec = FindOption(option);
  if (spec == nullptr) {
    const std::string_view nearest = NearestOption(option);
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("unknown option \"", std::string_view(option).substr(0, 64), "\"",
                            nearest.empty() ? "" : StrCat("; did you mean \"", nearest, "\"?")));
  }
  if (!spec->runtime)
    return MakeError(
        ENOTSUP, ErrorKind::kInvalid,
        StrCat(spec->name, " cannot change while mounted; change the config file and mount again"));
  OSSFS2_RETURN_IF_ERROR(CheckValue(*spec, value));
  if (spec->name == "log_level") {
    SetLogLevel(value == "debug"     ? LogLevel::kDebug
                : value == "warning" ? LogLevel::kWarning
                : value == "error"   ? LogLevel::kError
                                     : LogLevel::kInfo);
  } else if (spec->name == "flush_deadline") {
    flush_deadline_s_ = *ParseInt(value);
  }
  Log(LogLevel::kInfo,
      StrCat("set ", spec->name, "=", value, " (was given: ", options_.Origin(spec->name), ")"));
  return StrCat(spec->name, " is now ", value);
}

void MountCommands::TakeOver(const Settings& fresh) {
  SetLogLevel(fresh.log.level);
  flush_deadline_s_ = fresh.flush_deadline.count();
  if (!Enter()) return;
  if (Status reloaded = stack_.ReloadCredentials(fresh.credentials); !reloaded) {
    Log(LogLevel::kError, StrCat("the old credentials stay: ", reloaded.error().ToString()));
  } else {
    Log(LogLevel::kInfo, StrCat("credentials: ", stack_.credentials().Describe()));
  }
  Leave();
}

}  // namespace ossfs2
