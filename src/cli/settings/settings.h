// Settings: the typed form of the options, one struct for each layer below.
//
// MakeSettings turns an OptionSet into what http, oss, data, fs, fuse and base want, derives what is
// not given (region, memory, directories, log file) and refuses what cannot work together. It reads the
// machine (memory, /etc/fuse.conf) but changes nothing on disk; the Prepare functions make what the mount
// needs. Errors: EINVAL with one sentence and the next step. Values; no threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/report/log.h"
#include "cli/options/option_set.h"
#include "cli/settings/memory_plan.h"
#include "data/read/read_engine.h"
#include "data/upload/upload_options.h"
#include "fs/make_file_system.h"
#include "fuse/session/fuse_options.h"
#include "http/client/http_config.h"
#include "oss/credentials/credentials.h"
#include "oss/protocol/oss_config.h"

namespace ossfs2 {

struct Settings {
  std::string mount_point;  // absolute, without symbolic links in it when it could be resolved
  bool foreground = false;

  http::HttpConfig http;
  oss::CredentialOptions credentials;
  oss::OssConfig oss;
  MemoryPlan memory;
  ReadOptions read;
  UploadOptions upload;
  FsOptions fs;
  FuseOptions fuse;
  LogConfig log;

  std::chrono::seconds flush_deadline{60};
  std::string state_base;      // what lies below it for this mount alone may be removed when empty
  bool staging_given = false;  // the user named the directory: a full one refuses the mount
  bool core_dumps = false;
  bool admin_server = true;
  std::string metrics_ip;
  uint16_t metrics_port = 0;  // 0: no endpoint

  std::vector<std::string> notices;  // for the terminal and the log
  // "oss://BUCKET/PREFIX"
  std::string Source() const;
};

// `mount_point` may be empty for tools that mount nothing (check, gc).
Result<Settings> MakeSettings(const OptionSet& options, const std::string& mount_point);

// Gives `running` (and so the layers that were made from it) what `fresh` says of all that can change while mounted:
// the options whose row says `runtime`, but for log_level and flush_deadline, which are no layer's.
void ApplyTunables(const Settings& fresh, const Settings& running);

// Makes the log's directory (0750), and refuses an unsafe or full one. Adds notices, as the next does.
Status PrepareLogDirectory(Settings& settings);
// Makes those for staging and journal (0700), under the lock of the mount point: the last mount there removes them at
// its end.
Status PrepareStateDirectories(Settings& settings);
// Removes those of them that are empty, at the end of a mount that left nothing.
void RemoveEmptyDirectories(const Settings& settings);

// The journal folders of all mounts of this host with the same state_dir or journal_dir, of any bucket. Errors: one
// of the folders cannot be listed.
Result<std::vector<std::string>> JournalFolders(const Settings& settings);

// Where state that survives a crash lies: state_dir, or its default by user and environment.
std::string StateDirectory(const OptionSet& options);

}  // namespace ossfs2
