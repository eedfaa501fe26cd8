// MountStack: all layers of one mount, built from the bottom up and taken down in reverse.
//
// Build makes http, credentials, store, pool, engines, file system and frontend, asks the bucket once (Probe)
// and finishes what a crash left; nothing is mounted before all of that succeeded. Mount, Run and Stop are
// the frontend's. Save publishes unsaved files until the deadline, when all requests to the bucket are canceled, so
// that one which does not answer holds nothing up. Close unmounts and ends every part. Threads:
// Build, Mount, Run, Save and Close on one thread; Stop and the facts from any. Build starts threads, so a daemon
// forks before. Errors: sentences for the terminal; bucket_check tells those of the probe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/threads/executor.h"
#include "cli/daemon/switchable_credentials.h"
#include "cli/settings/settings.h"
#include "data/memory/memory_pool.h"
#include "data/write/write_engine.h"
#include "fuse/fuse_frontend.h"
#include "http/client/http_client.h"
#include "ossfs2/file_system.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// What check and gc need of the stack: everything up to the object store.
struct StoreStack {
  std::unique_ptr<http::HttpClient> http;
  // Past the proxy; null: there is none, and `http` serves. The metadata service tells the role of the machine that
  // asks, and its answers are keys: no proxy may ask for us, or see them.
  std::unique_ptr<http::HttpClient> metadata_http;
  std::unique_ptr<SwitchableCredentials> credentials;
  std::unique_ptr<ObjectStore> store;
};
Result<StoreStack> MakeStoreStack(const Settings& settings);
Result<std::unique_ptr<oss::CredentialProvider>> MakeCredentials(const StoreStack& stack,
                                                                 oss::CredentialOptions options);

class MountStack {
 public:
  // How long the first question to the bucket may take: all failures must be told within 15 s.
  static constexpr std::chrono::milliseconds kProbeDeadline{12000};

  // After the flush deadline, what cleans up (aborts of uploads, old versions put back) may take so long. What is not
  // done then is left to the next mount, whose journal tells it.
  static constexpr std::chrono::milliseconds kCleanUpMax{2000};

  struct Failure {
    Error error;
    bool bucket_check = false;  // the credentials or the bucket said no: the exit status is the errno's
  };
  // `progress` is told what is being waited for.
  static tl::expected<std::unique_ptr<MountStack>, Failure> Build(
      const Settings& settings, const std::function<void(const std::string&)>& progress);
  ~MountStack();
  MountStack(const MountStack&) = delete;
  MountStack& operator=(const MountStack&) = delete;

  Status Mount();
  Status Run();
  void Stop();
  // What could not be saved, one line each. From then on nobody waits for the bucket longer than the deadline either.
  std::vector<std::string> Save(std::chrono::milliseconds flush_deadline);
  // After Save; without it requests are canceled at once.
  void Close();

  FileSystem& file_system() { return *file_system_; }
  MemoryPool& pool() { return *pool_; }
  oss::CredentialProvider& credentials() { return *store_.credentials; }
  uint64_t UnpublishedBytes() const;
  // New keys from now on; the old ones stay when the new ones cannot be had.
  Status ReloadCredentials(const oss::CredentialOptions& options);

 private:
  explicit MountStack(const Settings& settings) : settings_(settings) {}
  void BuildUpper();

  const Settings settings_;
  StoreStack store_;
  std::unique_ptr<MemoryPool> pool_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Executor> writers_executor_;
  std::unique_ptr<ReadEngine> reads_;
  std::unique_ptr<WriteEngine> writes_;
  std::unique_ptr<FileSystem> file_system_;
  std::unique_ptr<FuseFrontend> frontend_;
  bool saved_ = false;
  bool closed_ = false;
};

}  // namespace ossfs2
