#include "oss/operations/absence_check.h"

#include <cerrno>
#include <future>
#include <optional>
#include <utility>

#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "oss/exchange/exchange.h"

namespace ossfs2::oss {
namespace {

OssRequest HeadOf(const std::string& key) {
  OssRequest request;
  request.operation = "head";
  request.method = "HEAD";
  request.key = key;
  return request;
}

// Nothing: the key is free.
std::optional<Error> Refusal(const std::string& key, const Outcome& outcome) {
  if (!outcome.answer) {
    const Error& error = outcome.answer.error();
    if (error.kind == ErrorKind::kNotFound && error.oss_code != "SymlinkTargetNotExist") return std::nullopt;
    const bool is_link = error.oss_code == "SymlinkTargetNotExist" || error.oss_code == "InvalidTargetType";
    if (!is_link) return error;
  }
  Error error = MakeError(EEXIST, ErrorKind::kAlreadyExists, StrCat(key, " exists"));
  error.oss_code = "FileAlreadyExists";
  return error;
}

// The HEAD, and then the call that it allows.
class CallAfterHead final : public StoreCall {
 public:
  void Cancel() override EXCLUDES(mutex_) {
    std::shared_ptr<StoreCall> call;
    {
      MutexLock lock(mutex_);
      canceled_ = true;
      call = call_;
    }
    if (call != nullptr) call->Cancel();
  }
  // The HEAD may have ended, and the call begun, before the HEAD is told of here.
  void Follow(bool is_head, std::shared_ptr<StoreCall> call) EXCLUDES(mutex_) {
    bool canceled = false;
    {
      MutexLock lock(mutex_);
      if (is_head && past_head_) return;
      past_head_ = !is_head;
      call_ = call;
      canceled = canceled_;
    }
    if (canceled && call != nullptr) call->Cancel();
  }

 private:
  Mutex mutex_;
  std::shared_ptr<StoreCall> call_ GUARDED_BY(mutex_);
  bool past_head_ GUARDED_BY(mutex_) = false;
  bool canceled_ GUARDED_BY(mutex_) = false;
};

}  // namespace

Status CheckAbsent(OssContext& context, const std::string& key) {
  if (!context.versions.seen()) return {};
  auto refusal = Refusal(key, RunExchange(context, HeadOf(key)));
  return refusal ? Status(std::move(*refusal)) : Status();
}

std::shared_ptr<StoreCall> StartIfAbsent(OssContext& context, std::string key, std::function<void(Error)> refuse,
                                         std::function<std::shared_ptr<StoreCall>()> start) {
  if (!context.versions.seen()) return start();
  const auto both = std::make_shared<CallAfterHead>();
  OssRequest request = HeadOf(key);
  both->Follow(true, StartExchange(context, std::move(request), nullptr,
                                   [both, key = std::move(key), refuse = std::move(refuse),
                                    start = std::move(start)](const Outcome& outcome) {
                                     if (auto refusal = Refusal(key, outcome)) return refuse(std::move(*refusal));
                                     both->Follow(false, start());
                                   }));
  return both;
}

}  // namespace ossfs2::oss
