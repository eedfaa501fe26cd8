// LogFile: the daemon's log file, which may be moved, removed or find its disk full at any time.
//
// A line is one write(2) to the end of the file. Before a line would pass size_bytes_max the file becomes
// NAME.1.log and a new one begins (NAME.2.log is older; count_max files, the current one counted). Somebody
// else may rotate too: after logrotate's rename, or when file or folder were removed, the next line looks (at
// most once a second) and Reopen looks at once; the file is then made again under its name. While that fails,
// lines go to the file that is still open. Lines that the disk refuses are dropped and counted; the first
// line after them says how many. No error of the disk stops the mount. Files are not readable by everybody.
// Thread-safe; the lock is held over writes to the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class LogFile {
 public:
  struct Limits {
    uint64_t size_bytes_max = 64ull << 20;
    int count_max = 8;
    bool json = false;  // how the line about lost lines is written
  };
  // Errors: the file cannot be made or opened (its errno; the text names it).
  static Result<std::unique_ptr<LogFile>> Open(const std::string& path, Limits limits);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // `line` has its line end.
  void Write(std::string_view line) EXCLUDES(mutex_);
  // Makes sure that the file under the path is the one that is written. Errors: it cannot be made.
  Status Reopen() EXCLUDES(mutex_);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  LogFile(std::string path, Limits limits, int fd);
  std::string NameOfOlder(int number) const;
  // Whether the path leads to the open file; takes over its size when somebody cut it.
  bool IsInPlace() REQUIRES(mutex_);
  Status MakeAgain() REQUIRES(mutex_);
  void Rotate() REQUIRES(mutex_);
  bool WriteAll(std::string_view text) REQUIRES(mutex_);
  std::string LossLine() const REQUIRES(mutex_);

  const std::string path_;
  const Limits limits_;
  Mutex mutex_;
  int fd_ GUARDED_BY(mutex_);
  uint64_t size_bytes_ GUARDED_BY(mutex_) = 0;
  SteadyTime looked_at_ GUARDED_BY(mutex_);
  bool is_line_cut_ GUARDED_BY(mutex_) = false;  // the last write left a line without its end
  uint64_t lost_lines_ GUARDED_BY(mutex_) = 0;   // since the last line that was written
  int lost_error_ GUARDED_BY(mutex_) = 0;        // errno of the last one
};

}  // namespace ossfs2
