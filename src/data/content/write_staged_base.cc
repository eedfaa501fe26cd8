// What a WriteStaged takes from its base: what is read, kept, or filled in between extents that are too many.
#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/values/str.h"
#include "data/content/fetch_range.h"
#include "data/content/write_staged.h"

namespace ossfs2 {
namespace {

// What is kept of the base is fetched in pieces of this: a database that reads pages would ask for each one.
constexpr uint64_t kFetchBytes = 1u << 20;

// Two missing ranges with no more than this between them are one request.
constexpr uint64_t kSkipBytesMax = 64u << 10;

// Of extents that are too many so much goes at once, or so many bytes are fetched: more would hold up one write for
// long, and with less all of them are looked at for little.
constexpr size_t kJoinedDivisor = 64;
constexpr uint64_t kJoinFetchBytes = 64ull << 20;
constexpr uint64_t kJoinGaps[] = {4u << 10, 64u << 10, 1u << 20};

}  // namespace

// --- reading ---

Status WriteStaged::ReadBase(uint64_t offset, std::span<std::byte> out) const {
  std::optional<std::pair<uint64_t, uint64_t>> wanted;
  const auto fetch = [&]() -> Status {
    if (!wanted) return {};
    const auto [begin, end] = *wanted;
    return FetchRange(services_.store, base_, begin, out.subspan(begin - offset, end - begin));
  };
  for (const ExtentMap::Run& run : GapsOf(offset, offset + out.size())) {
    if (wanted && run.begin - wanted->second <= kSkipBytesMax) {
      wanted->second = run.end;
      continue;
    }
    OSSFS2_RETURN_IF_ERROR(fetch());
    wanted = {run.begin, run.end};
  }
  return fetch();
}

Status WriteStaged::ReadLocal(uint64_t offset, std::span<std::byte> out) const {
  for (const ExtentMap::Run& run : extents_.Runs(offset, offset + out.size())) {
    const uint64_t begin = run.kind ? run.begin : std::clamp(base_bytes_, run.begin, run.end);
    OSSFS2_RETURN_IF_ERROR(file_->Read(begin, out.subspan(begin - offset, run.end - begin)));
  }
  return {};
}

Status WriteStaged::Read(uint64_t offset, std::span<std::byte> out) {
  const uint64_t end = offset + out.size();
  if (!GapsOf(offset, end).empty()) {
    if (!HasTooManyExtents()) OSSFS2_RETURN_IF_ERROR(FetchMissing(offset, std::min(end, base_bytes_)));
    OSSFS2_RETURN_IF_ERROR(ReadBase(offset, out));  // what there was no room to keep
  }
  return ReadLocal(offset, out);
}

Result<std::shared_ptr<PartBuffer>> WriteStaged::MakeBuffer(uint64_t begin, uint64_t end) const {
  const size_t count = PartBuffer::BlocksFor(end - begin, 0);
  auto buffer =
      std::make_shared<PartBuffer>(begin, count * MemoryPool::kBlockBytes, services_.options.check_crc64);
  Result<std::vector<BlockRef>> blocks = services_.memory.Acquire(count);
  if (!blocks) return blocks.error();
  buffer->AddBlocks(*blocks);
  buffer->Grow(end - begin);
  return buffer;
}

Result<std::shared_ptr<PartBuffer>> WriteStaged::Load(uint64_t begin, uint64_t end) const {
  Result<std::shared_ptr<PartBuffer>> buffer = MakeBuffer(begin, end);
  if (!buffer) return buffer;
  const Status read = (*buffer)->Fill([this, begin](uint64_t position, std::span<std::byte> window) -> Status {
    OSSFS2_RETURN_IF_ERROR(ReadBase(begin + position, window));
    return ReadLocal(begin + position, window);
  });
  if (!read) return read.error();
  return buffer;
}

// --- keeping what was read ---

Result<std::shared_ptr<PartBuffer>> WriteStaged::FetchGaps(uint64_t begin, uint64_t end) const {
  Result<std::shared_ptr<PartBuffer>> gaps = MakeBuffer(begin, end);
  if (!gaps) return gaps;
  const Status read = (*gaps)->Fill([this, begin](uint64_t position, std::span<std::byte> window) {
    return ReadBase(begin + position, window);
  });
  if (!read) return read.error();
  return gaps;
}

Status WriteStaged::KeepGaps(const PartBuffer& gaps) {
  uint64_t at = gaps.offset();
  for (const std::span<const std::byte> bytes : gaps.Spans()) {
    for (const ExtentMap::Run& run : extents_.Runs(at, at + bytes.size())) {
      if (run.kind) continue;
      if (Status kept = file_->Write(run.begin, bytes.subspan(run.begin - at, run.end - run.begin)); !kept) {
        HideUnwritten(gaps.offset(), gaps.end());
        return kept;
      }
    }
    at += bytes.size();
  }
  return {};
}

// What of the range is only in the base.
std::vector<ExtentMap::Run> WriteStaged::GapsOf(uint64_t begin, uint64_t end) const {
  std::vector<ExtentMap::Run> gaps = extents_.Runs(begin, std::max(begin, std::min(end, base_bytes_)));
  std::erase_if(gaps, [](const ExtentMap::Run& run) { return run.kind.has_value(); });
  return gaps;
}

// False: without room or memory for it the bytes are fetched each time.
Result<bool> WriteStaged::FetchPiece(uint64_t begin, uint64_t end) {
  const std::vector<ExtentMap::Run> missing = GapsOf(begin, end);
  if (missing.empty()) return true;
  uint64_t bytes = 0;
  for (const ExtentMap::Run& run : missing) bytes += run.end - run.begin;
  if (!services_.space.Reserve(bytes)) return false;
  Result<std::shared_ptr<PartBuffer>> gaps = FetchGaps(missing.front().begin, missing.back().end);
  const Status kept = gaps ? KeepGaps(**gaps) : Status();
  if (!gaps || !kept) {
    services_.space.Release(bytes);
    // A cache only; that there was no memory or no disk for it is nothing that the reader must know.
    if (gaps || gaps.error().kind == ErrorKind::kNoSpace) return false;
    return gaps.error();
  }
  for (const ExtentMap::Run& run : missing) extents_.Set(run.begin, run.end, ExtentKind::kCached);
  CountExtents();
  return true;
}

Status WriteStaged::FetchMissing(uint64_t begin, uint64_t end) {
  for (uint64_t at = begin / kFetchBytes * kFetchBytes; at < end; at += kFetchBytes) {
    const Result<bool> kept = FetchPiece(at, at + kFetchBytes);
    if (!kept) return kept.error();
    if (!*kept) return {};
  }
  return {};
}

bool WriteStaged::NeedsBase() const { return !GapsOf(0, base_bytes_).empty(); }

// --- joining extents ---

Status WriteStaged::JoinExtents() {
  if (!HasTooManyExtents()) return {};
  const size_t wanted = extents_.count() - std::max<size_t>(extents_.count() / kJoinedDivisor, 1);
  uint64_t fetched = 0;
  for (const uint64_t gap : kJoinGaps) OSSFS2_RETURN_IF_ERROR(JoinClose(gap, wanted, fetched));
  if (extents_.count() <= wanted || fetched >= kJoinFetchBytes) return {};
  // Far from each other. What is only kept of the base can be fetched again.
  DropCached();
  return JoinClose(UINT64_MAX, wanted, fetched);
}

Status WriteStaged::JoinClose(uint64_t gap_max, size_t extents_wanted, uint64_t& fetched) {
  uint64_t at = 0;
  while (extents_.count() > extents_wanted && fetched < kJoinFetchBytes) {
    const auto close = extents_.FindClose(at, gap_max, kFetchBytes);
    if (!close) break;
    for (at = close->first; at < close->second;) {
      const uint64_t end = std::min(at + kFetchBytes, close->second);
      if (!extents_.Covers(at, end, ExtentKind::kData)) OSSFS2_RETURN_IF_ERROR(FillIn(at, end, fetched));
      at = end;
    }
  }
  return {};
}

Status WriteStaged::FillIn(uint64_t begin, uint64_t end, uint64_t& fetched) {
  Result<uint64_t> reserved = ReserveMissing(begin, end);
  if (!reserved) {
    reserved.error().text = StrCat(key_, " is written in too many places to keep them apart, and there is no room for ",
                                   "what lies between: ", reserved.error().text);
    return reserved.error();
  }
  Status filled;
  if (const std::vector<ExtentMap::Run> missing = GapsOf(begin, end); !missing.empty()) {
    Result<std::shared_ptr<PartBuffer>> gaps = FetchGaps(missing.front().begin, missing.back().end);
    filled = gaps ? KeepGaps(**gaps) : Status(gaps.error());
    fetched += missing.back().end - missing.front().begin;
  }
  if (!filled) {
    services_.space.Release(*reserved);
    return filled;
  }
  extents_.Set(begin, end, ExtentKind::kData);
  CountExtents();
  return {};
}

}  // namespace ossfs2
