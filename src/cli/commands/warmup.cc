#include "cli/commands/warmup.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include "base/threads/mutex.h"
#include "base/values/size.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr size_t kReadBytes = 1u << 20;  // the largest request of the kernel

class OpenedFile {
 public:
  explicit OpenedFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(errno) {}
  ~OpenedFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenedFile(const OpenedFile&) = delete;
  OpenedFile& operator=(const OpenedFile&) = delete;
  int fd() const { return fd_; }
  int error() const { return error_; }

 private:
  const int fd_;
  const int error_;
};

// To others mincore(2) says that every page is there.
bool MayAskForPages(int fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  return geteuid() == 0 || geteuid() == info.st_uid || faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

}  // namespace

std::string WarmupReason(int error) {
  // What the kernel answers once nobody serves the mount.
  if (error == ENOTCONN || error == ECONNABORTED) return "the mount has ended; mount it again";
  if (error == EACCES)
    return "Permission denied: not for this user, or archived and not restored; the log of the mount tells";
  return strerror(error);
}

std::string WarmupLine(const WarmupProgress& progress, double elapsed_s, double still_s) {
  constexpr double kStillMin = 5;  // a near server that is busy may pause for less
  const uint64_t done = progress.bytes_done;
  const std::string head = StrCat(FormatSize(done), " of ", FormatSize(progress.bytes_total), ", ",
                                  progress.files_done.load(), " of ", progress.files_total, " files, ");
  // The speed of the past and the time left by it would say that all is well.
  if (still_s >= kStillMin && done < progress.bytes_total)
    return StrCat(head, "nothing came for ", static_cast<int64_t>(still_s), " s");
  const double rate = elapsed_s > 0 ? static_cast<double>(done) / elapsed_s : 0;
  const std::string speed = StrCat(head, FormatSize(static_cast<uint64_t>(rate)), "/s");
  if (rate <= 0) return speed;
  return StrCat(speed, ", ", static_cast<int64_t>(static_cast<double>(progress.bytes_total - done) / rate), " s left");
}

double ResidentPercent(uint64_t resident, uint64_t total) {
  if (resident >= total) return 100;
  return std::floor(static_cast<double>(resident) * 1000 / static_cast<double>(total)) / 10;
}

Warmup::Warmup(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) AddPath(path);
  for (const WarmupFile& file : files_) progress_.bytes_total += file.size;
  progress_.files_total = files_.size();
}

void Warmup::AddFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    failures_.push_back({path, WarmupReason(errno)});
    return;
  }
  // A model's folder may hold links to its own files: each is read once.
  if (!S_ISREG(info.st_mode) || !known_.emplace(info.st_dev, info.st_ino).second) return;
  files_.push_back({path, static_cast<uint64_t>(info.st_size)});
}

// A directory that cannot be listed is a failure of its own; the others go on.
void Warmup::AddPath(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return AddFile(path);
  std::vector<std::string> directories{path};
  while (!directories.empty()) {
    const std::string directory = std::move(directories.back());
    directories.pop_back();
    fs::directory_iterator it(directory, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      std::error_code kind_error;
      if (!it->is_directory(kind_error)) {
        AddFile(it->path().string());
      } else if (!it->is_symlink(kind_error)) {
        directories.push_back(it->path().string());
      }
    }
    if (error) failures_.push_back({directory, error.message()});
  }
}

void Warmup::Run(int jobs, const std::function<std::string(const Piece&)>& work,
                 const std::function<void(const WarmupProgress&)>& tick) {
  std::vector<Piece> pieces;
  for (size_t file = 0; file < files_.size(); ++file) {
    uint64_t offset = 0;
    do {
      const uint64_t size = std::min(kPieceBytes, files_[file].size - offset);
      pieces.push_back({file, offset, size});
      offset += size;
    } while (offset < files_[file].size);
  }
  std::atomic<size_t> next{0};
  std::vector<std::atomic<uint64_t>> pieces_left(files_.size());
  for (const Piece& piece : pieces) ++pieces_left[piece.file];
  Mutex mutex;
  CondVar finished;
  std::set<size_t> failed;
  const auto thread_count =
      std::min<size_t>(static_cast<size_t>(std::clamp(jobs, 1, kJobsMax)), pieces.size());
  size_t running = thread_count;
  const auto body = [&] {
    for (size_t i; (i = next.fetch_add(1)) < pieces.size();) {
      const Piece& piece = pieces[i];
      std::string reason = work(piece);
      if (--pieces_left[piece.file] == 0) ++progress_.files_done;
      if (reason.empty()) continue;
      MutexLock lock(mutex);
      if (failed.insert(piece.file).second) failures_.push_back({files_[piece.file].path, std::move(reason)});
    }
    MutexLock lock(mutex);
    if (--running == 0) finished.NotifyAll();
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < thread_count; ++i) threads.emplace_back(body);
  {
    MutexLock lock(mutex);
    while (running > 0) {
      finished.WaitFor(lock, std::chrono::milliseconds(100));
      lock.Unlock();
      tick(progress_);
      lock.Lock();
    }
  }
  for (std::thread& thread : threads) thread.join();
  tick(progress_);
}

std::string Warmup::ReadPiece(const Piece& piece) {
  const OpenedFile file(files_[piece.file].path);
  if (file.fd() < 0) return WarmupReason(file.error());
  const auto buffer = std::make_unique<char[]>(kReadBytes);
  uint64_t done = 0;
  while (done < piece.size) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(kReadBytes, piece.size - done));
    const ssize_t n = pread(file.fd(), buffer.get(), want, static_cast<off_t>(piece.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return WarmupReason(errno);
    if (n == 0) return "the file became shorter";
    done += static_cast<uint64_t>(n);
    progress_.bytes_done += static_cast<uint64_t>(n);
  }
  return "";
}

std::string Warmup::CheckPiece(const Piece& piece) {
  if (piece.size == 0) return "";
  const OpenedFile file(files_[piece.file].path);
  if (file.fd() < 0) return WarmupReason(file.error());
  if (!MayAskForPages(file.fd(), files_[piece.file].path))
    return "the kernel tells what is resident only to the owner and to who may write the file";
  void* memory =
      mmap(nullptr, piece.size, PROT_READ, MAP_SHARED, file.fd(), static_cast<off_t>(piece.offset));
  if (memory == MAP_FAILED) return StrCat("mmap: ", std::string_view(strerror(errno)));
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((piece.size + page - 1) / page);
  std::string reason;
  if (mincore(memory, piece.size, resident.data()) != 0) {
    reason = StrCat("mincore: ", std::string_view(strerror(errno)));
  } else {
    uint64_t bytes = 0;
    for (size_t i = 0; i < resident.size(); ++i)
      if ((resident[i] & 1) != 0) bytes += std::min(page, piece.size - i * page);
    progress_.bytes_resident += bytes;
    progress_.bytes_done += piece.size;
  }
  munmap(memory, piece.size);
  return reason;
}

void Warmup::Read(int jobs, const std::function<void(const WarmupProgress&)>& tick) {
  Run(
      jobs, [this](const Piece& piece) { return ReadPiece(piece); }, tick);
}

void Warmup::Check(int jobs, const std::function<void(const WarmupProgress&)>& tick) {
  Run(
      jobs, [this](const Piece& piece) { return CheckPiece(piece); }, tick);
}

}  // namespace ossfs2
