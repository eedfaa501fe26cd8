#include "fs/files/final_flush.h"

#include <memory>

#include "base/mutex.h"
#include "base/str.h"
#include "fs/handles/open_file.h"

namespace ossfs2 {

// Shared with the tasks, some of which may end after the deadline.
struct FinalFlush::Report {
  Mutex mutex;
  CondVar done;
  std::vector<std::string> failed GUARDED_BY(mutex);
  std::map<Ino, std::string> waiting GUARDED_BY(mutex);
};

std::map<Ino, std::string> FinalFlush::Unsaved() {
  std::map<Ino, std::string> unsaved;
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
    if (dirty || node->extra->pending) unsaved.emplace(node->ino, context_.tree.Path(node));
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

std::vector<std::string> FinalFlush::Run(std::chrono::milliseconds deadline) {
  const std::map<Ino, std::string> unsaved = Unsaved();
  auto report = std::make_shared<Report>();
  {
    MutexLock lock(report->mutex);
    report->waiting = unsaved;
  }
  for (const auto& [ino, path] : unsaved)
    context_.Spawn([this, report, file = ino, name = path] {
      Status saved = publisher_.Publish(file, PublishFor::kClose);
      if (saved) saved = saver_.Save(file);
      MutexLock lock(report->mutex);
      report->waiting.erase(file);
      if (!saved) report->failed.push_back(StrCat(name, ": ", saved.error().ToString()));
      if (report->waiting.empty()) report->done.NotifyAll();
    });
  const auto until = std::chrono::steady_clock::now() + deadline;
  MutexLock lock(report->mutex);
  while (!report->waiting.empty()) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || !report->done.WaitFor(lock, until - now)) break;
  }
  std::vector<std::string> failed = report->failed;
  for (const auto& [ino, path] : report->waiting)
    failed.push_back(StrCat(path, ": not stored before the deadline"));
  return failed;
}

}  // namespace ossfs2
