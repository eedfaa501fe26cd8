// PlanPublication: how a staged file becomes an object: which ranges are sent, copied on the
// server, reused from parts sent early, or zeros.
//
// Works cell by cell (upload_geometry.h), three parts a cell at most: a change in the middle of a cell
// is copy + data + copy, and costs the network only the change. Clean cells next to each other
// become one copy. Parts other than the last are at least kPartBytesMin: shorter runs are
// joined to their neighbours and sent. A pure function.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/upload/upload_geometry.h"

namespace ossfs2 {

enum class ContentKind : uint8_t { kDirty, kClean, kZero };

struct ContentRun {
  uint64_t begin = 0;
  uint64_t end = 0;
  ContentKind kind = ContentKind::kDirty;
};

enum class PlanAction : uint8_t { kSend, kCopy, kZeros, kReuse };

struct PlanPart {
  int number = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
  PlanAction action = PlanAction::kSend;
  friend bool operator==(const PlanPart&, const PlanPart&) = default;
};

struct PlanInput {
  uint64_t size = 0;  // at most cells.BytesMax()
  // What [begin, end) is, in order and without gaps.
  std::function<std::vector<ContentRun>(uint64_t begin, uint64_t end)> runs;
  // Whether the cell's first part was sent early, covers exactly the cell, and is still right.
  std::function<bool(size_t cell)> sent_early;
};

std::vector<PlanPart> PlanPublication(const UploadCells& cells, const PlanInput& input);

}  // namespace ossfs2
