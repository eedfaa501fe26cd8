// The saves that AttributeSaver delays: which are due, and how many run at once.
#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/attributes/attribute_saver.h"

namespace ossfs2 {
namespace {

constexpr auto kTick = std::chrono::milliseconds(500);
constexpr auto kRetryDelay = std::chrono::seconds(30);

}  // namespace

void AttributeSaver::Note(Node* node) {
  if (stopped_) return;
  waiting_[node->ino] = context_.clock.NowSteady() + kAttributeDelay;
  Schedule();
}

void AttributeSaver::Schedule() {
  if (ticking_ || stopped_ || waiting_.empty()) return;
  ticking_ = true;
  timer_->After(kTick, [this] { context_.Spawn([this] { StartDue(); }); });
}

void AttributeSaver::StartDue() {
  size_t started = 0;
  {
    MutexLock lock(context_.tree.mutex);
    const SteadyTime now = context_.clock.NowSteady();
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      // A change that came after the file's save had begun is stored by the next one.
      if (it->second > now || !saving_.insert(it->first).second) {
        ++it;
        continue;
      }
      due_.push_back(it->first);
      it = waiting_.erase(it);
    }
    started = std::min(due_.size(), kSavesMax - savers_);
    savers_ += started;
    ticking_ = false;
    Schedule();
  }
  for (size_t i = 0; i < started; ++i) context_.Spawn([this] { SaveDue(); });
}

void AttributeSaver::SaveDue() {
  MutexLock lock(context_.tree.mutex);
  while (!stopped_ && !due_.empty()) {
    const Ino ino = due_.front();
    due_.pop_front();
    lock.Unlock();
    const Status saved = Save(ino);
    const bool again = !saved && !IsFinal(saved.error());
    if (again) LogLimited(LogLevel::kWarning, StrCat("Attributes could not be kept yet: ", saved.error().ToString()));
    lock.Lock();
    saving_.erase(ino);
    if (!again) continue;
    waiting_[ino] = context_.clock.NowSteady() + kRetryDelay;
    Schedule();
  }
  --savers_;
}

void AttributeSaver::Stop() {
  {
    MutexLock lock(context_.tree.mutex);
    stopped_ = true;
  }
  timer_.reset();
}

}  // namespace ossfs2
