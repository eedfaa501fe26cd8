// read_files: reads every file below a folder, N threads at once, each with open, read and close.
//
//   read_files FOLDER THREADS     prints {"files": N, "files_per_s": R, "bytes": B}
//
// The reader for many small files of bench/run.py: one in Python takes as long as the file system for each of them.
// Directories are listed before the clock starts. Ends with status 1 and a message when a file cannot be read.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBlockBytes = 256 * 1024;

// The bytes read; negative: errno.
int64_t ReadWhole(const std::string& path, std::vector<char>& block) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  int64_t total = 0;
  ssize_t count;
  while ((count = read(file, block.data(), block.size())) > 0) {
    total += count;
    if (static_cast<size_t>(count) < block.size()) break;  // the end, as readers of small files take it
  }
  const int64_t result = count < 0 ? -errno : total;
  close(file);
  return result;
}

std::vector<std::string> FilesBelow(const char* folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file()) paths.push_back(it->path());
  }
  if (error) fprintf(stderr, "read_files: %s: %s\n", folder, error.message().c_str());
  return paths;
}

struct Shared {
  const std::vector<std::string>& paths;
  std::atomic<size_t> next{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<bool> failed{false};
};

void ReadShare(Shared& shared) {
  std::vector<char> block(kBlockBytes);
  size_t at;
  while ((at = shared.next.fetch_add(1)) < shared.paths.size()) {
    const int64_t count = ReadWhole(shared.paths[at], block);
    if (count >= 0) {
      shared.bytes += count;
      continue;
    }
    fprintf(stderr, "read_files: %s: %s\n", shared.paths[at].c_str(), strerror(static_cast<int>(-count)));
    shared.failed = true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc == 3 ? atoi(argv[2]) : 0;
  if (threads < 1 || threads > 4096) {
    fprintf(stderr, "usage: read_files FOLDER THREADS (1 to 4096)\n");
    return 2;
  }
  const std::vector<std::string> paths = FilesBelow(argv[1]);
  if (paths.empty()) {
    fprintf(stderr, "read_files: no file below %s\n", argv[1]);
    return 1;
  }
  Shared shared{paths};
  const auto started = std::chrono::steady_clock::now();
  std::vector<std::thread> readers;
  readers.reserve(threads);
  for (int i = 0; i < threads; ++i) readers.emplace_back([&shared] { ReadShare(shared); });
  for (std::thread& reader : readers) reader.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  printf("{\"files\": %zu, \"files_per_s\": %.1f, \"bytes\": %lld}\n", paths.size(),
         static_cast<double>(paths.size()) / seconds, static_cast<long long>(shared.bytes.load()));
  return shared.failed ? 1 : 0;
}
