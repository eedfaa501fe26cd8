// ObjectVersion: one version of an object, by which it is read, copied and replaced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ossfs2 {

struct ObjectVersion {
  std::string key;  // full key in the bucket
  uint64_t size = 0;
  std::string etag;
  std::optional<uint64_t> crc64;
  friend bool operator==(const ObjectVersion&, const ObjectVersion&) = default;
  // A rename gives the same bytes a new key.
  bool SameBytes(const ObjectVersion& other) const {
    return etag == other.etag && size == other.size && (!crc64 || !other.crc64 || crc64 == other.crc64);
  }
};

}  // namespace ossfs2
