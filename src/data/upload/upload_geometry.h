// Where parts begin and how large they are.
//
// Streams: a part is part_bytes at first and a thousandth of the offset later, so that part
// numbers last; what one part holds must be in memory, so the cap comes from the pool. (When
// the 10,000 numbers end all the same, the file compacts: see write_file_impl.h.)
// Staged files: a fixed grid of cells, each with three part numbers of its own, so that a cell
// can be sent early and a cell that changed in the middle can be copy + data + copy.
// Pure functions and constants; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ossfs2 {

// `part_bytes` made a multiple of the block size, at least one block, at most an eighth of the pool:
// a quarter of the pool is always there for uploads, and two parts must fit into it.
uint64_t UsablePartBytes(uint64_t part_bytes, uint64_t pool_bytes);

// The capacity of the part that begins at `offset`.
uint64_t StreamPartBytes(uint64_t part_bytes, uint64_t offset, uint64_t pool_bytes);

// [begin, end) of an object in equal server-side copies: at least 1 GiB where it is that long, so that
// few parts hold much and several run at once; at most 5 GiB.
std::vector<std::pair<uint64_t, uint64_t>> CopyRuns(uint64_t begin, uint64_t end);

class UploadCells {
 public:
  static constexpr int kNumbersPerCell = 3;
  explicit UploadCells(uint64_t part_bytes);

  size_t IndexOf(uint64_t offset) const;
  uint64_t Begin(size_t cell) const { return starts_[cell]; }
  uint64_t End(size_t cell) const { return starts_[cell + 1]; }
  int FirstNumber(size_t cell) const { return 1 + static_cast<int>(cell) * kNumbersPerCell; }
  // The largest file that the grid holds.
  uint64_t BytesMax() const { return starts_.back(); }

 private:
  std::vector<uint64_t> starts_;
};

}  // namespace ossfs2
