// `ossfs2 gc -c FILE [--older-than 1d] [--dry-run]`: aborts multipart uploads that nobody will finish, and puts
// right what runs left whose journal was lost (data/write/write_leftovers.h).
#include <cstdio>
#include <ctime>
#include <set>

#include "base/str.h"
#include "cli/commands/service_time.h"
#include "cli/commands/tool_arguments.h"
#include "cli/mount/mount_stack.h"
#include "cli/mount/probe_advice.h"
#include "data/journal/journal_log.h"
#include "data/write/write_leftovers.h"

namespace ossfs2 {
namespace {

// Younger ones may belong to a mount or program that is still writing.
constexpr const char* kAgeDefault = "1d";

std::string TimeText(int64_t seconds) {
  const time_t value = static_cast<time_t>(seconds);
  tm parts{};
  char text[32];
  gmtime_r(&value, &parts);
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &parts);
  return text;
}

// Uploads of mounts that run on this host. Those of other hosts and programs cannot be told from what was left behind.
class LiveUploads {
 public:
  explicit LiveUploads(const Settings& settings) {
    for (const std::string& folder : JournalFolders(settings)) {
      for (const JournalEntry& entry : ReadLiveRuns(folder)) {
        // Without an id it is just being opened.
        if (entry.upload_id.empty()) {
          keys_.insert(entry.key);
        } else {
          ids_.insert(entry.upload_id);
        }
      }
    }
  }
  bool Has(const UploadInfo& upload) const {
    return ids_.count(upload.upload_id) != 0 || keys_.count(upload.key) != 0;
  }

 private:
  std::set<std::string> ids_;
  std::set<std::string> keys_;
};

// Whether a mount that runs on this host needs the backup or parked copy. Read anew each time: they are few, and mounts go on.
bool IsInUse(const Settings& settings, const std::string& key) {
  for (const std::string& folder : JournalFolders(settings))
    for (const JournalEntry& entry : ReadLiveRuns(folder))
      if (entry.backup_key == key) return true;
  return false;
}

struct GcCount {
  size_t aborted = 0;
  size_t in_use = 0;
  size_t kept = 0;
  size_t failed = 0;
};

GcCount AbortOld(ObjectStore& store, const std::vector<UploadInfo>& uploads, const LiveUploads& live, int64_t before_s,
                 bool dry_run) {
  GcCount count;
  for (const UploadInfo& upload : uploads) {
    if (upload.initiated_s > before_s) {
      ++count.kept;
      continue;
    }
    if (live.Has(upload)) {
      ++count.in_use;
      continue;
    }
    printf("%s %s (begun %s, id %s)\n", dry_run ? "would abort" : "abort", upload.key.c_str(),
           TimeText(upload.initiated_s).c_str(), upload.upload_id.c_str());
    const Status done = dry_run ? Status() : store.AbortUpload(upload.key, upload.upload_id);
    if (done) {
      ++count.aborted;
    } else {
      ++count.failed;
      fprintf(stderr, "ossfs2: %s: %s\n", upload.key.c_str(), done.error().ToString().c_str());
    }
  }
  return count;
}

void TellLeftover(const Leftover& item, bool dry_run) {
  static constexpr const char* kWords[] = {"delete", "restore", "keep"};
  if (!item.result) {
    fprintf(stderr, "ossfs2: %s: %s\n", item.key.c_str(), item.result.error().ToString().c_str());
    return;
  }
  const bool would = dry_run && item.action != LeftoverAction::kKeep;
  printf("%s%s %s%s%s (%s)\n", would ? "would " : "", kWords[static_cast<size_t>(item.action)], item.key.c_str(),
         item.action == LeftoverAction::kRestore ? " as " : "",
         item.action == LeftoverAction::kRestore ? item.target.c_str() : "", item.reason.c_str());
}

std::string FailedText(size_t failed) { return failed == 0 ? "" : StrCat(", ", failed, " failed"); }

}  // namespace

int GcCommand(const Arguments& arguments) {
  Arguments options;
  std::string age_text = kAgeDefault;
  bool dry_run = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--dry-run" || word == "-n") {
      dry_run = true;
    } else if (word == "--older-than" && i + 1 < arguments.size()) {
      age_text = arguments[++i];
    } else if (word.rfind("--older-than=", 0) == 0) {
      age_text = word.substr(13);
    } else {
      options.push_back(word);
    }
  }
  if (options.empty())
    return FailWith(kUsageStatus, "usage: ossfs2 gc -c FILE [--older-than 1d] [--dry-run]");
  const auto age = ParseAge(age_text);
  if (!age) return FailWith(kUsageStatus, StrCat("--older-than: ", age.error().text));
  const auto settings = ReadToolSettings(options);
  if (!settings) return FailWith(1, settings.error().ToString());
  auto stack = MakeStoreStack(*settings);
  if (!stack) return FailWith(1, stack.error().ToString());
  const std::string prefix = settings->fs.prefix.empty() ? "" : settings->fs.prefix + "/";
  const auto uploads = stack->store->ListUploads(prefix);
  if (!uploads) return FailWith(1, AdviseProbe(uploads.error(), *settings).ToString());
  // A clock that is ahead would end the uploads of this minute.
  const auto service = AskService(*stack, *settings);
  if (!service) return FailWith(1, StrCat("the service's time: ", AdviseProbe(service.error(), *settings).ToString()));
  const auto now_s = TimeOf(*service);
  if (!now_s) return FailWith(1, StrCat(settings->oss.endpoint, " tells no time, so no age can be told; check oss_endpoint and http_proxy"));
  const int64_t before_s = *now_s - *age;
  const GcCount count = AbortOld(*stack->store, *uploads, LiveUploads(*settings), before_s, dry_run);
  const auto leftovers = CleanLeftovers(*stack->store, prefix, before_s, dry_run,
                                        [&settings](const std::string& key) { return IsInUse(*settings, key); },
                                        [dry_run](const Leftover& item) { TellLeftover(item, dry_run); });
  printf("%zu uploads %s, %zu younger ones and %zu of running mounts kept%s\n", count.aborted,
         dry_run ? "would be aborted" : "aborted", count.kept, count.in_use, FailedText(count.failed).c_str());
  if (!leftovers) return FailWith(1, AdviseProbe(leftovers.error(), *settings).ToString());
  printf("%zu leftover objects %s, %zu %s, %zu younger ones, %zu of running mounts and %zu unclear ones kept%s\n",
         leftovers->deleted, dry_run ? "would be deleted" : "deleted", leftovers->restored,
         dry_run ? "would be restored" : "restored", leftovers->younger, leftovers->in_use, leftovers->kept, FailedText(leftovers->failed).c_str());
  return count.failed + leftovers->failed == 0 ? 0 : 1;
}

}  // namespace ossfs2
