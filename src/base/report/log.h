// Logging, through spdlog, which only log.cc includes.
//
// Log() is safe from every thread and cheap below the level. Texts never hold
// secrets. A repeat of the same text is limited: LogLimited writes it at most
// once in ten seconds and counts the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2 {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct LogConfig {
  // "" or "/dev/stdout": standard output; "/dev/stderr"; "syslog"; otherwise a file path.
  std::string target = "/dev/stderr";
  LogLevel level = LogLevel::kInfo;
  uint64_t file_size_bytes_max = 64ull << 20;  // rotation: NAME.1.log, NAME.2.log ...
  int file_count_max = 8;                      // files kept, the current one counted
  bool json = false;                           // one JSON object a line
};

// Replaces the target; may be called again (after the fork of a daemon).
Status SetupLog(const LogConfig& config);
// After somebody moved or removed the log file: makes it again. Does nothing for other targets.
Status ReopenLog();
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
void FlushLog();

void Log(LogLevel level, std::string_view text);
void LogLimited(LogLevel level, std::string_view text);

}  // namespace ossfs2
