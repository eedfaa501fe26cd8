// What the server knows of a stored object, of a multipart upload and of its parts. Values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/extent.h"

namespace ossfs2::server {

enum class ObjectKind : uint8_t { kNormal = 0, kMultipart = 1, kAppendable = 2, kSymlink = 3 };
const char* ObjectKindName(ObjectKind kind);

using NameValues = std::vector<std::pair<std::string, std::string>>;

struct ObjectRecord {
  ObjectKind kind = ObjectKind::kNormal;
  uint64_t size = 0;  // of a symlink: the bytes of its target
  uint64_t crc64 = 0;
  std::string etag;  // upper case, without quotes
  int64_t mtime_s = 0;
  std::string content_type;
  std::string storage_class = "Standard";
  // Cache-Control, Content-Disposition, Content-Encoding, Expires, x-oss-server-side-encryption (and -key-id)
  NameValues headers;
  NameValues metadata;  // names lower-case, without the dialect's prefix
  std::string symlink_target;
  int64_t restore_ready_s = 0;  // 0: never asked to be restored
  int64_t restore_expiry_s = 0;
  bool logged = true;  // false: lives only as long as the process (--synthetic)
  std::vector<Extent> extents;
};
using RecordPtr = std::shared_ptr<const ObjectRecord>;

struct PartRecord {
  uint64_t size = 0;
  uint64_t crc64 = 0;
  std::string etag;
  int64_t mtime_s = 0;
  std::vector<Extent> extents;
};

struct UploadRecord {
  std::string key;
  int64_t initiated_s = 0;
  ObjectRecord attributes;  // what the object will have: headers, metadata, class
  std::map<int, std::shared_ptr<const PartRecord>> parts;
};

// --- the binary form in the log ---
// Numbers are LEB128, strings length and bytes. A decoder that meets nonsense turns bad and gives zeros.
class Encoder {
 public:
  void Number(uint64_t value);
  void Text(std::string_view text);
  void Fields(const NameValues& values);
  void Extents(const std::vector<Extent>& extents);
  void Object(const ObjectRecord& record);
  void Part(const PartRecord& part);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Decoder {
 public:
  Decoder(std::string_view bytes, BlobStore& blobs) : bytes_(bytes), blobs_(blobs) {}
  uint64_t Number();
  std::string Text();
  NameValues Fields();
  std::vector<Extent> Extents();
  ObjectRecord Object();
  PartRecord Part();
  bool bad() const { return bad_; }

 private:
  std::string_view bytes_;
  BlobStore& blobs_;
  bool bad_ = false;
};

}  // namespace ossfs2::server
