// Bucket::List: pages of keys and common prefixes, in O(entries × log keys) whatever a group holds.
#include "server/storage/bucket.h"

namespace ossfs2::server {
namespace {

// The first key behind all keys that start with `prefix`; empty: none can be.
std::string Behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// The common prefix that `key` belongs to; empty: none.
std::string GroupOf(std::string_view key, const ListQuery& query) {
  if (query.delimiter.empty() || !key.starts_with(query.prefix)) return {};
  const size_t at = key.find(query.delimiter, query.prefix.size());
  return at == std::string_view::npos ? std::string()
                                      : std::string(key.substr(0, at + query.delimiter.size()));
}

}  // namespace

ListedPage Bucket::List(const ListQuery& query) const {
  ListedPage page;
  MutexLock lock(mutex_);
  auto at = index_.lower_bound(query.prefix);
  if (query.after >= query.prefix && !query.after.empty()) {
    const std::string group = GroupOf(query.after, query);
    if (query.skip_group && !group.empty() && group == query.after) {
      const std::string behind = Behind(group);
      at = behind.empty() ? index_.end() : index_.lower_bound(behind);
    } else {
      at = index_.upper_bound(query.after);
    }
  }
  while (at != index_.end() && at->first.starts_with(query.prefix)) {
    if (static_cast<int>(page.entries.size()) >= query.max) {
      page.truncated = true;
      break;
    }
    std::string group = GroupOf(at->first, query);
    if (group.empty()) {
      page.entries.push_back({at->first, at->second});
      ++at;
      continue;
    }
    const std::string behind = Behind(group);
    page.entries.push_back({std::move(group), nullptr});
    at = behind.empty() ? index_.end() : index_.lower_bound(behind);
  }
  return page;
}

}  // namespace ossfs2::server
