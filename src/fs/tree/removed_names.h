// RemovedNames: names that were removed from a directory while requests about it are under way: their answers may still
// tell of them.
//
// A name is kept until every request that was sent before its removal has ended, and kNamesMax are at most: then the
// oldest goes, and answers to requests from before its removal are good for nothing (IsComplete); they are asked again.
// Not thread-safe: Tree::mutex guards it. Stamps are Tree::NextStamp's: no two are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace ossfs2 {

class RemovedNames {
 public:
  // Some 1.5 MB. The service would have to delete more than that in the time that it takes for one page of a list.
  static constexpr size_t kNamesMax = 8192;

  void BeginRequest(uint64_t stamp) { requests_.insert(stamp); }
  // Returns whether others are under way.
  bool EndRequest(uint64_t stamp) {
    requests_.erase(stamp);
    while (!order_.empty() && (requests_.empty() || order_.begin()->first < *requests_.begin())) DropOldest();
    return !requests_.empty();
  }
  void Add(std::string_view name, uint64_t stamp) {
    auto it = names_.find(name);
    if (it == names_.end())
      it = names_.emplace(std::string(name), stamp).first;
    else
      order_.erase(it->second);
    it->second = stamp;
    order_.emplace(stamp, it);
    if (names_.size() <= kNamesMax) return;
    forgotten_ = order_.begin()->first;
    DropOldest();
  }
  // Of answers to a request that was sent then.
  bool Has(std::string_view name, uint64_t sent) const {
    const auto it = names_.find(name);
    return it != names_.end() && it->second > sent;
  }
  bool IsComplete(uint64_t sent) const { return sent > forgotten_; }
  size_t size() const { return names_.size(); }

 private:
  using Names = std::map<std::string, uint64_t, std::less<>>;  // to the stamp of the removal
  void DropOldest() {
    names_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }

  std::set<uint64_t> requests_;
  Names names_;
  std::map<uint64_t, Names::iterator> order_;
  uint64_t forgotten_ = 0;  // the last of those that had to go
};

}  // namespace ossfs2
