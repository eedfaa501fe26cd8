#include "base/log.h"

#include <fcntl.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cerrno>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace ossfs2 {
namespace {

constexpr auto kRepeatInterval = std::chrono::seconds(10);
constexpr size_t kRepeatTextsMax = 1024;  // distinct texts remembered

std::atomic<LogLevel> g_level{LogLevel::kInfo};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

Result<spdlog::sink_ptr> MakeSink(const LogConfig& config) {
  if (config.target.empty() || config.target == "/dev/stdout")
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  if (config.target == "/dev/stderr") return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (config.target == "syslog")
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::syslog_sink_mt>("ossfs2", 0, LOG_DAEMON, true));
  // Made by us first, so that nobody else may read it and a failure has its errno.
  const int fd = open(config.target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return ErrnoError(errno, "log file " + config.target);
  close(fd);
  const size_t older = config.file_count_max > 1 ? static_cast<size_t>(config.file_count_max - 1) : 0;
  spdlog::file_event_handlers handlers;
  // Also of the files that rotation makes: logs hold paths of users.
  handlers.after_open = [](const spdlog::filename_t&, std::FILE* file) {
    struct stat info {};
    if (fstat(fileno(file), &info) == 0) fchmod(fileno(file), info.st_mode & 0750);
  };
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        config.target, static_cast<size_t>(config.file_size_bytes_max), older, false, handlers));
  } catch (const spdlog::spdlog_ex& failure) {
    return MakeError(EIO, ErrorKind::kOther, std::string("log file: ") + failure.what());
  }
}

struct Repeats {
  struct Entry {
    std::chrono::steady_clock::time_point last;
    uint64_t dropped = 0;
  };
  Mutex mutex;
  std::unordered_map<std::string, Entry> entries GUARDED_BY(mutex);
};

Repeats& GetRepeats() {
  static Repeats* repeats = new Repeats;
  return *repeats;
}

std::string EscapeForJson(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::atomic<bool> g_json{false};

}  // namespace

Status SetupLog(const LogConfig& config) {
  auto sink = MakeSink(config);
  if (!sink) return std::move(sink.error());
  auto logger = std::make_shared<spdlog::logger>("ossfs2", *sink);
  logger->set_level(spdlog::level::debug);
  logger->flush_on(spdlog::level::info);
  if (config.target == "syslog") {
    logger->set_pattern("%v");
  } else if (config.json) {
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%l","thread":%t,"text":"%v"})");
  } else {
    logger->set_pattern("%Y/%m/%d %H:%M:%S.%f|%L|th=%t|%v");
  }
  logger->set_error_handler([](const std::string&) {});  // a full disk must not stop the mount
  g_json = config.json;
  // The old one may be in use by another thread: kept for ever, there are one or two.
  static auto* const kept = new std::vector<std::shared_ptr<spdlog::logger>>;
  kept->push_back(logger);
  spdlog::set_default_logger(std::move(logger));
  SetLogLevel(config.level);
  return {};
}

void SetLogLevel(LogLevel level) { g_level = level; }
bool LogEnabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }
void FlushLog() { spdlog::default_logger_raw()->flush(); }

void Log(LogLevel level, std::string_view text) {
  if (!LogEnabled(level)) return;
  if (g_json) {
    spdlog::default_logger_raw()->log(ToSpdlog(level), "{}", EscapeForJson(text));
  } else {
    spdlog::default_logger_raw()->log(ToSpdlog(level), "{}", text);
  }
}

void LogLimited(LogLevel level, std::string_view text) {
  if (!LogEnabled(level)) return;
  uint64_t dropped = 0;
  {
    Repeats& repeats = GetRepeats();
    MutexLock lock(repeats.mutex);
    const auto now = std::chrono::steady_clock::now();
    if (repeats.entries.size() >= kRepeatTextsMax) repeats.entries.clear();
    auto [it, fresh] = repeats.entries.try_emplace(std::string(text));
    if (!fresh && now - it->second.last < kRepeatInterval) {
      ++it->second.dropped;
      return;
    }
    it->second.last = now;
    dropped = std::exchange(it->second.dropped, 0);
  }
  if (dropped > 0) {
    Log(level, std::string(text) + " (and " + std::to_string(dropped) + " times before)");
  } else {
    Log(level, text);
  }
}

}  // namespace ossfs2
