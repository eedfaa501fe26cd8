#include "cli/daemon/mount_service.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include "base/machine/descriptors.h"
#include "base/machine/name_service.h"
#include "base/report/log.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "cli/admin/admin_protocol.h"
#include "cli/admin/metrics_endpoint.h"
#include "cli/daemon/core_dumps.h"
#include "cli/daemon/last_mount.h"
#include "cli/daemon/mount_commands.h"
#include "cli/daemon/mount_stack.h"
#include "cli/daemon/signal_thread.h"
#include "cli/mounts/dead_mount.h"
#include "cli/mounts/mount_registry.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

// The low byte of the negative errno, as the existing client ends after a failed bucket check (EACCES: 243), and the
// errno that it has for the service's answer: ENOENT for a bucket that does not exist, for instance.
int BucketExitStatus(const Error& error) {
  int number = error.errno_value;
  if (error.http_status == 400) number = EINVAL;
  if (error.http_status == 401 || error.http_status == 403) number = EACCES;
  if (error.http_status == 404) number = ENOENT;
  const int status = -number & 0xff;
  return status == 0 ? 1 : status;
}

class MountService {
 public:
  MountService(Configuration configuration, const ReadConfiguration& read_again, StartReport& report)
      : configuration_(std::move(configuration)), read_again_(read_again), report_(report) {}

  int Serve();

 private:
  Settings& settings() { return configuration_.settings; }
  int Fail(int status, const std::string& text);
  int Start();
  Status TakeLock();
  Status StartHelpers();
  int Finish(const Status& run);
  void Reload();

  Configuration configuration_;
  const ReadConfiguration& read_again_;
  StartReport& report_;
  std::optional<MountLock> lock_;
  std::unique_ptr<MountStack> stack_;
  std::unique_ptr<MountCommands> commands_;
  std::unique_ptr<SignalThread> signals_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<MetricsEndpoint> metrics_;
  std::string socket_path_;
};

int MountService::Fail(int status, const std::string& text) {
  Log(LogLevel::kError, text);
  FlushLog();
  // A mount that never was leaves nothing; one whose recovery failed keeps its files.
  admin_.reset();
  metrics_.reset();
  commands_.reset();
  stack_.reset();
  if (lock_) RemoveEmptyDirectories(settings());
  report_.Failed(status,
                 StrCat("mounting ", settings().Source(), " on ", settings().mount_point, " failed: ", text));
  return status;
}

int MountService::Serve() {
  if (const int status = Start(); status != 0) return status;
  const std::string ready =
      StrCat("Mount ", settings().Source(), " to ", settings().mount_point, " successfully");
  Log(LogLevel::kInfo, ready);
  const bool log_is_stdout = settings().log.target == "/dev/stdout";
  report_.Ready(ready, log_is_stdout && LogEnabled(LogLevel::kInfo));
  const Status run = stack_->Run();
  return Finish(run);
}

int MountService::Start() {
  BlockDaemonSignals();
  RaiseDescriptorLimit();
  if (Status made = PrepareLogDirectory(settings()); !made) return Fail(1, made.error().ToString());
  if (Status set = SetupLog(settings().log); !set) return Fail(1, set.error().ToString());
  Log(LogLevel::kInfo, StrCat("ossfs2 ", OSSFS2_VERSION, " starts, pid ", getpid(), ", ", settings().Source(), " at ",
                              settings().oss.endpoint, " on ", settings().mount_point, ", with ", LibraryText()));
  Log(LogLevel::kInfo, StrCat("memory: ", settings().memory.ToString()));
  if (settings().core_dumps) AllowCoreDumps();
  signals_ = std::make_unique<SignalThread>();
  if (Status taken = TakeLock(); !taken) return Fail(1, taken.error().ToString());
  if (settings().fuse.device_fd < 0) {
    if (Status cleared = ClearDeadMount(settings().mount_point); !cleared)
      return Fail(1, cleared.error().ToString());
  }
  for (const std::string& line : TakeLossReport(settings().mount_point))
    settings().notices.push_back(StrCat("the last mount here could not save: ", line));
  for (const std::string& notice : settings().notices) {
    Log(LogLevel::kWarning, notice);
    report_.Notice(notice);
  }
  auto built = MountStack::Build(settings(), [this](const std::string& text) { report_.Progress(text); });
  if (!built)
    return Fail(built.error().bucket_check ? BucketExitStatus(built.error().error) : 1,
                built.error().error.ToString());
  stack_ = std::move(*built);
  commands_ = std::make_unique<MountCommands>(*stack_, settings(), configuration_.options);
  if (Status helpers = StartHelpers(); !helpers) return Fail(1, helpers.error().ToString());
  if (Status mounted = stack_->Mount(); !mounted) return Fail(1, mounted.error().ToString());
  if (const auto mount = FindMount(settings().mount_point)) commands_->SetDevice(mount->device);
  signals_->Handle([this] { stack_->Stop(); }, [this] { Reload(); });
  return 0;
}

Status MountService::TakeLock() {
  auto lock = TakeMountLock(settings().mount_point, report_);
  if (!lock) return lock.error();
  lock_.emplace(std::move(*lock));
  return PrepareStateDirectories(settings());
}

// What may fail for reasons of its own comes before the mount.
Status MountService::StartHelpers() {
  if (settings().metrics_port != 0) {
    auto endpoint = MetricsEndpoint::Start(settings().metrics_ip, settings().metrics_port);
    if (!endpoint) return endpoint.error();
    metrics_ = std::move(*endpoint);
  }
  if (settings().admin_server) {
    auto path = AdminSocketPath(settings().mount_point);
    if (!path) return path.error();
    auto server = AdminServer::Start(*path, *commands_);
    if (!server) return server.error();
    admin_ = std::move(*server);
    socket_path_ = *path;
  }
  MountRecord record;
  record.pid = getpid();
  record.mount_point = settings().mount_point;
  record.source = settings().Source();
  record.endpoint = settings().oss.endpoint;
  record.socket = socket_path_;
  record.log = settings().log.target;
  record.started_s = time(nullptr);
  record.flush_deadline_s = settings().flush_deadline.count();
  record.version = OSSFS2_VERSION;
  return WriteMountRecord(record);
}

int MountService::Finish(const Status& run) {
  commands_->SetDevice("");
  NotifyServiceManager("STOPPING=1");
  const auto deadline = commands_->flush_deadline();
  const uint64_t unpublished = stack_->UnpublishedBytes();
  if (unpublished > 0)
    Log(LogLevel::kInfo, StrCat("saving ", FormatSize(unpublished), " before the end, at most ",
                                std::chrono::duration_cast<std::chrono::seconds>(deadline).count(), " s"));
  if (!run) Log(LogLevel::kError, StrCat("serving ended: ", run.error().ToString()));
  const std::vector<std::string> lost = stack_->Save(deadline);
  // Both wait for what they have begun, and that may wait for the bucket.
  signals_->Handle(nullptr, nullptr);
  commands_->SetClosing();
  stack_->Close();
  for (const std::string& line : lost) {
    Log(LogLevel::kError, StrCat("not saved: ", line));
    if (settings().foreground) fprintf(stderr, "ossfs2: not saved: %s\n", line.c_str());
  }
  WriteLossReport(settings().mount_point, lost);
  admin_.reset();
  metrics_.reset();
  signals_.reset();
  RemoveEmptyDirectories(settings());
  Log(LogLevel::kInfo, StrCat("ossfs2 ends: ", settings().mount_point, " is unmounted",
                              lost.empty() ? "" : StrCat(", ", lost.size(), " files were not saved")));
  FlushLog();
  return lost.empty() && run ? 0 : 1;
}

void MountService::Reload() {
  if (Status reopened = ReopenLog(); !reopened) Log(LogLevel::kError, reopened.error().ToString());
  if (!configuration_.can_read_again) {
    Log(LogLevel::kWarning,
        "SIGHUP: the config file was a pipe and cannot be read again; `ossfs2 set` changes options");
    return;
  }
  Log(LogLevel::kInfo, "SIGHUP: reading the configuration again");
  auto fresh = read_again_();
  if (!fresh) {
    Log(LogLevel::kError, StrCat("the configuration is not taken over: ", fresh.error().ToString()));
    return;
  }
  commands_->TakeOver(fresh->settings, fresh->options);
}

}  // namespace

int ServeMount(Configuration configuration, const ReadConfiguration& read_again, StartReport& report) {
  return MountService(std::move(configuration), read_again, report).Serve();
}

int ServeMountInBackground(Configuration configuration, const ReadConfiguration& read_again) {
  int channel[2];
  if (pipe2(channel, O_CLOEXEC) != 0) {
    fprintf(stderr, "ossfs2: pipe: %s\n", strerror(errno));
    return 1;
  }
  const pid_t starter = getpid();
  const pid_t child = fork();
  if (child < 0) {
    fprintf(stderr, "ossfs2: cannot start the daemon: %s\n", strerror(errno));
    return 1;
  }
  if (child > 0) {
    close(channel[1]);
    return AwaitStart(channel[0], child);
  }
  EndWithStarter(starter);
  close(channel[0]);
  if (chdir("/") != 0) _exit(1);
  const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null_fd >= 0) {
    for (int fd = 0; fd < 2; ++fd) dup2(null_fd, fd);
  }
  int status = 1;
  {
    StartReport report(channel[1]);
    status = ServeMount(std::move(configuration), read_again, report);
  }
  _exit(status);
}

}  // namespace ossfs2
