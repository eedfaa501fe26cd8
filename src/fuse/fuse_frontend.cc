#include "fuse/fuse_frontend.h"

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/machine/processors.h"
#include "base/report/log.h"
#include "base/values/str.h"
#include "fuse/notices/kernel_invalidator.h"
#include "fuse/operations/operations.h"
#include "fuse/session/mount_table.h"
#include "fuse/session/session_io.h"
#include "fuse/session/worker_pool.h"

namespace ossfs2 {
namespace {

constexpr int kInitWaitMs = 1;
constexpr int kInitWaitsMax = 5000;  // INIT takes a millisecond; a machine may be busy
constexpr int kReadAheadRetryMs = 20;
constexpr int kReadAheadTriesMax = 25;  // half a second

int WorkerThreads(int wanted) {
  if (wanted > 0) return std::min(wanted, 1024);
  const int cores = UsableProcessors();
  return std::clamp(2 * cores, 2, 32);
}

// libfuse splits -o values at commas.
std::string EscapeCommas(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// An error when it cannot be read.
Result<bool> IsEmptyDirectory(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoError(errno, "reading the directory");
  bool empty = true;
  while (const dirent* entry = readdir(directory))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) empty = false;
  closedir(directory);
  return empty;
}

Status CheckMountPoint(const FuseOptions& options) {
  const auto bad = [&](int code, std::string_view what) {
    return MakeError(code, ErrorKind::kInvalid, StrCat("cannot mount on ", options.mount_point, ": ", what));
  };
  struct stat attr{};
  if (stat(options.mount_point.c_str(), &attr) != 0) {
    if (errno == ENOENT) return bad(ENOENT, "no such directory; make it first with mkdir -p");
    if (errno == ENOTCONN) return bad(ENOTCONN, "a mount whose daemon has died is there; run: umount -l on it");
    return bad(errno, strerror(errno));
  }
  if (!S_ISDIR(attr.st_mode)) return bad(ENOTDIR, "it is not a directory");
  if (options.nonempty) return {};
  const auto empty = IsEmptyDirectory(options.mount_point);
  if (!empty) return bad(empty.error().errno_value, empty.error().text);
  if (!*empty)
    return bad(ENOTEMPTY,
               "the directory is not empty, and its files would be hidden; choose an empty one or add --nonempty");
  return {};
}

Status CheckDevice() {
  const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    return {};
  }
  const char* next =
      errno == EACCES && geteuid() != 0 ? "this user may not use it: as root chmod 666 /dev/fuse, or mount as root"
      : errno == ENOENT ? "load the module (modprobe fuse), or give the container the device (--device /dev/fuse)"
      : errno == EPERM || errno == EACCES
          ? "the container or user may not use it; add --device /dev/fuse --cap-add SYS_ADMIN"
          : "check the device";
  return MakeError(errno, ErrorKind::kAccessDenied,
                   StrCat("/dev/fuse cannot be opened: ", strerror(errno), "; ", next));
}

bool UnmountPath(const std::string& path) {
  if (umount2(path.c_str(), MNT_DETACH) == 0) return true;
  if (errno != EPERM) return false;
  const pid_t child = fork();
  if (child == 0) {
    execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", path.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class Frontend final : public FuseFrontend {
 public:
  Frontend(FileSystem& file_system, Executor& executor, Executor& writers, const FuseOptions& options)
      : options_(options),
        context_{
            file_system, executor, writers, options_, DirectoryCacheClock(options.dir_cache_timeout_s, Clock::Real()),
            {}},
        stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~Frontend() override {
    Unmount();
    EndNotices();
    invalidator_.reset();
    context_.interrupts.Stop();
    if (session_ != nullptr) fuse_session_destroy(session_);
    close(stop_event_);
  }

  Status Mount() override {
    if (options_.device_fd < 0) {
      OSSFS2_RETURN_IF_ERROR(CheckDevice());
      OSSFS2_RETURN_IF_ERROR(CheckMountPoint(options_));
    }
    OSSFS2_RETURN_IF_ERROR(MakeSession());
    const std::string target =
        options_.device_fd >= 0 ? StrCat("/dev/fd/", options_.device_fd) : options_.mount_point;
    if (fuse_session_mount(session_, target.c_str()) != 0) {
      return MakeError(EIO, ErrorKind::kOther,
                       StrCat("the line above from libfuse tells why. ",
                              geteuid() == 0
                                  ? "root needs the right to mount (CAP_SYS_ADMIN): give the container --cap-add "
                                    "SYS_ADMIN --security-opt apparmor=unconfined"
                                  : "Users other than root need the package fuse3 (fusermount3), a directory of their "
                                    "own, and mount_max and user_allow_other of /etc/fuse.conf"));
    }
    mounted_ = options_.device_fd < 0;
    return InstallSessionIo(session_);
  }

  Status Run() override {
    invalidator_.emplace(session_);
    context_.file_system.SetNotifier(&*invalidator_);
    workers_.emplace(
        session_, WorkerThreads(options_.worker_threads), [this] { return context_.file_system.MakeLanding(); },
        [this] { Stop(); });
    workers_->Start();
    RaiseReadAhead();
    WaitForStop(-1);
    workers_->StopServing();
    if (workers_->failure() != 0 && !unmounting_)
      return ErrnoError(-workers_->failure(), "reading requests from /dev/fuse");
    return {};
  }

  void Stop() override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t wrote = write(stop_event_, &one, sizeof(one));
  }

  void Unmount() override {
    unmounting_ = true;
    if (!mounted_.exchange(false)) return;
    // Somebody else may have unmounted it, and another mount may be there by now.
    const auto mount = FindMount(options_.mount_point);
    if (!mount || mount->type != "fuse.ossfs2") return;
    if (!UnmountPath(options_.mount_point))
      Log(LogLevel::kWarning, StrCat("unmounting ", options_.mount_point, ": ", strerror(errno)));
  }

  void EndNotices() override {
    if (!invalidator_) return;
    context_.file_system.SetNotifier(nullptr);
    invalidator_->Stop();
    workers_->End();
  }

 private:
  Status MakeSession() {
    FillSessionOperations(operations_);
    FillNameOperations(operations_);
    FillFileOperations(operations_);
    FillDirectoryOperations(operations_);
    FillXattrOperations(operations_);
    std::string mount_options = StrCat("subtype=ossfs2,fsname=", EscapeCommas(options_.source));
    if (options_.default_permissions) mount_options += ",default_permissions";
    if (options_.allow_other) mount_options += ",allow_other";
    if (options_.read_only) mount_options += ",ro";
    if (!options_.exec) mount_options += ",noexec";
    fuse_args args = FUSE_ARGS_INIT(0, nullptr);
    fuse_opt_add_arg(&args, "ossfs2");
    fuse_opt_add_arg(&args, "-o");
    fuse_opt_add_arg(&args, mount_options.c_str());
    if (options_.debug) fuse_opt_add_arg(&args, "-d");
    session_ = fuse_session_new(&args, &operations_, sizeof(operations_), &context_);
    fuse_opt_free_args(&args);
    if (session_ == nullptr)
      return MakeError(EINVAL, ErrorKind::kInvalid, StrCat("libfuse refused the mount options: ", mount_options));
    return {};
  }

  // The kernel sets the read-ahead itself while it takes the answer to INIT, from what it read there before: what is
  // written at that moment is lost. So this waits for the answer, and looks whether what it wrote is there.
  void RaiseReadAhead() {
    if (options_.read_ahead_bytes == 0 || options_.device_fd >= 0) return;
    for (int waits = 0; waits < kInitWaitsMax && !IsInitAnswered(); ++waits)
      if (WaitForStop(kInitWaitMs)) return;
    Status set = MakeError(ENOENT, ErrorKind::kNotFound, "the mount is not in /proc/self/mountinfo");
    for (int tries = 0; tries < kReadAheadTriesMax; ++tries) {
      if (tries > 0 && WaitForStop(kReadAheadRetryMs)) return;
      const auto mount = FindMount(options_.mount_point);
      if (!mount) continue;
      set = TryReadAhead(mount->device);
      if (set) return;
    }
    Log(LogLevel::kInfo, StrCat("kernel read-ahead stays at its default (mmap loads will be slower): ",
                                set.error().text));
  }

  Status TryReadAhead(const std::string& device) const {
    OSSFS2_RETURN_IF_ERROR(SetReadAhead(device, options_.read_ahead_bytes));
    const Result<uint64_t> now = GetReadAhead(device);
    if (!now) return now.error();
    // The kernel counts in pages.
    if (*now + static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) > options_.read_ahead_bytes) return {};
    return MakeError(EAGAIN, ErrorKind::kOther, StrCat("it has ", *now >> 10, " KiB after it was set"));
  }

  // Whether Stop was called; a negative time waits for it.
  bool WaitForStop(int milliseconds) {
    pollfd waited{stop_event_, POLLIN, 0};
    int ready;
    while ((ready = poll(&waited, 1, milliseconds)) < 0 && errno == EINTR) {
    }
    return ready != 0;
  }

  const FuseOptions options_;
  FuseContext context_;
  const int stop_event_;
  fuse_lowlevel_ops operations_{};
  fuse_session* session_ = nullptr;
  // Until the end: tasks of the executor may hold it still when Run returns.
  std::optional<KernelInvalidator> invalidator_;
  std::optional<WorkerPool> workers_;
  std::atomic<bool> mounted_{false};
  std::atomic<bool> unmounting_{false};
};

}  // namespace

std::unique_ptr<FuseFrontend> MakeFuseFrontend(FileSystem& file_system, Executor& executor, Executor& writers,
                                               const FuseOptions& options) {
  return std::make_unique<Frontend>(file_system, executor, writers, options);
}

}  // namespace ossfs2
