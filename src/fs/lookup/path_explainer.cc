#include "fs/lookup/path_explainer.h"

#include <algorithm>
#include <chrono>

#include "base/values/str.h"
#include "fs/handles/open_file.h"
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

Result<Ino> PathExplainer::Resolve(const std::string& path) {
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
  return ino;
}

std::vector<std::string> PathExplainer::Lines(const Node* node) const {
  std::vector<std::string> lines;
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
  return lines;
}

Result<std::vector<std::string>> PathExplainer::Explain(const std::string& path) {
  const Result<Ino> ino = Resolve(path);
  if (!ino) return ino.error();
  std::vector<std::string> lines;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(*ino);
    if (node == nullptr) return context_.Stale(*ino);
    lines = Lines(node);
    if (node->type != NodeType::kFile) return lines;
  }
  for (std::string& line : context_.reads.Explain(*ino)) lines.push_back("read " + line);
  for (std::string& line : context_.writes.Explain(*ino)) lines.push_back("write " + line);
  return lines;
}

}  // namespace ossfs2
