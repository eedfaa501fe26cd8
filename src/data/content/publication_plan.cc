#include "data/content/publication_plan.h"

#include <algorithm>

#include "ossfs2/object_store.h"

namespace ossfs2 {
namespace {

// A copy request costs a round trip; below this, sending the clean bytes along is as fast.
constexpr uint64_t kCopyBytesMin = 512u << 10;
constexpr uint64_t kCopyRunBytesMax = 1ull << 30;

uint64_t Length(const ContentRun& run) { return run.end - run.begin; }

void JoinEqual(std::vector<ContentRun>& runs) {
  std::vector<ContentRun> joined;
  for (const ContentRun& run : runs) {
    if (!joined.empty() && joined.back().kind == run.kind)
      joined.back().end = run.end;
    else
      joined.push_back(run);
  }
  runs.swap(joined);
}

// Turns into data what is too short to be copied, and stretches data that is too short to be a part.
void MakeLongEnough(std::vector<ContentRun>& runs, uint64_t cell_bytes) {
  const uint64_t copy_min = std::max(kPartBytesMin, std::min(kCopyBytesMin, cell_bytes / 4));
  for (ContentRun& run : runs)
    if (run.kind == ContentKind::kClean && Length(run) < copy_min) run.kind = ContentKind::kDirty;
  JoinEqual(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    ContentRun& run = runs[i];
    if (run.kind != ContentKind::kDirty || Length(run) >= kPartBytesMin) continue;
    const uint64_t missing = kPartBytesMin - Length(run);
    ContentRun& neighbour = i + 1 < runs.size() ? runs[i + 1] : runs[i == 0 ? 0 : i - 1];
    if (&neighbour == &run) continue;  // the whole cell is one short run: it is the file's last
    if (Length(neighbour) < missing + copy_min) {
      neighbour.kind = ContentKind::kDirty;
    } else if (&neighbour == &run + 1) {
      run.end += missing;
      neighbour.begin += missing;
    } else {
      run.begin -= missing;
      neighbour.end -= missing;
    }
  }
  JoinEqual(runs);
}

// At most three runs: the shortest clean ones are sent along.
void MakeFew(std::vector<ContentRun>& runs) {
  while (runs.size() > UploadCells::kNumbersPerCell) {
    ContentRun* shortest = nullptr;
    for (ContentRun& run : runs)
      if (run.kind == ContentKind::kClean && (shortest == nullptr || Length(run) < Length(*shortest)))
        shortest = &run;
    shortest->kind = ContentKind::kDirty;
    JoinEqual(runs);
  }
}

void PlanCell(const UploadCells& cells, size_t cell, std::vector<ContentRun> runs, std::vector<PlanPart>& plan) {
  int number = cells.FirstNumber(cell);
  const uint64_t begin = runs.front().begin;
  const uint64_t end = runs.back().end;
  JoinEqual(runs);
  if (runs.size() == 1 && runs.front().kind == ContentKind::kZero) {
    plan.push_back({number, begin, end, PlanAction::kZeros});
    return;
  }
  if (runs.size() == 1 && runs.front().kind == ContentKind::kClean) {
    PlanPart* before = plan.empty() ? nullptr : &plan.back();
    if (before != nullptr && before->action == PlanAction::kCopy && before->end == begin &&
        end - before->begin <= kCopyRunBytesMax)
      before->end = end;
    else
      plan.push_back({number, begin, end, PlanAction::kCopy});
    return;
  }
  for (ContentRun& run : runs)
    if (run.kind == ContentKind::kZero) run.kind = ContentKind::kDirty;
  JoinEqual(runs);
  MakeLongEnough(runs, cells.End(cell) - cells.Begin(cell));
  MakeFew(runs);
  for (const ContentRun& run : runs) {
    const bool clean = run.kind == ContentKind::kClean;
    plan.push_back({number++, run.begin, run.end, clean ? PlanAction::kCopy : PlanAction::kSend});
  }
}

}  // namespace

std::vector<PlanPart> PlanPublication(const UploadCells& cells, const PlanInput& input) {
  std::vector<PlanPart> plan;
  for (uint64_t at = 0; at < input.size;) {
    const size_t cell = cells.IndexOf(at);
    const uint64_t end = std::min(cells.End(cell), input.size);
    if (end == cells.End(cell) && input.sent_early(cell))
      plan.push_back({cells.FirstNumber(cell), at, end, PlanAction::kReuse});
    else
      PlanCell(cells, cell, input.runs(at, end), plan);
    at = end;
  }
  return plan;
}

}  // namespace ossfs2
