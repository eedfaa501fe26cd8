// `ossfs2 warmup PATH... [--jobs N] [--check] [--json]`.
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/values/size.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/app.h"
#include "cli/commands/warmup.h"
#include "cli/mounts/daemon_watch.h"
#include "cli/mounts/mount_registry.h"
#include "cli/options/option_table.h"

namespace ossfs2 {
namespace {

constexpr size_t kFailuresShownMax = 20;
constexpr const char* kUsage = "usage: ossfs2 warmup PATH... [--jobs N] [--check] [--json]";
constexpr int kJobsDefault = 16;

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// One line on a terminal, rewritten; a line each five seconds otherwise.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

  void Tick(const WarmupProgress& progress) {
    const double elapsed_s = SecondsSince(started_);
    if (const uint64_t done = progress.bytes_done; done != done_) {
      done_ = done;
      moved_s_ = elapsed_s;
    }
    if (quiet_ || (!terminal_ && elapsed_s - shown_s_ < 5)) return;
    shown_s_ = elapsed_s;
    const std::string text = WarmupLine(progress, elapsed_s, elapsed_s - moved_s_);
    if (terminal_) {
      fprintf(stderr, "\r\033[K[%s] %s", Bar(progress).c_str(), text.c_str());
    } else {
      fprintf(stderr, "%s\n", text.c_str());
    }
  }
  void End() const {
    if (!quiet_ && terminal_) fputs("\r\033[K", stderr);
  }

 private:
  static std::string Bar(const WarmupProgress& progress) {
    constexpr size_t kWidth = 24;
    const uint64_t total = std::max<uint64_t>(progress.bytes_total, 1);
    const size_t full = static_cast<size_t>(std::min<uint64_t>(progress.bytes_done, total) * kWidth / total);
    return std::string(full, '#') + std::string(kWidth - full, '.');
  }
  const bool quiet_;
  const bool terminal_;
  const SteadyClock::time_point started_ = SteadyClock::now();
  double shown_s_ = 0;
  uint64_t done_ = 0;
  double moved_s_ = 0;  // when the last byte came
};

struct WarmupArguments {
  std::vector<std::string> paths;
  int64_t jobs = kJobsDefault;
  bool check = false;
  bool json = false;
  bool bad = false;
};

WarmupArguments Parse(const Arguments& arguments) {
  WarmupArguments parsed;
  bool only_paths = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    std::optional<std::string> jobs;
    if (only_paths) {
      parsed.paths.push_back(word);
    } else if (word == "--") {
      only_paths = true;
    } else if (word == "--check") {
      parsed.check = true;
    } else if (word == "--json") {
      parsed.json = true;
    } else if ((word == "--jobs" || word == "-j") && i + 1 < arguments.size()) {
      jobs = arguments[++i];
    } else if (word.rfind("--jobs=", 0) == 0) {
      jobs = word.substr(7);
    } else if (word.rfind("-j", 0) == 0 && word.size() > 2) {
      jobs = word.substr(2);
    } else if (!word.empty() && word[0] == '-') {
      parsed.bad = true;
    } else {
      parsed.paths.push_back(word);
    }
    if (!jobs) continue;
    const auto number = ParseInt(*jobs);
    parsed.bad = parsed.bad || !number || *number < 1 || *number > Warmup::kJobsMax;
    if (number) parsed.jobs = *number;
  }
  parsed.bad = parsed.bad || parsed.paths.empty();
  return parsed;
}

// Whether the kernel says that a FUSE file system is there; an overlay may have one below. True also when it
// cannot say.
bool MayBeOurs(const std::string& path) {
  struct statfs info {};
  return statfs(path.c_str(), &info) != 0 || info.f_type == FUSE_SUPER_MAGIC ||
         info.f_type == OVERLAYFS_SUPER_MAGIC;
}

// An error when a mount does not answer. A notice when it has direct_io: nothing else tells that what is read there
// cannot stay.
Status LookAtMounts(const std::vector<std::string>& paths) {
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    const auto record = FindMountRecord(ResolveMountPoint(path));
    if (!record || !seen.insert(record->mount_point).second) continue;
    OSSFS2_RETURN_IF_ERROR(CheckAnswers(*record));
    const DaemonStatus status = AskStatus(*record);
    if (!status.direct_io) continue;
    const std::string kept =
        status.memory_cache_bytes == 0
            ? std::string("the files are downloaded, and nothing of them stays; mount without direct_io, or set "
                          "memory_data_cache_size to their size")
            : StrCat("only the last ", FormatSize(status.memory_cache_bytes),
                     " stay, in the daemon's memory (memory_data_cache_size); mount without direct_io for more");
    fprintf(stderr, "ossfs2: notice: %s is mounted with direct_io, which passes the page cache by: %s\n",
            record->mount_point.c_str(), kept.c_str());
  }
  return {};
}

void PrintJson(const Warmup& warmup, const WarmupArguments& arguments, double seconds) {
  const WarmupProgress& progress = warmup.progress();
  nlohmann::json failures = nlohmann::json::array();
  for (const WarmupFailure& failure : warmup.failures())
    failures.push_back({{"path", failure.path}, {"error", failure.reason}});
  nlohmann::json out = {{"files", progress.files_total},
                        {"bytes", progress.bytes_total},
                        {"bytes_done", progress.bytes_done.load()},
                        {"seconds", seconds},
                        {"failures", failures}};
  if (arguments.check) out["bytes_resident"] = progress.bytes_resident.load();
  puts(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void PrintText(const Warmup& warmup, const WarmupArguments& arguments, double seconds) {
  const WarmupProgress& progress = warmup.progress();
  const auto& failures = warmup.failures();
  for (size_t i = 0; i < failures.size() && i < kFailuresShownMax; ++i)
    fprintf(stderr, "ossfs2: %s: %s\n", Printable(failures[i].path).c_str(), failures[i].reason.c_str());
  if (failures.size() > kFailuresShownMax)
    fprintf(stderr, "ossfs2: and %zu more\n", failures.size() - kFailuresShownMax);
  if (arguments.check) {
    printf("%.1f %% resident (%s of %s in %llu files)\n",
           ResidentPercent(progress.bytes_resident, progress.bytes_total), FormatSize(progress.bytes_resident).c_str(),
           FormatSize(progress.bytes_total).c_str(), static_cast<unsigned long long>(progress.files_total));
  } else {
    const double rate = seconds > 0 ? static_cast<double>(progress.bytes_done) / seconds : 0;
    printf("read %s in %llu files in %.1f s (%s/s)\n", FormatSize(progress.bytes_done).c_str(),
           static_cast<unsigned long long>(progress.files_total), seconds,
           FormatSize(static_cast<uint64_t>(rate)).c_str());
  }
  if (!failures.empty()) printf("%zu could not be read\n", failures.size());
}

}  // namespace

int WarmupCommand(const Arguments& arguments) {
  const WarmupArguments parsed = Parse(arguments);
  if (parsed.bad) return FailWith(kUsageStatus, kUsage);
  if (const Status good = LookAtMounts(parsed.paths); !good) return FailWith(1, good.error().text);
  for (const std::string& path : parsed.paths)
    if (!MayBeOurs(path))
      fprintf(stderr, "ossfs2: notice: %s is not on a mount of ossfs2; ossfs2 list shows those there are\n",
              path.c_str());
  const auto started = SteadyClock::now();
  Warmup warmup(parsed.paths);
  ProgressLine line(parsed.json);
  const auto tick = [&line](const WarmupProgress& progress) { line.Tick(progress); };
  if (parsed.check) {
    warmup.Check(static_cast<int>(parsed.jobs), tick);
  } else {
    warmup.Read(static_cast<int>(parsed.jobs), tick);
  }
  line.End();
  const double seconds = SecondsSince(started);
  if (parsed.json) {
    PrintJson(warmup, parsed, seconds);
  } else {
    PrintText(warmup, parsed, seconds);
  }
  return warmup.failures().empty() ? 0 : 1;
}

}  // namespace ossfs2
