#include "data/staging/extent_map.h"

#include <algorithm>
#include <iterator>

namespace ossfs2 {

void ExtentMap::Account(uint64_t bytes, ExtentKind kind, int sign) {
  const uint64_t change = sign > 0 ? bytes : 0 - bytes;
  if (kind != ExtentKind::kZero) local_bytes_ += change;
  if (kind == ExtentKind::kData) dirty_bytes_ += change;
}

void ExtentMap::SplitAt(uint64_t offset) {
  auto it = extents_.upper_bound(offset);
  if (it == extents_.begin()) return;
  --it;
  if (it->first == offset || it->second.end <= offset) return;
  extents_.emplace_hint(std::next(it), offset, it->second);
  it->second.end = offset;
}

void ExtentMap::Clear(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  SplitAt(begin);
  SplitAt(end);
  auto it = extents_.lower_bound(begin);
  while (it != extents_.end() && it->first < end) {
    Account(it->second.end - it->first, it->second.kind, -1);
    it = extents_.erase(it);
  }
}

void ExtentMap::Set(uint64_t begin, uint64_t end, ExtentKind kind) {
  if (begin >= end) return;
  // The common case, a write that continues an extent, needs no new node.
  auto next = extents_.lower_bound(begin);
  if (next != extents_.begin() && (next == extents_.end() || next->first > end)) {
    const auto before = std::prev(next);
    if (before->second.kind == kind && before->second.end >= begin) {
      if (before->second.end < end) {
        Account(end - before->second.end, kind, +1);
        before->second.end = end;
      }
      return;
    }
  }
  Clear(begin, end);
  Account(end - begin, kind, +1);
  auto it = extents_.emplace(begin, Extent{end, kind}).first;
  if (it != extents_.begin()) {
    const auto before = std::prev(it);
    if (before->second.kind == kind && before->second.end == begin) {
      before->second.end = end;
      extents_.erase(it);
      it = before;
    }
  }
  const auto after = std::next(it);
  if (after != extents_.end() && after->second.kind == kind && after->first == it->second.end) {
    it->second.end = after->second.end;
    extents_.erase(after);
  }
}

std::vector<ExtentMap::Run> ExtentMap::Runs(uint64_t begin, uint64_t end) const {
  std::vector<Run> runs;
  auto it = extents_.upper_bound(begin);
  if (it != extents_.begin() && std::prev(it)->second.end > begin) --it;
  uint64_t at = begin;
  for (; at < end && it != extents_.end() && it->first < end; ++it) {
    if (it->first > at) runs.push_back({at, it->first, std::nullopt});
    const uint64_t stop = std::min(end, it->second.end);
    runs.push_back({std::max(at, it->first), stop, it->second.kind});
    at = stop;
  }
  if (at < end) runs.push_back({at, end, std::nullopt});
  return runs;
}

bool ExtentMap::Covers(uint64_t begin, uint64_t end, ExtentKind kind) const {
  auto it = extents_.upper_bound(begin);
  if (it == extents_.begin()) return false;
  --it;
  return it->second.kind == kind && it->second.end >= end;
}

uint64_t ExtentMap::MissingBytes(uint64_t begin, uint64_t end) const {
  uint64_t bytes = end - begin;
  auto it = extents_.upper_bound(begin);
  if (it != extents_.begin()) --it;
  for (; it != extents_.end() && it->first < end; ++it) {
    const uint64_t from = std::max(begin, it->first);
    const uint64_t to = std::min(end, it->second.end);
    if (from < to && it->second.kind != ExtentKind::kZero) bytes -= to - from;
  }
  return bytes;
}

uint64_t ExtentMap::DirtyEnd() const {
  for (auto it = extents_.rbegin(); it != extents_.rend(); ++it)
    if (it->second.kind != ExtentKind::kCached) return it->second.end;
  return 0;
}

void ExtentMap::MarkClean() {
  std::map<uint64_t, Extent> clean;
  for (const auto& [begin, extent] : extents_) {
    if (extent.kind == ExtentKind::kZero) continue;
    if (!clean.empty() && clean.rbegin()->second.end == begin)
      clean.rbegin()->second.end = extent.end;
    else
      clean.emplace_hint(clean.end(), begin, Extent{extent.end, ExtentKind::kCached});
  }
  extents_.swap(clean);
  dirty_bytes_ = 0;
}

std::optional<std::pair<uint64_t, uint64_t>> ExtentMap::FindClose(uint64_t from, uint64_t gap_max,
                                                                  uint64_t length_min) const {
  std::optional<std::pair<uint64_t, uint64_t>> close;
  size_t extents = 0;
  for (auto it = extents_.lower_bound(from); it != extents_.end(); ++it) {
    const auto& [begin, extent] = *it;
    if (extent.kind == ExtentKind::kCached) continue;
    const bool apart = extent.kind == ExtentKind::kZero && extent.end - begin > gap_max;
    const bool continues = close && !apart && begin - close->second <= gap_max;
    if (close && !continues && extents > 1) return close;
    if (apart) {
      close.reset();
    } else if (continues) {
      close->second = extent.end;
      ++extents;
    } else {
      close = {begin, extent.end};
      extents = 1;
    }
    if (close && extents > 1 && close->second - close->first >= length_min) return close;
  }
  return extents > 1 ? close : std::nullopt;
}

std::vector<ExtentMap::Run> ExtentMap::Extents() const {
  std::vector<Run> runs;
  runs.reserve(extents_.size());
  for (const auto& [begin, extent] : extents_) runs.push_back({begin, extent.end, extent.kind});
  return runs;
}

}  // namespace ossfs2
