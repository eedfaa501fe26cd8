// PrefetchPlanner::Next: the range to fetch next, from streams, pull or lead.
#include <algorithm>
#include <vector>

#include "data/read/plan/prefetch_planner.h"

namespace ossfs2 {
namespace {

constexpr int64_t kPausedReaderNs = 3'000'000'000;  // then nothing more is fetched for it
constexpr uint64_t kLeadBytesMin = 64ull << 20;     // of a lead, what may wait in memory for a filler
constexpr uint64_t kTripwirePiece = 1ull << 20;     // a tripwire holds the memory of its chunk, so that is small

// The first position from there on that no chunk holds and, with `delivered_too`, that was not delivered.
uint64_t SkipHeld(const FileView& file, uint64_t position, uint64_t stop, bool delivered_too) {
  while (position < stop) {
    if (const ChunkRef* chunk = file.chunks.Find(position)) {
      position = (*chunk)->range.end;
      continue;
    }
    const auto delivered = delivered_too ? file.delivered.Find(position) : std::nullopt;
    if (!delivered) break;
    position = delivered->end;
  }
  return position;
}

}  // namespace

std::optional<ByteRange> PrefetchPlanner::Next(const FileView& file, const std::shared_ptr<PrefetchSource>& source,
                                               int64_t now_ns) {
  if (now_ns < paused_until_ns_) return std::nullopt;
  std::vector<Stream*> order;
  for (Stream& stream : streams_.all())
    if (stream.confirmed && stream.used_ns + kPausedReaderNs > now_ns && WindowOpen(file, stream))
      order.push_back(&stream);
  std::sort(order.begin(), order.end(), [](const Stream* a, const Stream* b) { return a->Ahead() < b->Ahead(); });
  for (Stream* stream : order) {
    const std::optional<ByteRange> range = stream->backward ? NextBackward(file, *stream) : NextForward(file, *stream);
    if (range) return range;
  }
  const std::optional<ByteRange> range = NextOfPull(file);
  return range ? range : NextOfLead(file, source, now_ns);
}

bool PrefetchPlanner::WindowOpen(const FileView& file, const Stream& stream) const {
  if (stream.backward ? stream.frontier == 0 : stream.frontier >= file.size) return false;
  const uint64_t budget = services_.StreamBudget();
  const uint64_t window = std::min(stream.window, budget);
  const uint64_t ahead = stream.Ahead();
  const uint64_t left = stream.backward ? stream.low : file.size - std::min(file.size, stream.high);
  if (ahead == 0 || window >= left) return true;
  return ahead + services_.PieceBytesOf(stream.window) <= window;
}

std::optional<ByteRange> PrefetchPlanner::NextForward(const FileView& file, Stream& stream) {
  const uint64_t budget = services_.StreamBudget();
  stream.window = std::min(stream.window, std::max(budget, MemoryPool::kBlockBytes));
  const uint64_t target = std::min(file.size, stream.high + stream.window);
  const uint64_t piece = services_.PieceBytesOf(stream.window);
  const uint64_t position = SkipHeld(file, std::max(stream.frontier, stream.high), target, !stream.reread);
  stream.frontier = std::max(stream.frontier, position);
  if (position >= target) return std::nullopt;
  const uint64_t delivered = stream.reread ? UINT64_MAX : file.delivered.NextBegin(position);
  const uint64_t stop = std::min({file.size, file.chunks.NextBegin(position), delivered});
  // A window that has moved on a little is not worth a GET yet.
  if (target - position < piece && target < file.size && stop > target && position > stream.high) return std::nullopt;
  // A short rest goes along, rather than in a GET of its own.
  const bool rest = stop - position <= piece + piece / 2 && stop - position <= services_.options.chunk_bytes;
  return ByteRange{position, rest ? stop : std::min(position + piece, stop)};
}

std::optional<ByteRange> PrefetchPlanner::NextBackward(const FileView& file, Stream& stream) {
  const uint64_t budget = services_.StreamBudget();
  stream.window = std::min(stream.window, std::max(budget, MemoryPool::kBlockBytes));
  const uint64_t target = stream.low > stream.window ? stream.low - stream.window : 0;
  const uint64_t piece = services_.PieceBytesOf(stream.window);
  uint64_t position = std::min(stream.frontier, stream.low);
  while (position > target) {
    const ChunkRef* chunk = file.chunks.Find(position - 1);
    if (chunk == nullptr) break;
    position = (*chunk)->range.begin;
  }
  stream.frontier = position;
  if (position <= target) return std::nullopt;
  if (position - target < piece && target > 0 && position < stream.low) return std::nullopt;
  const uint64_t begin = position > piece ? position - piece : 0;
  return ByteRange{std::max(begin, file.chunks.PreviousEnd(position)), position};
}

// Ranks read the same tensors at different times: most of the memory is for what they share.
uint64_t PrefetchPlanner::WholeAllowed(const FileView& file) const {
  const uint64_t proven = std::max({kPullBytesMin, file.delivered.TotalBytes() / 2, services_.pace.CarriedWindow()});
  return std::min({services_.StreamBudget(), services_.PrefetchBytesMax() / 3, proven});
}

// The rest of a file that is read in pieces, in order, paced by what its readers have taken.
std::optional<ByteRange> PrefetchPlanner::NextOfPull(const FileView& file) {
  if (!pull_.on()) return std::nullopt;
  const uint64_t allowed = WholeAllowed(file);
  const uint64_t piece = services_.PieceBytesOf(allowed);
  if (file.unread_bytes + piece > allowed) return std::nullopt;
  for (int pass = 0; pass < 2; ++pass) {
    const uint64_t position = SkipHeld(file, pull_.position(), file.size, true);
    if (position < file.size) {
      const uint64_t stop =
          std::min({file.size, file.chunks.NextBegin(position), file.delivered.NextBegin(position)});
      pull_.MoveTo(std::min(position + piece, stop));
      return ByteRange{position, pull_.position()};
    }
    pull_.MoveTo(0);
  }
  pull_.Complete();  // all of it is here or was read
  return std::nullopt;
}

std::optional<ByteRange> PrefetchPlanner::NextOfLead(const FileView& file,
                                                     const std::shared_ptr<PrefetchSource>& source, int64_t now_ns) {
  if (!lead_.fetching()) return std::nullopt;
  const uint64_t allowed = std::min({services_.StreamBudget(), services_.PrefetchBytesMax() / 3,
                                     std::max(kLeadBytesMin, services_.pace.CarriedWindow())});
  const uint64_t piece = services_.PieceBytesOf(allowed);
  const uint64_t position = SkipHeld(file, lead_.position(), file.size, true);
  lead_.MoveTo(position);
  if (position >= file.size) {
    lead_.Complete();
    return std::nullopt;
  }
  if (file.unread_bytes + piece > allowed) return std::nullopt;
  uint64_t stop = std::min(
      {position + piece, file.size, file.chunks.NextBegin(position), file.delivered.NextBegin(position)});
  const uint64_t wire = TripwireAfter(position, file.size);
  const bool at_wire = position + kTripwirePiece >= wire;
  stop = std::min(stop, at_wire ? wire : wire - kTripwirePiece);
  if (!services_.lead.MayTake(stop - position, source, now_ns)) return std::nullopt;
  return ByteRange{position, stop};
}

}  // namespace ossfs2
