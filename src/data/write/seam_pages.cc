#include "data/write/seam_pages.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace ossfs2 {
namespace {
constexpr size_t kRoomBytesMin = 4096;  // for the bytes of a page; a large page may hold a small file
}  // namespace

bool SeamBudget::Take() {
  if (used_.fetch_add(1, std::memory_order_relaxed) < pages_max_) {
    bytes_.Add(static_cast<int64_t>(page_bytes_));
    return true;
  }
  used_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void SeamBudget::Give() {
  used_.fetch_sub(1, std::memory_order_relaxed);
  bytes_.Add(-static_cast<int64_t>(page_bytes_));
}

void SeamPages::Note(uint64_t offset, std::span<const std::byte> data) {
  const uint64_t end = offset + data.size();
  if (data.empty() || (InPage(offset) == 0 && InPage(end) == 0)) return;
  const uint64_t first = offset / page_bytes_;
  const uint64_t last = end / page_bytes_;
  if (first == last) return NoteEdge(first, InPage(offset), data);
  if (InPage(offset) != 0) NoteEdge(first, InPage(offset), data.first(page_bytes_ - InPage(offset)));
  if (InPage(end) != 0) NoteEdge(last, 0, data.last(InPage(end)));
}

void SeamPages::NoteEdge(uint64_t number, size_t begin, std::span<const std::byte> data) {
  if (const auto found = whole_.find(number); found != whole_.end()) return Merge(found->second, begin, data);
  const auto found = partial_.find(number);
  if (found == partial_.end()) return Add(number, begin, data);
  Merge(found->second, begin, data);
  if (found->second.bytes->size() < page_bytes_) return;  // not whole
  auto page = partial_.extract(found);  // and goes, if there are enough
  if (whole_.size() < kFilePagesMax) whole_.insert(std::move(page));
}

void SeamPages::Add(uint64_t number, size_t begin, std::span<const std::byte> data) {
  if (whole_.size() >= kFilePagesMax) return;
  // Left by writes here and there, whose other halves never came.
  if (partial_.size() >= kPartialPagesMax) partial_.clear();
  if (!budget_.Take()) return;
  Page page;
  page.place.reset(&budget_);
  page.begin = begin;
  page.bytes = std::make_shared<std::vector<std::byte>>();
  Reserve(*page.bytes, data.size());
  page.bytes->assign(data.begin(), data.end());
  partial_.emplace(number, std::move(page));
}

// Twice as much each time, and never more than a page.
void SeamPages::Reserve(std::vector<std::byte>& bytes, size_t size) const {
  if (size > bytes.capacity()) bytes.reserve(std::min(page_bytes_, std::bit_ceil(std::max(size, kRoomBytesMin))));
}

void SeamPages::Merge(Page& page, size_t begin, std::span<const std::byte> data) const {
  if (page.given) {
    auto copy = std::make_shared<std::vector<std::byte>>();
    Reserve(*copy, page.bytes->size());
    copy->assign(page.bytes->begin(), page.bytes->end());
    page.bytes = std::move(copy);
    page.given = false;
  }
  std::vector<std::byte>& bytes = *page.bytes;
  const size_t end = begin + data.size();
  if (begin > page.begin + bytes.size() || end < page.begin) {
    // Something unknown lies between: only one of the two can be kept.
    page.begin = begin;
    Reserve(bytes, data.size());
    bytes.assign(data.begin(), data.end());
    return;
  }
  Reserve(bytes, std::max(end, page.begin + bytes.size()) - std::min(begin, page.begin));
  if (begin < page.begin) {
    bytes.insert(bytes.begin(), page.begin - begin, std::byte{});
    page.begin = begin;
  }
  bytes.resize(std::max(bytes.size(), end - page.begin));
  std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin - page.begin));
}

void SeamPages::Erase(Pages& pages, uint64_t first, uint64_t last) {
  if (first < last) pages.erase(pages.lower_bound(first), pages.lower_bound(last));
}

void SeamPages::DropCovered(uint64_t begin, uint64_t end) {
  const uint64_t first = (begin + page_bytes_ - 1) / page_bytes_;
  for (Pages* pages : {&whole_, &partial_}) Erase(*pages, first, end / page_bytes_);
}

void SeamPages::Drop(uint64_t begin, uint64_t end) {
  for (Pages* pages : {&whole_, &partial_}) Erase(*pages, begin / page_bytes_, (end + page_bytes_ - 1) / page_bytes_);
}

void SeamPages::Cut(uint64_t size) { Drop(size, UINT64_MAX - page_bytes_); }

void SeamPages::Clear() {
  whole_.clear();
  partial_.clear();
}

std::vector<KeptPage> SeamPages::Known(uint64_t size) {
  std::vector<KeptPage> known;
  known.reserve(whole_.size() + 1);
  const auto give = [&known, this](uint64_t number, Page& page) {
    page.given = true;
    known.push_back({number * page_bytes_, page.bytes});
  };
  for (auto& [number, page] : whole_)
    if ((number + 1) * page_bytes_ <= size) give(number, page);
  const auto last = partial_.find(size / page_bytes_);
  if (last != partial_.end() && last->second.begin == 0 && last->second.bytes->size() == InPage(size))
    give(last->first, last->second);
  return known;
}

}  // namespace ossfs2
