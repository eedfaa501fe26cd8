// GetDelivery: what a GET of data has passed on to its sink, over all its attempts.
//
// The first answer pins the version; a later attempt goes on behind the last delivered byte. When the range is the
// whole object its CRC64 is computed on the way.
// Threads: the attempt that claimed its round, and what follows it; never two at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "oss/exchange/range_check.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

class GetDelivery {
 public:
  GetDelivery(const GetRequest& request, std::shared_ptr<DataSink> sink, bool check_crc64)
      : offset_(request.offset),
        size_(request.size),
        sink_(std::move(sink)),
        check_crc64_(check_crc64),
        etag_(request.etag) {}

  // The head of an answer promised the bytes from next() on.
  void Begin(const RangePromise& promise);
  // Where the next bytes go; empty: there are none to come, or the sink wants no more.
  std::span<std::byte> NextBuffer();
  void OnBytes(size_t size);

  uint64_t size() const { return size_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t next() const { return offset_ + bytes_; }  // in the object
  bool complete() const { return bytes_ == size_; }
  const std::string& etag() const { return etag_; }  // empty: any version, so far
  bool sink_gave_up() const { return sink_gave_up_; }
  // Everything came, and it is not what the object's checksum says.
  bool damaged() const { return is_whole_ && expected_crc_ && *expected_crc_ != crc_; }

 private:
  const uint64_t offset_;
  const uint64_t size_;
  const std::shared_ptr<DataSink> sink_;
  const bool check_crc64_;
  std::string etag_;
  uint64_t bytes_ = 0;
  std::span<std::byte> buffer_;
  bool sink_gave_up_ = false;
  bool is_whole_ = false;  // the range is the whole object: its CRC counts
  std::optional<uint64_t> expected_crc_;
  uint64_t crc_ = 0;
};

}  // namespace ossfs2::oss
