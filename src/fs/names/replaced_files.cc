#include "fs/names/replaced_files.h"

#include <fcntl.h>

#include <vector>

#include "fs/handles/open_file.h"

namespace ossfs2 {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

}  // namespace

bool ReplacedFiles::IsWanted(const Node* node) const {
  if (stopped_) return false;
  if (node == nullptr || node->type != NodeType::kFile || node->unlinked || !node->published) return false;
  if (node->size > kBytesMax || Opener::IsUnavailableArchive(node)) return false;
  if (node->extra && node->extra->open && node->extra->open->dirty()) return false;  // its writers have it open
  opener_.SharesTree(context_.tree);
  return opener_.ExpectsLateOpens(node);
}

bool ReplacedFiles::Keep(Ino ino) {
  HandleId oldest = 0;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (!IsWanted(node)) return false;
    if (kept_.size() >= kKeptMax) {
      oldest = kept_.front().first;
      kept_.pop_front();
    }
    opener_.SharesTree(context_.tree);
    kept_.emplace_back(opener_.MakeHandle(node, O_RDONLY)->id, context_.clock.NowSteady() + kKeepFor);
    Schedule();
  }
  if (oldest != 0) context_.Spawn([this, oldest] { release_(oldest); });
  return true;
}

void ReplacedFiles::Schedule() {
  if (ticking_ || stopped_ || kept_.empty()) return;
  ticking_ = true;
  if (!timer_) timer_ = std::make_unique<Timer>();
  timer_->After(kTick, [this] { context_.Spawn([this] { ReleaseDue(); }); });
}

void ReplacedFiles::ReleaseDue() {
  std::vector<HandleId> due;
  {
    MutexLock lock(context_.tree.mutex);
    for (; !kept_.empty() && kept_.front().second <= context_.clock.NowSteady(); kept_.pop_front())
      due.push_back(kept_.front().first);
    ticking_ = false;
    Schedule();
  }
  for (const HandleId id : due) release_(id);
}

void ReplacedFiles::Stop() {
  std::deque<std::pair<HandleId, SteadyTime>> kept;
  {
    MutexLock lock(context_.tree.mutex);
    stopped_ = true;
    kept.swap(kept_);
  }
  timer_.reset();
  for (const auto& [id, until] : kept) release_(id);
}

}  // namespace ossfs2
