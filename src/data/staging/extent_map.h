// ExtentMap: which ranges of a staged file are in the local file, and what they are.
//
// Ranges that it does not mention come from the base object, or are zeros beyond its end.
// Neighbours of one kind are one extent; how many there are is bounded by extent_budget.h. Not thread-safe: the file's
// turn guards it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace ossfs2 {

enum class ExtentKind : uint8_t {
  kData,    // written here, not published
  kZero,    // made zero here, not published; a hole in the local file
  kCached,  // the same as in the base object
};

class ExtentMap {
 public:
  struct Run {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::optional<ExtentKind> kind;  // none: not here
    friend bool operator==(const Run&, const Run&) = default;
  };

  void Set(uint64_t begin, uint64_t end, ExtentKind kind);
  void Clear(uint64_t begin, uint64_t end);
  // [begin, end) in order, without gaps.
  std::vector<Run> Runs(uint64_t begin, uint64_t end) const;
  bool Covers(uint64_t begin, uint64_t end, ExtentKind kind) const;
  // Bytes of [begin, end) that the local file does not hold.
  uint64_t MissingBytes(uint64_t begin, uint64_t end) const;
  // Bytes that the local file holds (kData and kCached).
  uint64_t LocalBytes() const { return local_bytes_; }
  uint64_t DirtyBytes() const { return dirty_bytes_; }
  // Where the last unpublished extent ends; 0 without one.
  uint64_t DirtyEnd() const;
  // Published: data becomes cached, zeros are forgotten.
  void MarkClean();
  std::vector<Run> Extents() const;
  size_t count() const { return extents_.size(); }
  // The first range at or behind `from` of several extents that are not published, none of them further from the next
  // than `gap_max`; zeros that are longer than that stay apart. It ends when it has `length_min` bytes.
  std::optional<std::pair<uint64_t, uint64_t>> FindClose(uint64_t from, uint64_t gap_max, uint64_t length_min) const;

 private:
  struct Extent {
    uint64_t end = 0;
    ExtentKind kind = ExtentKind::kData;
  };
  void Account(uint64_t bytes, ExtentKind kind, int sign);
  void SplitAt(uint64_t offset);

  std::map<uint64_t, Extent> extents_;
  uint64_t local_bytes_ = 0;
  uint64_t dirty_bytes_ = 0;
};

}  // namespace ossfs2
