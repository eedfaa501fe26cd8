#include "base/report/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/report/log_file.h"
#include "base/threads/mutex.h"

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

// Kept for ever, as the loggers are: a thread may be writing to the one before.
std::atomic<LogFile*> g_file{nullptr};

class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(LogFile& file) : file_(file) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.Write(std::string_view(line.data(), line.size()));
  }
  void flush_() override {}

 private:
  LogFile& file_;
};

Result<spdlog::sink_ptr> MakeSink(const LogConfig& config) {
  g_file = nullptr;
  if (config.target.empty() || config.target == "/dev/stdout")
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  if (config.target == "/dev/stderr")
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (config.target == "syslog")
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::syslog_sink_mt>("ossfs2", 0, LOG_DAEMON, true));
  auto file = LogFile::Open(config.target, {config.file_size_bytes_max, config.file_count_max, config.json});
  if (!file) return file.error();
  g_file = file->release();
  return spdlog::sink_ptr(std::make_shared<FileSink>(*g_file));
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

// The bytes of the UTF-8 character at the front; 0: there is none.
size_t CharacterSize(std::string_view text) {
  const auto byte = [text](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  uint32_t code = first & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool is_short = size > 2 && code < (size == 3 ? 0x800u : 0x10000u);
  return is_short || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff ? 0 : size;
}

// Texts hold names of objects, which anybody may choose who writes to the bucket: none may look like another line, move
// the cursor of a terminal, or make the line unreadable to a parser.
std::string OneLine(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool is_control = first < 0x20 || first == 0x7f ||
                            (size == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
    if (first == '\n' || first == '\r' || first == '\t') {
      out += ' ';
    } else if (size == 0 || is_control) {
      out += '?';
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

std::string EscapeForJson(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
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

Status ReopenLog() {
  LogFile* const file = g_file;
  return file == nullptr ? Status() : file->Reopen();
}

void FlushLog() { spdlog::default_logger_raw()->flush(); }

void Log(LogLevel level, std::string_view text) {
  if (!LogEnabled(level)) return;
  const std::string line = OneLine(text);
  spdlog::default_logger_raw()->log(ToSpdlog(level), "{}", g_json ? EscapeForJson(line) : line);
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
