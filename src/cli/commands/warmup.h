// Warmup: reads files at full speed so that the kernel's page cache has them.
//
// Directories are walked; files are read by `jobs` threads in pieces of 256 MiB, so that one large file also
// uses several. Unreadable files and directories are counted and named (at most 20), the rest goes on. A file that
// is found twice, by a link or a path given twice, is read once. Check asks mincore(2) how much of each file is
// resident; the kernel answers that truly only to the owner and to who may write. Works on any file system. Thread-safe
// progress; nothing is written.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ossfs2 {

struct WarmupFile {
  std::string path;
  uint64_t size = 0;
};

// What a read that failed with that errno is reported as.
std::string WarmupReason(int error);

struct WarmupFailure {
  std::string path;
  std::string reason;
};

struct WarmupProgress {
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> bytes_resident{0};  // check only
  std::atomic<uint64_t> files_done{0};
  uint64_t bytes_total = 0;
  uint64_t files_total = 0;
};

// How far it is, for a line of progress. `elapsed_s`: since the start; `still_s`: since the last byte.
std::string WarmupLine(const WarmupProgress& progress, double elapsed_s, double still_s);

// Rounded down to tenths: 100.0 means every byte.
double ResidentPercent(uint64_t resident, uint64_t total);

class Warmup {
 public:
  static constexpr uint64_t kPieceBytes = 256ull << 20;
  static constexpr int kJobsMax = 256;

  // Finds the files below `paths`; symbolic links to files are followed, to directories not.
  explicit Warmup(const std::vector<std::string>& paths);

  // Each returns when all is done; `tick` is called about ten times a second by the calling thread.
  void Read(int jobs, const std::function<void(const WarmupProgress&)>& tick);
  void Check(int jobs, const std::function<void(const WarmupProgress&)>& tick);

  const WarmupProgress& progress() const { return progress_; }
  const std::vector<WarmupFile>& files() const { return files_; }
  const std::vector<WarmupFailure>& failures() const { return failures_; }

 private:
  struct Piece {
    size_t file;
    uint64_t offset;
    uint64_t size;
  };
  void AddPath(const std::string& path);
  void AddFile(const std::string& path);
  void Run(int jobs, const std::function<std::string(const Piece&)>& work,
           const std::function<void(const WarmupProgress&)>& tick);
  std::string ReadPiece(const Piece& piece);
  std::string CheckPiece(const Piece& piece);

  std::vector<WarmupFile> files_;
  std::set<std::pair<dev_t, ino_t>> known_;
  std::vector<WarmupFailure> failures_;
  WarmupProgress progress_;
};

}  // namespace ossfs2
