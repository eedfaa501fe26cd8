#include "fs/files/final_flush.h"

#include <cerrno>
#include <memory>

#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"

namespace ossfs2 {

// Shared with the tasks, some of which may end after the deadline.
struct FinalFlush::Report {
  Mutex mutex;
  CondVar done;
  std::vector<std::string> failed GUARDED_BY(mutex);
  std::map<Ino, Unsaved> waiting GUARDED_BY(mutex);
};

std::map<Ino, FinalFlush::Unsaved> FinalFlush::FindUnsaved() {
  std::map<Ino, Unsaved> unsaved;
  MutexLock lock(context_.tree.mutex);
  // What a call that is still under way changes from here on, it stores itself.
  saver_.SharesTree(context_.tree);
  saver_.BeginEnd();
  context_.tree.ForEach([this, &unsaved](Node* node) NO_THREAD_SAFETY_ANALYSIS {
    if (!node->extra) return;
    const auto& file = node->extra->open;
    const bool dirty = file && file->ahead();  // also when it is being stored: its attributes may be left then
    const bool lost = dirty && node->leaving == 0 && file->removed_remotely();
    if (node->unlinked && !lost) return;
    if (dirty || node->extra->pending)
      unsaved.emplace(node->ino, Unsaved{context_.tree.Path(node), dirty ? file : nullptr});
  });
  return unsaved;
}

Status FinalFlush::StoreLate(Ino ino) {
  {
    MutexLock lock(context_.tree.mutex);
    saver_.SharesTree(context_.tree);
    if (!saver_.is_ending()) return {};
  }
  return publisher_.Publish(ino, PublishFor::kClose);
}

Status FinalFlush::Save(Ino ino, const Unsaved& unsaved) {
  OSSFS2_RETURN_IF_ERROR(publisher_.Publish(ino, PublishFor::kClose));
  // A close that was under way before failed, and the file went with it.
  if (unsaved.file && unsaved.file->lost)
    return MakeError(EIO, ErrorKind::kOther, "its last close could not store it; the log has the reason");
  return saver_.Save(ino);
}

std::vector<std::string> FinalFlush::Run(std::chrono::milliseconds deadline) {
  const std::map<Ino, Unsaved> unsaved = FindUnsaved();
  auto report = std::make_shared<Report>();
  {
    MutexLock lock(report->mutex);
    report->waiting = unsaved;
  }
  for (const auto& item : unsaved)
    context_.Spawn([this, report, item] {
      const Status saved = Save(item.first, item.second);
      MutexLock lock(report->mutex);
      report->waiting.erase(item.first);
      if (!saved) report->failed.push_back(StrCat(item.second.path, ": ", saved.error().ToString()));
      if (report->waiting.empty()) report->done.NotifyAll();
    });
  const auto until = std::chrono::steady_clock::now() + deadline;
  MutexLock lock(report->mutex);
  while (!report->waiting.empty()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || !report->done.WaitFor(lock, until - now)) break;
  }
  std::vector<std::string> failed = report->failed;
  for (const auto& [ino, late] : report->waiting)
    failed.push_back(StrCat(late.path, ": not stored before the deadline"));
  return failed;
}

}  // namespace ossfs2
