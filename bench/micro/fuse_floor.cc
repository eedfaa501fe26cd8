// fuse_floor: what the kernel's FUSE costs on this machine, without anything behind it.
//
//   fuse_floor --at FOLDER [--gib 4] [--hot-mib 16] [--direct] [--write] [--trials 3]
//   fuse_floor --at FOLDER --files 10000 [--direct] [--trials 3]
//
// A file system of one file whose reads are answered from `hot-mib` of memory used over and over, and whose writes are
// received into it and forgotten. A child reads (or writes) `gib` GiB in pieces of 1 MiB, each trial with pages that
// the page cache does not have yet. Prints GiB/s and the CPU seconds per GiB of the daemon and of the child.
// With --files: so many files of 128 KiB, each opened, read and closed by one of 128 threads; their names are known to
// the kernel before the clock starts. Prints files/s and the CPU microseconds per file.
//
// No file system in user space can take less: what ossfs2 takes beyond it is the network (http_receive --client raw),
// and its own work. As root: it sets the read-ahead to 1 MiB, as ossfs2 does.
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kStepBytes = 1 << 20;
constexpr uint64_t kGiB = 1ull << 30;
constexpr fuse_ino_t kFileIno = 2;  // and the many small ones from here on
constexpr size_t kSmallBytes = 128 << 10;
constexpr int kThreads = 2;
constexpr int kReaders = 128;

struct Floor {
  std::string folder;
  uint64_t gib = 4;
  uint64_t files = 0;  // 0: one large one
  uint64_t hot_bytes = 16 << 20;
  bool direct = false;
  bool write = false;
  int trials = 3;
  char* memory = nullptr;
};
Floor the_floor;

uint64_t FileBytes() { return the_floor.files != 0 ? kSmallBytes : the_floor.gib * kGiB; }

std::string PathOf(uint64_t file) { return the_floor.folder + "/" + std::to_string(file); }

struct stat AttributesOf(fuse_ino_t ino) {
  struct stat attributes {};
  attributes.st_ino = ino;
  attributes.st_mode = ino >= kFileIno ? S_IFREG | 0600 : S_IFDIR | 0700;
  attributes.st_nlink = 1;
  attributes.st_size = ino >= kFileIno ? static_cast<off_t>(FileBytes()) : 0;
  return attributes;
}

void Init(void*, fuse_conn_info* connection) {
  connection->max_write = kStepBytes;
  connection->max_background = 64;
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
                                             FUSE_CAP_SPLICE_MOVE);
}

void Lookup(fuse_req_t request, fuse_ino_t, const char* name) {
  char* end = nullptr;
  const uint64_t file = strtoull(name, &end, 10);
  if (end == name || *end != '\0' || file >= std::max<uint64_t>(the_floor.files, 1)) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  fuse_entry_param entry{};
  entry.ino = kFileIno + file;
  entry.attr = AttributesOf(entry.ino);
  entry.attr_timeout = entry.entry_timeout = 3600;
  fuse_reply_entry(request, &entry);
}

void GetAttr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  const struct stat attributes = AttributesOf(ino);
  fuse_reply_attr(request, &attributes, 3600);
}

void SetAttr(fuse_req_t request, fuse_ino_t ino, struct stat*, int, fuse_file_info* info) {
  GetAttr(request, ino, info);
}

void Open(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  info->direct_io = the_floor.direct ? 1 : 0;
  info->keep_cache = 0;  // each open begins with an empty page cache
  info->noflush = the_floor.write ? 0 : 1;
  fuse_reply_open(request, info);
}

void Read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  size = static_cast<size_t>(std::min<uint64_t>(size, FileBytes() - std::min<uint64_t>(FileBytes(), offset)));
  // Small files lie one behind the other in the hot memory.
  const uint64_t at = the_floor.files != 0 ? ino * kSmallBytes + static_cast<uint64_t>(offset) : offset;
  fuse_reply_buf(request, the_floor.memory + at % the_floor.hot_bytes, size);
}

void Write(fuse_req_t request, fuse_ino_t, const char*, size_t size, off_t, fuse_file_info*) {
  fuse_reply_write(request, size);
}

void SetReadAhead() {
  struct stat root {};
  if (stat(the_floor.folder.c_str(), &root) != 0) return;
  const std::string path = "/sys/class/bdi/" + std::to_string(major(root.st_dev)) + ":" +
                           std::to_string(minor(root.st_dev)) + "/read_ahead_kb";
  FILE* file = fopen(path.c_str(), "w");
  if (file == nullptr || fputs("1024", file) < 0) perror(path.c_str());
  if (file != nullptr) fclose(file);
}

void ReadSmallFiles(std::atomic<uint64_t>& next) {
  std::vector<char> buffer(2 * kSmallBytes);
  for (uint64_t file = 0; (file = next.fetch_add(1)) < the_floor.files;) {
    const int fd = open(PathOf(file).c_str(), O_RDONLY);
    if (fd < 0 || read(fd, buffer.data(), buffer.size()) != static_cast<ssize_t>(kSmallBytes)) {
      perror("the child");
      _exit(1);
    }
    close(fd);
  }
}

[[noreturn]] void ReadSmallFilesAsChild() {
  std::atomic<uint64_t> next{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back([&next] { ReadSmallFiles(next); });
  for (std::thread& reader : readers) reader.join();
  _exit(0);
}

// The kernel learns the names.
bool LookAtSmallFiles() {
  struct stat attributes {};
  for (uint64_t file = 0; file < the_floor.files; ++file)
    if (stat(PathOf(file).c_str(), &attributes) != 0) return false;
  return true;
}

[[noreturn]] void MoveAsChild() {
  if (the_floor.files != 0) ReadSmallFilesAsChild();
  const int fd = open(PathOf(0).c_str(), the_floor.write ? O_WRONLY : O_RDONLY);
  if (fd < 0) {
    perror("open");
    _exit(1);
  }
  std::vector<char> buffer(kStepBytes, 1);
  for (uint64_t left = the_floor.gib * kGiB; left != 0; left -= kStepBytes) {
    const ssize_t n = the_floor.write ? write(fd, buffer.data(), kStepBytes) : read(fd, buffer.data(), kStepBytes);
    if (n != static_cast<ssize_t>(kStepBytes)) {
      perror("the child");
      _exit(1);
    }
  }
  _exit(0);
}

double CpuSeconds(int whose) {
  rusage usage{};
  getrusage(whose, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool Trial() {
  using Clock = std::chrono::steady_clock;
  const double daemon_before = CpuSeconds(RUSAGE_SELF);
  const double child_before = CpuSeconds(RUSAGE_CHILDREN);
  const auto begin = Clock::now();
  const pid_t child = fork();
  if (child == 0) MoveAsChild();
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return false;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const double daemon_cpu_s = CpuSeconds(RUSAGE_SELF) - daemon_before;
  const double child_cpu_s = CpuSeconds(RUSAGE_CHILDREN) - child_before;
  if (the_floor.files != 0) {
    const double files = static_cast<double>(the_floor.files);
    printf("small files %s: %.0f files/s, CPU us/file daemon %.1f child %.1f\n",
           the_floor.direct ? "direct" : "page cache", files / seconds, 1e6 * daemon_cpu_s / files,
           1e6 * child_cpu_s / files);
    fflush(stdout);
    return true;
  }
  const double gib = static_cast<double>(the_floor.gib);
  printf("%s %s, %llu MiB of hot memory: %.2f GiB/s, CPU s/GiB daemon %.3f child %.3f\n",
         the_floor.write ? "write" : "read", the_floor.direct ? "direct" : "page cache",
         static_cast<unsigned long long>(the_floor.hot_bytes >> 20), gib / seconds,
         daemon_cpu_s / gib, child_cpu_s / gib);
  fflush(stdout);
  return true;
}

int Serve() {
  // One step more than is used over and over, so that no read wraps around.
  const size_t bytes = the_floor.hot_bytes + kStepBytes;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  madvise(memory, bytes, MADV_HUGEPAGE);
  memset(memory, 1, bytes);
  the_floor.memory = static_cast<char*>(memory);
  fuse_lowlevel_ops operations{};
  operations.init = Init;
  operations.lookup = Lookup;
  operations.getattr = GetAttr;
  operations.setattr = SetAttr;
  operations.open = Open;
  operations.read = Read;
  operations.write = Write;
  const char* arguments[] = {"fuse_floor", "-ofsname=fuse_floor", nullptr};
  fuse_args args = FUSE_ARGS_INIT(2, const_cast<char**>(arguments));
  fuse_session* session = fuse_session_new(&args, &operations, sizeof(operations), nullptr);
  if (session == nullptr || fuse_session_mount(session, the_floor.folder.c_str()) != 0) return 1;
  std::thread loop([session] {
    fuse_loop_config* config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(config, kThreads);
    fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
  });
  SetReadAhead();
  bool good = LookAtSmallFiles();
  for (int n = 0; n < the_floor.trials && good; ++n) good = Trial();
  fuse_session_exit(session);
  fuse_session_unmount(session);
  loop.join();
  fuse_session_destroy(session);
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (name == "--at") {
      the_floor.folder = value();
    } else if (name == "--gib") {
      the_floor.gib = strtoull(value(), nullptr, 10);
    } else if (name == "--files") {
      the_floor.files = strtoull(value(), nullptr, 10);
    } else if (name == "--hot-mib") {
      the_floor.hot_bytes = strtoull(value(), nullptr, 10) << 20;
    } else if (name == "--trials") {
      the_floor.trials = atoi(value());
    } else if (name == "--direct") {
      the_floor.direct = true;
    } else if (name == "--write") {
      the_floor.write = true;
    } else {
      fprintf(stderr, "unknown: %s; the head of bench/micro/fuse_floor.cc has the usage\n", name.c_str());
      return 2;
    }
  }
  if (the_floor.folder.empty() || the_floor.gib == 0 || the_floor.hot_bytes < kStepBytes) {
    fprintf(stderr, "usage: fuse_floor --at FOLDER [--gib 4] [--hot-mib 16] [--direct] [--write] [--trials 3]\n");
    return 2;
  }
  return Serve();
}
