#include "server/storage/record.h"

namespace ossfs2::server {

const char* ObjectKindName(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kMultipart:
      return "Multipart";
    case ObjectKind::kAppendable:
      return "Appendable";
    case ObjectKind::kSymlink:
      return "Symlink";
    case ObjectKind::kNormal:
      break;
  }
  return "Normal";
}

void Encoder::Number(uint64_t value) {
  for (; value >= 128; value >>= 7) bytes_.push_back(static_cast<char>(value | 128));
  bytes_.push_back(static_cast<char>(value));
}

void Encoder::Text(std::string_view text) {
  Number(text.size());
  bytes_.append(text);
}

void Encoder::Fields(const NameValues& values) {
  Number(values.size());
  for (const auto& [name, value] : values) {
    Text(name);
    Text(value);
  }
}

void Encoder::Extents(const std::vector<Extent>& extents) {
  Number(extents.size());
  for (const Extent& extent : extents) {
    Number(static_cast<uint64_t>(extent.blob->kind()));
    Number(extent.blob->id());
    Number(extent.offset);
    Number(extent.size);
    Number(extent.crc64);
  }
}

void Encoder::Object(const ObjectRecord& record) {
  Number(static_cast<uint64_t>(record.kind));
  Number(record.size);
  Number(record.crc64);
  Text(record.etag);
  Number(static_cast<uint64_t>(record.mtime_s));
  Text(record.content_type);
  Text(record.storage_class);
  Fields(record.headers);
  Fields(record.metadata);
  Text(record.symlink_target);
  Number(static_cast<uint64_t>(record.restore_ready_s));
  Number(static_cast<uint64_t>(record.restore_expiry_s));
  Extents(record.extents);
}

void Encoder::Part(const PartRecord& part) {
  Number(part.size);
  Number(part.crc64);
  Text(part.etag);
  Number(static_cast<uint64_t>(part.mtime_s));
  Extents(part.extents);
}

uint64_t Decoder::Number() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return value;
  }
  bad_ = true;
  return 0;
}

std::string Decoder::Text() {
  const uint64_t size = Number();
  if (size > bytes_.size()) {
    bad_ = true;
    return {};
  }
  std::string text(bytes_.substr(0, size));
  bytes_.remove_prefix(size);
  return text;
}

NameValues Decoder::Fields() {
  NameValues values;
  for (uint64_t left = Number(); left > 0 && !bad_; --left) {
    std::string name = Text();
    values.emplace_back(std::move(name), Text());
  }
  return values;
}

std::vector<Extent> Decoder::Extents() {
  std::vector<Extent> extents;
  for (uint64_t left = Number(); left > 0 && !bad_; --left) {
    Extent extent;
    const uint64_t kind = Number();
    const uint64_t id = Number();
    extent.offset = Number();
    extent.size = Number();
    extent.crc64 = Number();
    if (kind > static_cast<uint64_t>(BlobKind::kDiscarded)) bad_ = true;
    if (bad_) break;
    extent.blob = blobs_.Load(static_cast<BlobKind>(kind), id);
    if (extent.blob->end < extent.offset + extent.size) extent.blob->end = extent.offset + extent.size;
    extents.push_back(std::move(extent));
  }
  return extents;
}

ObjectRecord Decoder::Object() {
  ObjectRecord record;
  const uint64_t kind = Number();
  if (kind > static_cast<uint64_t>(ObjectKind::kSymlink)) bad_ = true;
  record.kind = static_cast<ObjectKind>(kind);
  record.size = Number();
  record.crc64 = Number();
  record.etag = Text();
  record.mtime_s = static_cast<int64_t>(Number());
  record.content_type = Text();
  record.storage_class = Text();
  record.headers = Fields();
  record.metadata = Fields();
  record.symlink_target = Text();
  record.restore_ready_s = static_cast<int64_t>(Number());
  record.restore_expiry_s = static_cast<int64_t>(Number());
  record.extents = Extents();
  return record;
}

PartRecord Decoder::Part() {
  PartRecord part;
  part.size = Number();
  part.crc64 = Number();
  part.etag = Text();
  part.mtime_s = static_cast<int64_t>(Number());
  part.extents = Extents();
  return part;
}

}  // namespace ossfs2::server
