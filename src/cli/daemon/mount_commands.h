// MountCommands: what a running mount answers on its admin socket, and what can be changed while it runs.
//
// Thread-safe. The parts it refers to outlive it.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "cli/admin/admin_protocol.h"
#include "cli/daemon/mount_stack.h"
#include "cli/options/option_set.h"

namespace ossfs2 {

// Puts back in `fresh` what only a new mount changes, as `running` has it; the names of those that were different.
std::vector<std::string> KeepWhatNeedsANewMount(OptionSet& fresh, const OptionSet& running);

// Why an option cannot change while mounted, or not by this command, and what to do.
std::string WhyNotSet(const OptionSpec& spec);

class MountCommands final : public AdminCommands {
 public:
  MountCommands(MountStack& stack, const Settings& settings, const OptionSet& options);

  std::string MountJson() override;
  std::string MetricsJson() override;
  Result<std::vector<std::string>> Explain(const std::string& path) override;
  Result<std::string> Set(const std::string& option, const std::string& value) override;

  // SIGHUP: takes the credentials and all that `ossfs2 set` can change from what was read anew.
  void TakeOver(const Settings& fresh, const OptionSet& options);
  // The device of the mounted file system, as in MountInfo; empty: it has ended, and another may have that number.
  void SetDevice(const std::string& device) EXCLUDES(mutex_);
  // The stack is about to close: from now on only MountJson and MetricsJson answer. Returns when the
  // calls under way have left it.
  void SetClosing() EXCLUDES(mutex_);
  std::chrono::milliseconds flush_deadline() const { return std::chrono::seconds(flush_deadline_s_.load()); }

 private:
  // Counts a call that uses the stack; false when the stack is closing.
  bool Enter() EXCLUDES(mutex_);
  void Leave() EXCLUDES(mutex_);
  void Apply(const Settings& fresh);
  bool IsSoAlready(const OptionSpec& spec, const std::string& value) EXCLUDES(set_mutex_);

  MountStack& stack_;
  const Settings& settings_;
  const std::chrono::steady_clock::time_point started_;
  std::atomic<int64_t> flush_deadline_s_;
  Mutex set_mutex_;
  OptionSet options_ GUARDED_BY(set_mutex_);  // what is so: with what `ossfs2 set` and SIGHUP changed
  Mutex mutex_;
  CondVar left_;
  bool closing_ GUARDED_BY(mutex_) = false;
  int inside_ GUARDED_BY(mutex_) = 0;
  std::string device_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
