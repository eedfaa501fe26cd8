// MemoryBucket: the objects and open uploads of a bucket in memory, with the rules of OSS.
//
// The part of MemoryStore that knows nothing of threads, delays and counters. Not thread-safe: its user
// locks. Contents are immutable and shared, so that a reader keeps the version it began with.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ossfs2/object_store.h"

namespace ossfs2::oss {

struct MemoryObject {
  std::shared_ptr<const std::string> content;  // of a symlink: empty
  std::string etag;
  uint64_t crc64 = 0;
  int64_t mtime_s = 0;
  ObjectType type = ObjectType::kNormal;
  std::string content_type;
  Metadata metadata;
  ServingHeaders serving;
  Encryption encryption;
  std::string tags;
  std::string link_target;
};

class MemoryBucket {
 public:
  // Every writing verb takes the time that it gives to what it writes.
  Result<WriteResult> Put(const std::string& key, std::string content, const WriteOptions& options,
                          int64_t now_s);
  // The bytes [offset, offset+size) of the version, as a shared content; follows symlinks.
  Result<std::shared_ptr<const std::string>> Get(const GetRequest& request) const;
  Result<ObjectInfo> Head(const std::string& key) const;
  Result<ListPage> List(const ListRequest& request) const;
  Result<WriteResult> Copy(const CopyRequest& request, int64_t now_s);
  void Delete(const std::string& key) { objects_.erase(key); }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options, int64_t now_s);
  Result<std::string> GetSymlink(const std::string& key) const;
  Result<std::string> GetTags(const std::string& key) const;
  Result<WriteResult> Append(const std::string& key, uint64_t position, std::string bytes,
                             const WriteOptions& options, int64_t now_s);

  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options, int64_t now_s);
  Result<PartResult> PutPart(const std::string& key, const std::string& upload_id, int number,
                             std::string content);
  Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag, uint64_t offset,
                              uint64_t size);
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                     const std::vector<PartResult>& parts, bool forbid_overwrite,
                                     int64_t now_s);
  void AbortUpload(const std::string& upload_id) { uploads_.erase(upload_id); }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) const;
  std::vector<UploadInfo> ListUploads(const std::string& prefix) const;

  const MemoryObject* Find(const std::string& key) const;
  std::vector<std::string> Keys() const;
  size_t OpenUploads() const { return uploads_.size(); }

 private:
  struct Part {
    PartResult result;
    std::shared_ptr<const std::string> content;
  };
  struct Upload {
    std::string key;
    WriteOptions options;
    int64_t initiated_s = 0;
    std::map<int, Part> parts;
  };
  Status CheckNew(const std::string& operation, const std::string& key, bool forbid_overwrite) const;
  Result<const MemoryObject*> Follow(const std::string& operation, const std::string& key) const;
  Result<Upload*> FindUpload(const std::string& operation, const std::string& key,
                             const std::string& upload_id);
  Result<std::string> JoinParts(const Upload& upload, const std::vector<PartResult>& parts) const;
  WriteResult Store(const std::string& key, MemoryObject object);

  std::map<std::string, MemoryObject> objects_;
  std::map<std::string, Upload> uploads_;  // by upload id
  uint64_t next_upload_ = 1;
  uint64_t next_version_ = 1;  // makes the opaque ETags of appends differ
};

}  // namespace ossfs2::oss
