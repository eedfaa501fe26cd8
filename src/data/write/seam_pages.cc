#include "data/write/seam_pages.h"

#include <algorithm>
#include <utility>

namespace ossfs2 {
namespace {
constexpr uint64_t kPage = kKeptPageBytes;

size_t InPage(uint64_t offset) { return static_cast<size_t>(offset % kPage); }
}  // namespace

bool SeamBudget::Take() {
  if (used_.fetch_add(1, std::memory_order_relaxed) < pages_max_) {
    bytes_.Add(static_cast<int64_t>(kKeptPageBytes));
    return true;
  }
  used_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void SeamBudget::Give() {
  used_.fetch_sub(1, std::memory_order_relaxed);
  bytes_.Add(-static_cast<int64_t>(kKeptPageBytes));
}

void SeamPages::Note(uint64_t offset, std::span<const std::byte> data) {
  const uint64_t end = offset + data.size();
  if (data.empty() || (InPage(offset) == 0 && InPage(end) == 0)) return;
  const uint64_t first = offset / kPage;
  const uint64_t last = end / kPage;
  if (first == last) return NoteEdge(first, InPage(offset), data);
  if (InPage(offset) != 0) NoteEdge(first, InPage(offset), data.first(static_cast<size_t>(kPage - InPage(offset))));
  if (InPage(end) != 0) NoteEdge(last, 0, data.last(InPage(end)));
}

void SeamPages::NoteEdge(uint64_t number, size_t begin, std::span<const std::byte> data) {
  if (const auto found = whole_.find(number); found != whole_.end()) return Merge(found->second, begin, data);
  const auto found = partial_.find(number);
  if (found == partial_.end()) return Add(number, begin, data);
  Merge(found->second, begin, data);
  if (!found->second.whole()) return;
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
  page.bytes->reserve(kKeptPageBytes);
  page.bytes->assign(data.begin(), data.end());
  partial_.emplace(number, std::move(page));
}

void SeamPages::Merge(Page& page, size_t begin, std::span<const std::byte> data) {
  if (page.given) {
    auto copy = std::make_shared<std::vector<std::byte>>();
    copy->reserve(kKeptPageBytes);
    copy->assign(page.bytes->begin(), page.bytes->end());
    page.bytes = std::move(copy);
    page.given = false;
  }
  std::vector<std::byte>& bytes = *page.bytes;
  const size_t end = begin + data.size();
  if (begin > page.begin + bytes.size() || end < page.begin) {
    // Something unknown lies between: only one of the two can be kept.
    page.begin = begin;
    bytes.assign(data.begin(), data.end());
    return;
  }
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
  const uint64_t first = (begin + kPage - 1) / kPage;
  for (Pages* pages : {&whole_, &partial_}) Erase(*pages, first, end / kPage);
}

void SeamPages::Drop(uint64_t begin, uint64_t end) {
  for (Pages* pages : {&whole_, &partial_}) Erase(*pages, begin / kPage, (end + kPage - 1) / kPage);
}

void SeamPages::Cut(uint64_t size) { Drop(size, UINT64_MAX - kPage); }

void SeamPages::Clear() {
  whole_.clear();
  partial_.clear();
}

std::vector<KeptPage> SeamPages::Known(uint64_t size) {
  std::vector<KeptPage> known;
  known.reserve(whole_.size() + 1);
  const auto give = [&known](uint64_t number, Page& page) {
    page.given = true;
    known.push_back({number * kPage, page.bytes});
  };
  for (auto& [number, page] : whole_)
    if ((number + 1) * kPage <= size) give(number, page);
  const auto last = partial_.find(size / kPage);
  if (last != partial_.end() && last->second.begin == 0 && last->second.bytes->size() == InPage(size))
    give(last->first, last->second);
  return known;
}

}  // namespace ossfs2
