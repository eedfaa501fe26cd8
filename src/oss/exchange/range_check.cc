#include "oss/exchange/range_check.h"

#include <strings.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/values/str.h"
#include "http/message/response.h"
#include "oss/exchange/answer_check.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2::oss {
namespace {

struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t total = 0;
};

bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// "bytes 0-499/1000"
std::optional<ContentRange> ParseContentRange(const http::ResponseHead& head) {
  const auto value = head.Find("content-range");
  if (!value || !value->starts_with("bytes ")) return std::nullopt;
  std::string_view text = value->substr(6);
  ContentRange range;
  if (TakeNumber(text, range.first) && TakeChar(text, '-') && TakeNumber(text, range.last) &&
      TakeChar(text, '/') && TakeNumber(text, range.total) && text.empty()) {
    return range;
  }
  return std::nullopt;
}

Failure Replaced(const RequestNames& names) {
  Failure failure;
  failure.error = MakeError(
      ESTALE, ErrorKind::kVersionChanged,
      StrCat(DescribeRequest(names), " failed: the object was replaced meanwhile. Next: open it again."));
  return failure;
}

}  // namespace

RangeVerdict CheckRange(const http::ResponseHead& head, uint64_t first, uint64_t size,
                        const std::string& etag, const RequestNames& names) {
  RangeVerdict verdict;
  const auto corrupt = [&](std::string_view why) {
    verdict.failure = CorruptAnswer(names, why);
    return verdict;
  };
  verdict.promise.etag = HeaderText(head, "etag");
  verdict.promise.crc64 = CrcOf(head);
  if (!etag.empty() && !verdict.promise.etag.empty() &&
      strcasecmp(etag.c_str(), verdict.promise.etag.c_str()) != 0) {
    verdict.failure = Replaced(names);
    return verdict;
  }
  const auto length = HeaderNumber(head, "content-length");
  if (head.status == 200) {
    // Only right when the whole object was asked for.
    verdict.promise.total = length.value_or(0);
    if (first != 0 || length != size) {
      return corrupt(
          "the server ignored the range and sent the whole object; a proxy may have removed the Range header");
    }
    return verdict;
  }
  const auto range = ParseContentRange(head);
  if (head.status != 206 || !range)
    return corrupt(StrCat("HTTP ", head.status, " without a range came for a range"));
  verdict.promise.total = range->total;
  if (range->first == first && range->last + 1 < first + size && range->last + 1 == range->total) {
    verdict.failure = Replaced(names);  // the object is shorter than the asked version
    return verdict;
  }
  if (range->first != first || range->last != first + size - 1) {
    return corrupt(
        StrCat("bytes ", range->first, "-", range->last, " came in place of ", first, "-", first + size - 1));
  }
  if (length && *length != size) return corrupt(StrCat("a length of ", *length, " came in place of ", size));
  return verdict;
}

}  // namespace ossfs2::oss
