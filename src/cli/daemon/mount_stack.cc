#include "cli/daemon/mount_stack.h"

#include <algorithm>
#include <utility>

#include "base/machine/descriptors.h"
#include "base/report/log.h"
#include "base/threads/timer.h"
#include "base/values/str.h"
#include "cli/daemon/probe_advice.h"
#include "http/make_http_client.h"
#include "oss/oss_store.h"

namespace ossfs2 {
namespace {

// Threads for what may wait for the network: enough for every request the kernel has under way.
constexpr size_t kExecutorThreadsMax = 256;

void KeepTelling(Timer& timer, const std::function<void(const std::string&)>& progress, const char* doing) {
  timer.After(std::chrono::seconds(5), [&timer, &progress, doing] {
    progress(doing);
    KeepTelling(timer, progress, doing);
  });
}

}  // namespace

Result<std::unique_ptr<oss::CredentialProvider>> MakeCredentials(const StoreStack& stack,
                                                                 oss::CredentialOptions options) {
  options.metadata_http = stack.metadata_http.get();
  return oss::MakeCredentialProvider(*stack.http, options);
}

Result<StoreStack> MakeStoreStack(const Settings& settings) {
  StoreStack stack;
  http::HttpConfig http = settings.http;
  const auto connections_max = static_cast<uint64_t>(http.connections_max);
  http.connections_max = static_cast<int>(std::min(connections_max, ConnectionsWithinLimit()));
  auto client = http::MakeHttpClient(http);
  if (!client) return client.error();
  stack.http = std::move(*client);
  if (!settings.http.proxy.empty()) {
    http::HttpConfig direct = settings.http;
    direct.proxy.clear();
    direct.loop_threads = 1;
    auto metadata = http::MakeHttpClient(direct);
    if (!metadata) return metadata.error();
    stack.metadata_http = std::move(*metadata);
  }
  auto credentials = MakeCredentials(stack, settings.credentials);
  if (!credentials) return credentials.error();
  stack.credentials = std::make_unique<SwitchableCredentials>(std::move(*credentials));
  auto store = oss::MakeOssStore(*stack.http, *stack.credentials, settings.oss);
  if (!store) return store.error();
  stack.store = std::move(*store);
  return stack;
}

tl::expected<std::unique_ptr<MountStack>, MountStack::Failure> MountStack::Build(
    const Settings& settings, const std::function<void(const std::string&)>& progress) {
  std::unique_ptr<MountStack> stack(new MountStack(settings));
  auto store = MakeStoreStack(settings);
  if (!store) return tl::unexpected(Failure{std::move(store.error()), false});
  stack->store_ = std::move(*store);
  progress("asking for credentials");
  if (const auto keys = stack->store_.credentials->Current(); !keys)
    return tl::unexpected(Failure{AdviseCredentials(keys.error()), true});
  Log(LogLevel::kInfo, StrCat("credentials: ", stack->store_.credentials->Describe()));
  progress("asking the bucket");
  const std::string& prefix = settings.fs.prefix;
  if (Status probe = stack->store_.store->Probe(prefix.empty() ? "" : prefix + "/", kProbeDeadline); !probe)
    return tl::unexpected(Failure{AdviseProbe(probe.error(), settings), true});
  stack->BuildUpper();
  if (!settings.fs.read_only) {
    constexpr const char* kDoing = "finishing what an earlier run left";
    progress(kDoing);
    Timer heartbeat;  // uploading what was staged may take minutes; the parent must not lose patience
    KeepTelling(heartbeat, progress, kDoing);
    if (Status recovered = stack->writes_->Recover(); !recovered)
      return tl::unexpected(Failure{std::move(recovered.error()), false});
  }
  return stack;
}

void MountStack::BuildUpper() {
  pool_ = std::make_unique<MemoryPool>(settings_.memory.pool_bytes);
  executor_ = std::make_unique<Executor>("ossfs2-work", kExecutorThreadsMax);
  // Hundreds of writers that wait for their uploads must not hold up look-ups and listings.
  writers_executor_ = std::make_unique<Executor>("ossfs2-write", kExecutorThreadsMax);
  reads_ = MakeReadEngine(*store_.store, *pool_, settings_.read);
  writes_ = MakeWriteEngine(*store_.store, *pool_, settings_.upload);
  file_system_ = MakeFileSystem(*store_.store, *reads_, *writes_, *executor_, settings_.fs);
  frontend_ = MakeFuseFrontend(*file_system_, *executor_, *writers_executor_, settings_.fuse);
}

Status MountStack::ReloadCredentials(const oss::CredentialOptions& options) {
  auto fresh = MakeCredentials(store_, options);
  if (!fresh) return fresh.error();
  // Keys that cannot be had do not replace those that work.
  if (const auto keys = (*fresh)->Current(); !keys) return keys.error();
  store_.credentials->Switch(std::move(*fresh));
  return {};
}

Status MountStack::Mount() { return frontend_->Mount(); }
Status MountStack::Run() { return frontend_->Run(); }
void MountStack::Stop() { frontend_->Stop(); }
uint64_t MountStack::UnpublishedBytes() const { return writes_->UnpublishedBytes(); }

std::vector<std::string> MountStack::Save(std::chrono::milliseconds flush_deadline) {
  saved_ = true;
  const auto until = std::chrono::steady_clock::now() + flush_deadline;
  std::vector<std::string> lost;
  if (file_system_ != nullptr) lost = file_system_->FlushAll(flush_deadline);
  // Only now: a late close whose request is canceled gives its data up, and FlushAll would miss it.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  store_.store->EndCalls(std::max(left, left.zero()), kCleanUpMax);
  return lost;
}

void MountStack::Close() {
  if (std::exchange(closed_, true)) return;
  if (!saved_ && store_.store != nullptr) store_.store->EndCalls(std::chrono::milliseconds(0), kCleanUpMax);
  if (frontend_ != nullptr) frontend_->Unmount();
  if (reads_ != nullptr) reads_->Shutdown();
  if (frontend_ != nullptr) frontend_->EndNotices();
  if (writes_ != nullptr) writes_->Shutdown();
  // Tasks hold references to all parts above, so they end first.
  if (writers_executor_ != nullptr) writers_executor_->Shutdown();
  if (executor_ != nullptr) executor_->Shutdown();
  frontend_.reset();
  file_system_.reset();
  writes_.reset();
  reads_.reset();
  writers_executor_.reset();
  executor_.reset();
  pool_.reset();
  store_.store.reset();
  store_.credentials.reset();
  store_.metadata_http.reset();
  store_.http.reset();
}

MountStack::~MountStack() { Close(); }

}  // namespace ossfs2
