// Operating a mount: explain a path, save everything before the end.
#include <algorithm>
#include <chrono>

#include "base/str.h"
#include "fs/core_file_system.h"
#include "fs/shared/attributes.h"

namespace ossfs2 {
namespace {

const char* TypeName(const Node* node) {
  if (node->is_directory()) return "directory";
  return node->type == NodeType::kSymlink ? "symlink" : "file";
}

void ExplainDirectory(const DirectoryState& state, std::vector<std::string>& lines) {
  static constexpr const char* kKnown[] = {"not known", "no", "yes"};
  lines.push_back(StrCat("children known: ", state.children.size(), state.complete ? " (all)" : ""));
  lines.push_back(StrCat("marker object: ", kKnown[static_cast<size_t>(state.marker)]));
  lines.push_back(StrCat("files keep attributes: ", kKnown[static_cast<size_t>(state.keeps_attributes)]));
  lines.push_back(StrCat("hidden keys: ", state.hidden_keys));
}

}  // namespace

Result<std::vector<std::string>> CoreFileSystem::Explain(const std::string& path) {
  Ino ino = kRootIno;
  size_t start = 0;
  while (start < path.size()) {
    const size_t slash = std::min(path.find('/', start), path.size());
    const std::string name = path.substr(start, slash - start);
    start = slash + 1;
    if (name.empty() || name == ".") continue;
    Result<Ino> next = resolver_.Resolve(ino, name);
    if (!next) return next.error();
    ino = *next;
  }
  std::vector<std::string> lines;
  bool is_file = false;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    is_file = node->type == NodeType::kFile;
    const Attr attr = ShownAttr(node, context_.options);
    lines.push_back(StrCat("key: ", context_.tree.Key(node)));
    lines.push_back(StrCat("type: ", TypeName(node)));
    lines.push_back(StrCat("inode: ", node->ino));
    lines.push_back(StrCat("size: ", attr.size));
    lines.push_back(StrCat("etag: ", node->etag.empty() ? "none" : node->etag.Text()));
    lines.push_back(StrCat("storage class: ", StorageClassName(node->storage_class)));
    lines.push_back(StrCat("stored: ", node->published ? "yes" : "not yet"));
    const double valid_s =
        std::chrono::duration<double>(node->valid_until - context_.clock.NowSteady()).count();
    // The root has no object that could change.
    lines.push_back(valid_s > 1e9
                        ? std::string("believed: always")
                        : StrCat("believed for another: ", static_cast<int64_t>(std::max(valid_s, 0.0)), " s"));
    lines.push_back(StrCat("kernel references: ", node->lookups));
    if (node->extra && node->extra->pending) lines.push_back("attributes: changed here, not stored yet");
    if (node->extra && node->extra->open)
      lines.push_back(StrCat("open handles: ", node->extra->open->handles));
    if (node->directory) ExplainDirectory(*node->directory, lines);
  }
  if (!is_file) return lines;
  for (std::string& line : context_.reads.Explain(ino)) lines.push_back("read " + line);
  for (std::string& line : context_.writes.Explain(ino)) lines.push_back("write " + line);
  return lines;
}

struct CoreFileSystem::FlushReport {
  Mutex mutex;
  CondVar done;
  size_t left GUARDED_BY(mutex) = 0;
  std::vector<std::string> failed GUARDED_BY(mutex);
  std::map<Ino, std::string> waiting GUARDED_BY(mutex);
};

std::vector<std::string> CoreFileSystem::FlushAll(std::chrono::milliseconds deadline) {
  auto report = std::make_shared<FlushReport>();
  std::map<Ino, std::string> unsaved;
  {
    MutexLock lock(context_.tree.mutex);
    // What a call that is still under way changes from here on, it stores itself.
    saver_.SharesTree(context_.tree);
    saver_.BeginEnd();
    context_.tree.ForEach([this, &unsaved](Node* node) NO_THREAD_SAFETY_ANALYSIS {
      if (!node->extra) return;
      const auto& file = node->extra->open;
      const bool dirty = file && file->ahead();  // also when it is being stored: its attributes may be left then
      if (node->unlinked && !(dirty && file->removed_remotely())) return;
      if (dirty || node->extra->pending) unsaved.emplace(node->ino, context_.tree.Path(node));
    });
  }
  MutexLock lock(report->mutex);
  report->left = unsaved.size();
  report->waiting = unsaved;
  lock.Unlock();
  for (const auto& [ino, path] : unsaved)
    context_.Spawn([this, report, file = ino, name = path] {
      Status saved = publisher_.Publish(file, PublishFor::kClose);
      if (saved) saved = saver_.Save(file);
      MutexLock done_lock(report->mutex);
      report->waiting.erase(file);
      if (!saved) report->failed.push_back(StrCat(name, ": ", saved.error().ToString()));
      if (--report->left == 0) report->done.NotifyAll();
    });
  const auto until = std::chrono::steady_clock::now() + deadline;
  lock.Lock();
  while (report->left > 0) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || !report->done.WaitFor(lock, until - now)) break;
  }
  std::vector<std::string> failed = report->failed;
  for (const auto& [ino, path] : report->waiting)
    failed.push_back(StrCat(path, ": not stored before the deadline"));
  return failed;
}

}  // namespace ossfs2
