// Answers of the service that tests of writing verbs script.
#pragma once

#include <string>

#include "tests/oss/fake_http.h"

namespace ossfs2::oss {

inline Reply PutReply(uint64_t crc) {
  Reply reply;
  reply.headers = {{"ETag", "\"E1\""}, {"x-oss-hash-crc64ecma", std::to_string(crc)}};
  return reply;
}

inline Reply HeadReply(uint64_t size, uint64_t crc, const std::string& type = "Normal",
                const std::string& etag = "E1") {
  Reply reply;
  reply.headers = {{"Content-Length", std::to_string(size)},
                   {"ETag", "\"" + etag + "\""},
                   {"x-oss-object-type", type},
                   {"x-oss-hash-crc64ecma", std::to_string(crc)},
                   {"Last-Modified", "Wed, 28 Dec 2022 10:27:41 GMT"}};
  return reply;
}

inline const std::string kText = "hello world";
inline constexpr uint64_t kCrc = 5981764153023615706u;

}  // namespace ossfs2::oss
