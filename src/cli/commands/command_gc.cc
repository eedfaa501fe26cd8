// `ossfs2 gc -c FILE [--older-than 1d] [--dry-run]`: aborts multipart uploads that nobody will finish, and puts
// right what runs left whose journal was lost (data/recovery/leftovers.h).
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/commands/gc_uploads.h"
#include "cli/commands/service_time.h"
#include "cli/commands/tool_arguments.h"
#include "cli/daemon/mount_stack.h"
#include "cli/daemon/probe_advice.h"
#include "data/journal/journal.h"
#include "data/recovery/leftovers.h"

namespace ossfs2 {
namespace {

// Younger ones may belong to a mount or program that is still writing.
constexpr const char* kAgeDefault = "1d";

// What the mounts that run on this host write down of what they need.
Result<std::vector<JournalEntry>> LiveEntries(const Settings& settings) {
  const Result<std::vector<std::string>> folders = JournalFolders(settings);
  if (!folders) return folders.error();
  std::vector<JournalEntry> all;
  for (const std::string& folder : *folders) {
    Result<std::vector<JournalEntry>> entries = ReadLiveRuns(folder);
    if (!entries) return entries;
    std::move(entries->begin(), entries->end(), std::back_inserter(all));
  }
  return all;
}

// Uploads of mounts that run on this host. Those of other hosts and programs cannot be told from what was left behind.
class LiveUploads {
 public:
  explicit LiveUploads(const std::vector<JournalEntry>& entries) {
    for (const JournalEntry& entry : entries) {
      // Without an id it is just being opened.
      if (entry.upload_id.empty()) {
        keys_.insert(entry.key);
      } else {
        ids_.insert(entry.upload_id);
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

// Whether a mount that runs on this host needs the backup or parked copy; also when that cannot be told. Read anew each
// time: they are few, and mounts go on.
bool IsInUse(const Settings& settings, const std::string& key) {
  const Result<std::vector<JournalEntry>> entries = LiveEntries(settings);
  return !entries || std::any_of(entries->begin(), entries->end(),
                                 [&key](const JournalEntry& entry) { return entry.backup_key == key; });
}

void TellLeftover(const Leftover& item, bool dry_run) {
  static constexpr const char* kWords[] = {"delete", "restore", "keep"};
  if (!item.result) {
    fprintf(stderr, "ossfs2: %s: %s\n", Printable(item.key).c_str(), item.result.error().ToString().c_str());
    return;
  }
  const bool would = dry_run && item.action != LeftoverAction::kKeep;
  printf("%s%s %s%s%s (%s)\n", would ? "would " : "", kWords[static_cast<size_t>(item.action)],
         Printable(item.key).c_str(), item.action == LeftoverAction::kRestore ? " as " : "",
         item.action == LeftoverAction::kRestore ? Printable(item.target).c_str() : "", item.reason.c_str());
}

std::string FailedText(size_t failed) { return failed == 0 ? "" : StrCat(", ", failed, " failed"); }

struct GcOptions {
  Arguments mount;  // those of a mount: which bucket, with which keys
  std::string age = kAgeDefault;
  bool dry_run = false;
};

GcOptions ParseGcOptions(const Arguments& arguments) {
  GcOptions options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--dry-run" || word == "-n") {
      options.dry_run = true;
    } else if (word == "--older-than" && i + 1 < arguments.size()) {
      options.age = arguments[++i];
    } else if (word.rfind("--older-than=", 0) == 0) {
      options.age = word.substr(13);
    } else {
      options.mount.push_back(word);
    }
  }
  return options;
}

}  // namespace

int GcCommand(const Arguments& arguments) {
  const GcOptions options = ParseGcOptions(arguments);
  const bool dry_run = options.dry_run;
  if (options.mount.empty())
    return FailWith(kUsageStatus, "usage: ossfs2 gc -c FILE [--older-than 1d] [--dry-run]");
  const auto age = ParseAge(options.age);
  if (!age) return FailWith(kUsageStatus, StrCat("--older-than: ", age.error().text));
  const auto settings = ReadToolSettings(options.mount);
  if (!settings) return FailWith(1, settings.error().ToString());
  auto stack = MakeStoreStack(*settings);
  if (!stack) return FailWith(1, stack.error().ToString());
  const std::string prefix = settings->fs.prefix.empty() ? "" : settings->fs.prefix + "/";
  // The time first: it is asked for once, so who cannot be reached says so soon. And by a clock of this machine that is
  // ahead the uploads of this minute would end.
  const auto service = AskService(*stack, *settings);
  if (!service) return FailWith(1, AdviseProbe(service.error(), *settings).ToString());
  const auto now_s = TimeOf(*service);
  if (!now_s)
    return FailWith(1, StrCat(settings->oss.endpoint,
                              " tells no time, so no age can be told; check oss_endpoint and http_proxy"));
  const auto uploads = stack->store->ListUploads(prefix);
  if (!uploads) return FailWith(1, AdviseProbe(uploads.error(), *settings).ToString());
  const int64_t before_s = *now_s - *age;
  const auto entries = LiveEntries(*settings);
  if (!entries)
    return FailWith(1, StrCat("what the mounts that run here are writing cannot be told from what was left behind, ",
                              "so nothing was removed: ", entries.error().text,
                              ". Run gc as the user of the mounts, or give the state_dir of your own"));
  const LiveUploads live(*entries);
  const auto is_in_use = [&live](const UploadInfo& upload) { return live.Has(upload); };
  const GcCount count = AbortOldUploads(*stack->store, *uploads, is_in_use, before_s, dry_run);
  const auto leftovers = CleanLeftovers(*stack->store, prefix, before_s, dry_run,
                                        [&settings](const std::string& key) { return IsInUse(*settings, key); },
                                        [dry_run](const Leftover& item) { TellLeftover(item, dry_run); });
  printf("%zu uploads %s, %zu younger ones and %zu of running mounts kept%s\n", count.aborted,
         dry_run ? "would be aborted" : "aborted", count.kept, count.in_use, FailedText(count.failed).c_str());
  if (!leftovers) return FailWith(1, AdviseProbe(leftovers.error(), *settings).ToString());
  printf("%zu leftover objects %s, %zu %s, %zu younger ones, %zu of running mounts and %zu unclear ones kept%s\n",
         leftovers->deleted, dry_run ? "would be deleted" : "deleted", leftovers->restored,
         dry_run ? "would be restored" : "restored", leftovers->younger, leftovers->in_use, leftovers->kept,
         FailedText(leftovers->failed).c_str());
  return count.failed + leftovers->failed == 0 ? 0 : 1;
}

}  // namespace ossfs2
