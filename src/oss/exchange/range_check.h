// Whether the head of an answer to a ranged GET promises exactly the asked bytes. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "oss/exchange/retry_state.h"
#include "oss/protocol/error_table.h"

namespace ossfs2::http {
struct ResponseHead;
}

namespace ossfs2::oss {

struct RangePromise {
  uint64_t total = 0;  // bytes of the whole object
  std::string etag;
  std::optional<uint64_t> crc64;  // of the whole object
};

// `first` and `size`: what this attempt asked; `etag`: the pinned version, empty for any. The head is of a
// 2xx answer with OSS's markers.
struct RangeVerdict {
  std::optional<Failure> failure;
  RangePromise promise;
};
RangeVerdict CheckRange(const http::ResponseHead& head, uint64_t first, uint64_t size,
                        const std::string& etag, const RequestNames& names);

}  // namespace ossfs2::oss
