#include "oss/fakes/memory_bucket.h"

#include <algorithm>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/protocol/error_table.h"
#include "oss/protocol/mime.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

Error Fail(int status, std::string_view code, std::string_view operation, std::string_view key) {
  return MakeServiceError({status, std::string(code), "", "MEMORY", "", ""},
                          {operation, key, "memory", "memory"});
}

std::string EtagOf(const std::string& content) { return HexEncodeUpper(Md5(content)); }

uint64_t CrcOf(const std::string& content) { return Crc64(0, content.data(), content.size()); }

bool EtagDiffers(const std::string& wanted, const std::string& actual) {
  return !wanted.empty() && wanted != actual;
}

std::string TypeOr(const std::string& content_type, const std::string& key) {
  return content_type.empty() ? std::string(ContentTypeOfKey(key)) : content_type;
}

}  // namespace

const MemoryObject* MemoryBucket::Find(const std::string& key) const {
  const auto at = objects_.find(key);
  return at == objects_.end() ? nullptr : &at->second;
}

std::vector<std::string> MemoryBucket::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

Status MemoryBucket::CheckNew(const std::string& operation, const std::string& key,
                              bool forbid_overwrite) const {
  if (key.empty() || key.size() > kKeyBytesMax || key[0] == '/' || key[0] == '\\' || !IsValidUtf8(key)) {
    return Fail(400, "InvalidObjectName", operation, key);
  }
  if (forbid_overwrite && objects_.contains(key)) return Fail(409, "FileAlreadyExists", operation, key);
  return {};
}

WriteResult MemoryBucket::Store(const std::string& key, MemoryObject object) {
  WriteResult result{object.etag, object.crc64, object.mtime_s};
  objects_[key] = std::move(object);
  return result;
}

Result<WriteResult> MemoryBucket::Put(const std::string& key, std::string content,
                                      const WriteOptions& options, int64_t now_s) {
  OSSFS2_RETURN_IF_ERROR(CheckNew("put", key, options.forbid_overwrite));
  if (content.size() > kPutBytesMax) return Fail(400, "EntityTooLarge", "put", key);
  MemoryObject object;
  object.etag = EtagOf(content);
  object.crc64 = CrcOf(content);
  object.content = std::make_shared<const std::string>(std::move(content));
  object.mtime_s = now_s;
  object.content_type = TypeOr(options.content_type, key);
  object.metadata = options.metadata;
  object.serving = options.serving;
  object.encryption = options.encryption;
  object.tags = options.tags;
  return Store(key, std::move(object));
}

// The object that a read of `key` sees: of a symlink its target, one level.
Result<const MemoryObject*> MemoryBucket::Follow(const std::string& operation, const std::string& key) const {
  const MemoryObject* object = Find(key);
  if (object == nullptr) return Fail(404, "NoSuchKey", operation, key);
  if (object->type != ObjectType::kSymlink) return object;
  object = Find(object->link_target);
  if (object == nullptr) return Fail(404, "SymlinkTargetNotExist", operation, key);
  if (object->type == ObjectType::kSymlink) return Fail(400, "InvalidTargetType", operation, key);
  return object;
}

Result<std::shared_ptr<const std::string>> MemoryBucket::Get(const GetRequest& request) const {
  const auto object = Follow("get", request.key);
  if (!object) return object.error();
  if (EtagDiffers(request.etag, (*object)->etag)) return Fail(412, "PreconditionFailed", "get", request.key);
  const uint64_t total = (*object)->content->size();
  if (request.size == 0 || request.offset > total || request.size > total - request.offset) {
    return Fail(416, "InvalidRange", "get", request.key);
  }
  return (*object)->content;
}

Result<ObjectInfo> MemoryBucket::Head(const std::string& key) const {
  const MemoryObject* object = Find(key);
  if (object == nullptr) return Fail(404, "NoSuchKey", "head", key);
  ObjectInfo info;
  info.key = key;
  info.size = object->type == ObjectType::kSymlink ? object->link_target.size() : object->content->size();
  info.etag = object->etag;
  info.mtime_s = object->mtime_s;
  if (object->type != ObjectType::kSymlink) info.crc64 = object->crc64;
  info.type = object->type;
  info.storage_class = "Standard";
  info.content_type = object->content_type;
  info.metadata = object->metadata;
  info.serving = object->serving;
  info.encryption = object->encryption;
  if (!object->tags.empty())
    info.tag_count = static_cast<uint64_t>(std::count(object->tags.begin(), object->tags.end(), '&')) + 1;
  return info;
}

Result<WriteResult> MemoryBucket::Copy(const CopyRequest& request, int64_t now_s) {
  const MemoryObject* source = Find(request.source_key);
  if (source == nullptr) return Fail(404, "NoSuchKey", "copy", request.source_key);
  if (EtagDiffers(request.source_etag, source->etag)) {
    return Fail(412, "PreconditionFailed", "copy", request.source_key);
  }
  OSSFS2_RETURN_IF_ERROR(CheckNew("copy", request.target_key, request.forbid_overwrite));
  MemoryObject object = *source;
  object.mtime_s = now_s;
  if (object.type != ObjectType::kSymlink) {
    object.type = ObjectType::kNormal;
    object.etag = EtagOf(*object.content);
  }
  object.encryption = request.replace ? request.replace->encryption : request.encryption;
  if (request.replace) {
    object.metadata = request.replace->metadata;
    object.serving = request.replace->serving;
    object.content_type = TypeOr(request.replace->content_type, request.target_key);
  }
  return Store(request.target_key, std::move(object));
}

Result<WriteResult> MemoryBucket::PutSymlink(const std::string& key, const std::string& target,
                                             const WriteOptions& options, int64_t now_s) {
  OSSFS2_RETURN_IF_ERROR(CheckNew("symlink", key, options.forbid_overwrite));
  if (target.empty()) return Fail(400, "InvalidArgument", "symlink", key);
  MemoryObject object;
  object.content = std::make_shared<const std::string>();
  object.etag = EtagOf("symlink " + target);
  object.mtime_s = now_s;
  object.type = ObjectType::kSymlink;
  object.content_type = TypeOr(options.content_type, key);
  object.metadata = options.metadata;
  object.serving = options.serving;
  object.encryption = options.encryption;
  object.tags = options.tags;
  object.link_target = target;
  return Store(key, std::move(object));
}

Result<std::string> MemoryBucket::GetSymlink(const std::string& key) const {
  const MemoryObject* object = Find(key);
  if (object == nullptr) return Fail(404, "NoSuchKey", "get_symlink", key);
  if (object->type != ObjectType::kSymlink) return Fail(400, "NotSymlink", "get_symlink", key);
  return object->link_target;
}

Result<std::string> MemoryBucket::GetTags(const std::string& key) const {
  const MemoryObject* object = Find(key);
  if (object == nullptr) return Fail(404, "NoSuchKey", "get_tags", key);
  return object->tags;
}

Result<WriteResult> MemoryBucket::Append(const std::string& key, uint64_t position, std::string bytes,
                                         const WriteOptions& options, int64_t now_s) {
  OSSFS2_RETURN_IF_ERROR(CheckNew("append", key, false));
  const MemoryObject* old = Find(key);
  if (old != nullptr && old->type != ObjectType::kAppendable)
    return Fail(409, "ObjectNotAppendable", "append", key);
  const uint64_t length = old == nullptr ? 0 : old->content->size();
  if (position != length) return Fail(409, "PositionNotEqualToLength", "append", key);
  MemoryObject object = old == nullptr ? MemoryObject{} : *old;
  if (old == nullptr) {
    object.content_type = TypeOr(options.content_type, key);
    object.metadata = options.metadata;
    object.serving = options.serving;
    object.encryption = options.encryption;
    object.tags = options.tags;
    object.type = ObjectType::kAppendable;
  }
  std::string content = old == nullptr ? std::string() : *old->content;
  content += bytes;
  object.crc64 = Crc64(object.crc64, bytes.data(), bytes.size());
  object.content = std::make_shared<const std::string>(std::move(content));
  object.etag = EtagOf(StrCat("append ", next_version_++));
  object.mtime_s = now_s;
  return Store(key, std::move(object));
}

Result<std::string> MemoryBucket::InitiateUpload(const std::string& key, const WriteOptions& options,
                                                 int64_t now_s) {
  OSSFS2_RETURN_IF_ERROR(CheckNew("initiate", key, options.forbid_overwrite));
  std::string upload_id = HexEncodeUpper(Md5(StrCat("upload ", next_upload_++)));
  uploads_[upload_id] = {key, options, now_s, {}};
  return upload_id;
}

Result<MemoryBucket::Upload*> MemoryBucket::FindUpload(const std::string& operation, const std::string& key,
                                                       const std::string& upload_id) {
  const auto at = uploads_.find(upload_id);
  if (at == uploads_.end() || at->second.key != key) return Fail(404, "NoSuchUpload", operation, key);
  return &at->second;
}

Result<PartResult> MemoryBucket::PutPart(const std::string& key, const std::string& upload_id, int number,
                                         std::string content) {
  const auto upload = FindUpload("part", key, upload_id);
  if (!upload) return upload.error();
  if (number < 1 || number > kPartsMax) return Fail(400, "InvalidArgument", "part", key);
  const PartResult result{number, EtagOf(content), content.size(), CrcOf(content)};
  (*upload)->parts[number] = {result, std::make_shared<const std::string>(std::move(content))};
  return result;
}

Result<PartResult> MemoryBucket::CopyPart(const std::string& key, const std::string& upload_id, int number,
                                          const std::string& source_key, const std::string& source_etag,
                                          uint64_t offset, uint64_t size) {
  const auto source = Get({source_key, offset, size, source_etag});
  if (!source) return source.error();
  auto result = PutPart(key, upload_id, number, (*source)->substr(offset, size));
  if (result) result->crc64.reset();  // OSS does not tell it for copied parts
  return result;
}

Result<std::string> MemoryBucket::JoinParts(const Upload& upload,
                                            const std::vector<PartResult>& parts) const {
  if (parts.empty()) return Fail(400, "InvalidArgument", "complete", upload.key);
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].number <= parts[i - 1].number) return Fail(400, "InvalidPartOrder", "complete", upload.key);
  }
  std::string content;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto at = upload.parts.find(parts[i].number);
    if (at == upload.parts.end() || at->second.result.etag != parts[i].etag) {
      return Fail(400, "InvalidPart", "complete", upload.key);
    }
    if (i + 1 < parts.size() && at->second.result.size < kPartBytesMin) {
      return Fail(400, "EntityTooSmall", "complete", upload.key);
    }
    content += *at->second.content;
  }
  return content;
}

Result<WriteResult> MemoryBucket::CompleteUpload(const std::string& key, const std::string& upload_id,
                                                 const std::vector<PartResult>& parts, bool forbid_overwrite,
                                                 int64_t now_s) {
  const auto upload = FindUpload("complete", key, upload_id);
  if (!upload) return upload.error();
  OSSFS2_RETURN_IF_ERROR(CheckNew("complete", key, forbid_overwrite));
  auto content = JoinParts(**upload, parts);
  if (!content) return content.error();
  MemoryObject object;
  object.crc64 = CrcOf(*content);
  object.etag = StrCat(EtagOf(*content), "-", parts.size());
  object.content = std::make_shared<const std::string>(std::move(*content));
  object.mtime_s = now_s;
  object.type = ObjectType::kMultipart;
  object.content_type = TypeOr((*upload)->options.content_type, key);
  object.metadata = (*upload)->options.metadata;
  object.serving = (*upload)->options.serving;
  object.encryption = (*upload)->options.encryption;
  object.tags = (*upload)->options.tags;
  uploads_.erase(upload_id);
  return Store(key, std::move(object));
}

Result<std::vector<PartResult>> MemoryBucket::ListParts(const std::string& key,
                                                        const std::string& upload_id) const {
  const auto at = uploads_.find(upload_id);
  if (at == uploads_.end() || at->second.key != key) return Fail(404, "NoSuchUpload", "list_parts", key);
  std::vector<PartResult> parts;
  for (const auto& [number, part] : at->second.parts) {
    parts.push_back({number, part.result.etag, part.result.size, std::nullopt});
  }
  return parts;
}

std::vector<UploadInfo> MemoryBucket::ListUploads(const std::string& prefix) const {
  std::vector<UploadInfo> infos;
  for (const auto& [upload_id, upload] : uploads_) {
    if (upload.key.starts_with(prefix)) infos.push_back({upload.key, upload_id, upload.initiated_s});
  }
  std::sort(infos.begin(), infos.end(),
            [](const UploadInfo& a, const UploadInfo& b) { return a.key < b.key; });
  return infos;
}

}  // namespace ossfs2::oss
