// TreeModel: what a POSIX file system would hold after the same operations, to compare a mount with. Not thread-safe.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ossfs2::test {

// Path to content; directories have none. A content lives on in open handles.
class TreeModel {
 public:
  using Content = std::shared_ptr<std::string>;
  bool Exists(const std::string& path) const { return path.empty() || files_.contains(path) || IsDir(path); }
  bool IsDir(const std::string& path) const { return path.empty() || directories_.contains(path); }
  static std::string Parent(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }
  int CheckParent(const std::string& path) const {
    const std::string parent = Parent(path);
    if (IsDir(parent)) return 0;
    return files_.contains(parent) ? ENOTDIR : parent.empty() ? 0 : ENOENT;
  }
  std::vector<std::string> Children(const std::string& path) const {
    std::vector<std::string> names;
    const std::string start = path.empty() ? "" : path + "/";
    const auto add = [&](const std::string& key) {
      if (key.size() > start.size() && key.compare(0, start.size(), start) == 0 &&
          key.find('/', start.size()) == std::string::npos)
        names.push_back(key.substr(start.size()));
    };
    for (const auto& [key, text] : files_) add(key);
    for (const auto& [key, none] : directories_) add(key);
    std::sort(names.begin(), names.end());
    return names;
  }
  int Mkdir(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (Exists(path)) return EEXIST;
    directories_[path] = true;
    return 0;
  }
  int Rmdir(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (files_.contains(path)) return ENOTDIR;
    if (!Exists(path)) return ENOENT;
    if (!Children(path).empty()) return ENOTEMPTY;
    directories_.erase(path);
    return 0;
  }
  int Unlink(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    return files_.erase(path) == 1 ? 0 : ENOENT;
  }
  int Put(const std::string& path, const std::string& text) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    Content& file = files_[path];
    if (!file) file = std::make_shared<std::string>();
    *file = text;
    return 0;
  }
  int Patch(const std::string& path, size_t offset, const std::string& text) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    const auto it = files_.find(path);
    if (it == files_.end()) return ENOENT;
    PatchContent(*it->second, offset, text);
    return 0;
  }
  static void PatchContent(std::string& file, size_t offset, const std::string& text) {
    if (file.size() < offset + text.size()) file.resize(offset + text.size());
    file.replace(offset, text.size(), text);
  }
  int Truncate(const std::string& path, size_t size) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    const auto it = files_.find(path);
    if (it == files_.end()) return ENOENT;
    it->second->resize(size);
    return 0;
  }
  int Rename(const std::string& from, const std::string& to, bool no_replace) {
    if (int error = CheckParent(from)) return error;
    if (int error = CheckParent(to)) return error;
    if (!Exists(from)) return ENOENT;
    if (from == to) return no_replace ? EEXIST : 0;
    if (IsDir(from) && to.compare(0, from.size() + 1, from + "/") == 0) return EINVAL;
    if (Exists(to)) {
      if (IsDir(to) && from.compare(0, to.size() + 1, to + "/") == 0) return ENOTEMPTY;
      if (no_replace) return EEXIST;
      if (IsDir(from) && !IsDir(to)) return ENOTDIR;
      if (!IsDir(from) && IsDir(to)) return EISDIR;
      if (IsDir(to) && !Children(to).empty()) return ENOTEMPTY;
    }
    files_.erase(to);
    Move(files_, from, to);
    Move(directories_, from, to);
    return 0;
  }
  const std::map<std::string, Content>& files() const { return files_; }
  const std::map<std::string, bool>& directories() const { return directories_; }

 private:
  template <class Map>
  static void Move(Map& map, const std::string& from, const std::string& to) {
    Map moved;
    for (auto it = map.begin(); it != map.end();) {
      const bool below = it->first == from || it->first.compare(0, from.size() + 1, from + "/") == 0;
      if (!below) {
        ++it;
        continue;
      }
      moved[to + it->first.substr(from.size())] = std::move(it->second);
      it = map.erase(it);
    }
    map.merge(moved);
  }
  std::map<std::string, Content> files_;
  std::map<std::string, bool> directories_;
};

}  // namespace ossfs2::test
