#include "data/read/plan/stream_tracker.h"

#include <algorithm>
#include <bit>

#include "data/read/plan/stream_window.h"

namespace ossfs2 {
namespace {

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

void AddHandle(Stream& stream, uint64_t handle) {
  if (std::find(stream.handles.begin(), stream.handles.end(), handle) != stream.handles.end()) return;
  if (stream.handles.size() < Stream::kHandlesMax) stream.handles.push_back(handle);
}

// A reader further behind than this is another one, with a stream of its own.
uint64_t Slack(ByteRange range) {
  return std::max(StreamTracker::kNearBytes, StreamTracker::kSlackReads * range.size());
}

// How far the read is from where the stream would go on; UINT64_MAX: not of this stream.
uint64_t Misfit(const Stream& stream, ByteRange range) {
  if (!stream.confirmed) {
    const uint64_t near = std::max(StreamTracker::kNearBytes, range.size());
    const uint64_t forward = Distance(range.begin, stream.high);
    const uint64_t backward = Distance(range.end, stream.low);
    const uint64_t best = std::min(forward, backward);
    return best <= near ? best : UINT64_MAX;
  }
  if (!stream.backward) {
    if (range.begin + Slack(range) < stream.high) return UINT64_MAX;
    if (range.begin > std::max(stream.frontier, stream.high) + StreamTracker::kSkipBytes) return UINT64_MAX;
    return Distance(range.begin, stream.high);
  }
  if (range.end > stream.low + Slack(range)) return UINT64_MAX;
  if (range.end + StreamTracker::kSkipBytes < std::min(stream.frontier, stream.low)) return UINT64_MAX;
  return Distance(range.end, stream.low);
}

void Score(Stream& stream, ByteRange range, bool random) {
  const int proof = random ? 2 : 1;
  const bool forward_exact = range.begin == stream.high;
  const bool backward_exact = range.end == stream.low;
  if (forward_exact) {
    stream.forward_score += StreamTracker::kForwardScore;
    stream.backward_score = 0;
  } else if (backward_exact) {
    stream.backward_score += 1;
  } else if (range.end > stream.high && !random) {
    stream.forward_score += 1;
  }
  if (stream.forward_score >= StreamTracker::kForwardScore * proof) {
    stream.confirmed = true;
  } else if (stream.backward_score >= StreamTracker::kBackwardScore * proof) {
    stream.confirmed = true;
    stream.backward = true;
  }
}

Stream Fresh(ByteRange range, int64_t now_ns, std::vector<uint64_t> handles) {
  Stream stream;
  stream.handles = std::move(handles);
  stream.begin = range.begin;
  stream.low = range.begin;
  stream.high = range.end;
  stream.frontier = range.end;
  stream.consumed = range.size();
  stream.used_ns = now_ns;
  return stream;
}

// Counts jumps ahead against steps; too many of them: this is no stream any more.
bool Jumps(Stream& stream, ByteRange range) {
  if (range.begin > stream.high + Slack(range))
    ++stream.jumps;
  else if (stream.jumps > 0)
    --stream.jumps;
  return stream.jumps >= StreamTracker::kJumpsMax;
}

}  // namespace

uint64_t Stream::Ahead() const {
  if (backward) return frontier < low ? low - frontier : 0;
  return frontier > high ? frontier - high : 0;
}

bool Stream::Wants(ByteRange range) const {
  if (!confirmed) return false;
  if (backward) return range.begin < low && range.end > std::min(frontier, low > window ? low - window : 0);
  return range.end > high && range.begin < std::max(frontier, high + window);
}

Stream* StreamTracker::Match(ByteRange range) {
  Stream* best = nullptr;
  uint64_t best_misfit = UINT64_MAX;
  for (Stream& stream : streams_) {
    const uint64_t misfit = Misfit(stream, range);
    const bool tie = misfit == best_misfit && best != nullptr && stream.confirmed && !best->confirmed;
    if (misfit >= best_misfit && !tie) continue;
    best = &stream;
    best_misfit = misfit;
  }
  return best;
}

bool StreamTracker::LooksRandom() const { return std::popcount(starts_) > 16; }

Stream* StreamTracker::OnRead(uint64_t handle, ByteRange range, int64_t now_ns) {
  Stream* stream = Match(range);
  starts_ = starts_ << 1 | (stream == nullptr ? 1u : 0u);
  if (stream == nullptr) {
    std::vector<uint64_t> handles;
    if (streams_.size() >= kStreamsMax) {
      const auto oldest = std::min_element(streams_.begin(), streams_.end(), [](const Stream& a, const Stream& b) {
        // Candidates go before recognised streams.
        return a.confirmed != b.confirmed ? !a.confirmed : a.used_ns < b.used_ns;
      });
      // Its list of handles is used again: random reads come through here each time.
      handles = std::move(oldest->handles);
      handles.clear();
      stream = &*oldest;
    } else {
      stream = &streams_.emplace_back();
    }
    *stream = Fresh(range, now_ns, std::move(handles));
    AddHandle(*stream, handle);
    return stream;
  }
  AddHandle(*stream, handle);
  stream->used_ns = now_ns;
  const bool was_confirmed = stream->confirmed;
  if (!was_confirmed) Score(*stream, range, LooksRandom());
  if (was_confirmed && !stream->backward && Jumps(*stream, range)) {
    *stream = Fresh(range, now_ns, std::move(stream->handles));
    return stream;
  }
  if (stream->backward) {
    if (range.begin < stream->low) stream->consumed += std::min(range.end, stream->low) - range.begin;
    stream->low = std::min(stream->low, range.begin);
    stream->high = std::max(stream->low, std::min(stream->high, range.end));
    if (!was_confirmed || stream->frontier > stream->low) stream->frontier = stream->low;
  } else {
    if (range.end > stream->high) stream->consumed += range.end - std::max(range.begin, stream->high);
    stream->high = std::max(stream->high, range.end);
    // A candidate keeps the begin of the run: the next step down must meet it.
    stream->low = was_confirmed ? range.begin : std::min(stream->low, range.begin);
    stream->frontier = std::max(stream->frontier, stream->high);
  }
  if (!was_confirmed && stream->confirmed) stream->window = FirstWindow(stream->consumed, 0);
  return stream;
}

void StreamTracker::Expect(ByteRange already, uint64_t window, int64_t now_ns) {
  Stream& stream = streams_.emplace_back();
  stream.confirmed = true;
  stream.low = already.begin;
  stream.high = already.end;
  stream.frontier = already.end;
  stream.window = window;
  stream.used_ns = now_ns;
}

void StreamTracker::Clear() {
  streams_.clear();
  some_left_ = false;
}

bool StreamTracker::CloseHandle(uint64_t handle) {
  const bool any_went = std::erase_if(streams_, [this, handle](Stream& stream) {
                          // A full list of handles may lack some: such a stream goes by age only.
                          const bool complete = stream.handles.size() < Stream::kHandlesMax;
                          const bool was_on = std::erase(stream.handles, handle) != 0;
                          some_left_ = some_left_ || was_on;
                          return was_on && complete && stream.handles.empty();
                        }) != 0;
  if (streams_.empty()) some_left_ = false;
  return any_went;
}

bool StreamTracker::DropIdle(int64_t unused_since_ns) {
  const size_t readers = CountHandles();
  const bool any_went =
      std::erase_if(streams_, [=](const Stream& stream) { return stream.used_ns < unused_since_ns; }) != 0;
  some_left_ = !streams_.empty() && (some_left_ || (any_went && CountHandles() < readers));
  return any_went;
}

size_t StreamTracker::ActiveCount(int64_t used_since_ns) const {
  return static_cast<size_t>(std::count_if(streams_.begin(), streams_.end(), [=](const Stream& stream) {
    return stream.confirmed && stream.used_ns >= used_since_ns;
  }));
}

bool StreamTracker::AnyWants(ByteRange range) const {
  return std::any_of(streams_.begin(), streams_.end(), [=](const Stream& stream) { return stream.Wants(range); });
}

bool StreamTracker::AnyOfOthers(uint64_t handle) const {
  return std::any_of(streams_.begin(), streams_.end(), [handle](const Stream& stream) {
    return std::any_of(stream.handles.begin(), stream.handles.end(), [handle](uint64_t one) { return one != handle; });
  });
}

size_t StreamTracker::CountHandles() const {
  std::vector<uint64_t> handles;
  for (const Stream& stream : streams_) handles.insert(handles.end(), stream.handles.begin(), stream.handles.end());
  std::sort(handles.begin(), handles.end());
  return static_cast<size_t>(std::unique(handles.begin(), handles.end()) - handles.begin());
}

std::optional<size_t> StreamTracker::Readers() const {
  const bool lists_all = std::all_of(streams_.begin(), streams_.end(), [](const Stream& stream) {
    return stream.handles.size() < Stream::kHandlesMax;
  });
  if (some_left_ || !lists_all) return std::nullopt;
  return CountHandles();
}

bool StreamTracker::AnyBehind(uint64_t offset, int64_t used_since_ns) const {
  return std::any_of(streams_.begin(), streams_.end(), [=](const Stream& stream) {
    return stream.confirmed && !stream.backward && stream.high <= offset && stream.used_ns >= used_since_ns;
  });
}

}  // namespace ossfs2
