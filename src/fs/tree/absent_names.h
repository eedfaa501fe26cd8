// AbsentNames: names that were asked for and did not exist, with the time of the answer.
//
// Bounded; the oldest go first. Not thread-safe: Tree::mutex guards it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/time/clock.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class AbsentNames {
 public:
  explicit AbsentNames(size_t names_max) : names_max_(names_max) {}
  void Add(Ino parent, const std::string& name, SteadyTime now) {
    const Key key{parent, name};
    if (!names_.insert_or_assign(key, now).second) return;
    order_.push_back(key);
    while (order_.size() > names_max_) {
      names_.erase(order_.front());
      order_.pop_front();
    }
  }
  // The age limit is the caller's: a lookup and a create trust differently old answers.
  bool Has(Ino parent, const std::string& name, SteadyTime not_before) const {
    const auto it = names_.find(Key{parent, name});
    return it != names_.end() && it->second >= not_before && it->second != SteadyTime::min();
  }
  void Erase(Ino parent, const std::string& name) {
    const auto it = names_.find(Key{parent, name});
    if (it != names_.end()) it->second = SteadyTime::min();  // its place in the order goes in turn
  }

 private:
  using Key = std::pair<Ino, std::string>;
  const size_t names_max_;
  std::map<Key, SteadyTime> names_;
  std::deque<Key> order_;
};

}  // namespace ossfs2
