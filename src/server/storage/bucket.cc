#include "server/storage/bucket.h"

#include <sys/stat.h>

#include <cerrno>
#include <ctime>

#include "base/values/str.h"

namespace ossfs2::server {
namespace {

// The kinds of change in the log.
enum LogEntry : uint64_t {
  kCreated = 1,
  kPut = 2,
  kDelete = 3,
  kAddUpload = 4,
  kPutPart = 5,
  kEndUpload = 6,
  kComplete = 7,
};

// The log is rewritten when it holds this many more changes than things, and four times as many.
constexpr uint64_t kDeadChangesMax = 200'000;

std::string EncodeCreated(int64_t created_s) {
  Encoder out;
  out.Number(kCreated);
  out.Number(static_cast<uint64_t>(created_s));
  return out.bytes();
}

std::string EncodePut(std::string_view key, const ObjectRecord& record) {
  Encoder out;
  out.Number(kPut);
  out.Text(key);
  out.Object(record);
  return out.bytes();
}

std::string EncodeUpload(std::string_view upload_id, const UploadRecord& upload) {
  Encoder out;
  out.Number(kAddUpload);
  out.Text(upload_id);
  out.Text(upload.key);
  out.Number(static_cast<uint64_t>(upload.initiated_s));
  out.Object(upload.attributes);
  return out.bytes();
}

std::string EncodePart(std::string_view upload_id, int number, const PartRecord& part) {
  Encoder out;
  out.Number(kPutPart);
  out.Text(upload_id);
  out.Number(static_cast<uint64_t>(number));
  out.Part(part);
  return out.bytes();
}

}  // namespace

Result<std::shared_ptr<Bucket>> Bucket::Open(std::string name, const std::string& folder, BlobStore& blobs) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return ErrnoError(errno, StrCat("mkdir ", folder));
  std::shared_ptr<Bucket> bucket(new Bucket(std::move(name), blobs));
  OSSFS2_RETURN_IF_ERROR(bucket->Load(StrCat(folder, "/log")));
  return bucket;
}

Status Bucket::Load(const std::string& path) {
  MutexLock lock(mutex_);
  // The lambda runs inside Open, under the lock, which the analysis cannot see.
  const auto replay = [this](std::string_view payload) NO_THREAD_SAFETY_ANALYSIS { return Replay(payload); };
  OSSFS2_RETURN_IF_ERROR(log_.Open(path, replay));
  for (const auto& [id, upload] : uploads_) parts_ += upload.parts.size();
  if (created_s_ != 0) return {};
  created_s_ = std::time(nullptr);
  return log_.Append(EncodeCreated(created_s_));
}

bool Bucket::Replay(std::string_view payload) {
  Decoder in(payload, blobs_);
  const uint64_t entry = in.Number();
  if (entry == kCreated) {
    created_s_ = static_cast<int64_t>(in.Number());
  } else if (entry == kPut) {
    std::string key = in.Text();
    index_.insert_or_assign(std::move(key), std::make_shared<const ObjectRecord>(in.Object()));
  } else if (entry == kDelete) {
    index_.erase(in.Text());
  } else if (entry == kAddUpload) {
    UploadRecord& upload = uploads_[in.Text()];
    upload.key = in.Text();
    upload.initiated_s = static_cast<int64_t>(in.Number());
    upload.attributes = in.Object();
  } else if (entry == kPutPart) {
    UploadRecord& upload = uploads_[in.Text()];
    const int number = static_cast<int>(in.Number());
    upload.parts[number] = std::make_shared<const PartRecord>(in.Part());
  } else if (entry == kEndUpload) {
    uploads_.erase(in.Text());
  } else if (entry == kComplete) {
    uploads_.erase(in.Text());
    std::string key = in.Text();
    index_.insert_or_assign(std::move(key), std::make_shared<const ObjectRecord>(in.Object()));
  } else {
    return false;
  }
  return !in.bad();
}

Status Bucket::WriteAllToLog() {
  OSSFS2_RETURN_IF_ERROR(log_.Append(EncodeCreated(created_s_)));
  for (const auto& [key, record] : index_) {
    if (record->logged) OSSFS2_RETURN_IF_ERROR(log_.Append(EncodePut(key, *record)));
  }
  for (const auto& [id, upload] : uploads_) {
    OSSFS2_RETURN_IF_ERROR(log_.Append(EncodeUpload(id, upload)));
    for (const auto& [number, part] : upload.parts) {
      OSSFS2_RETURN_IF_ERROR(log_.Append(EncodePart(id, number, *part)));
    }
  }
  return log_.FinishRewrite();
}

Status Bucket::Compact() {
  OSSFS2_RETURN_IF_ERROR(log_.BeginRewrite());
  auto status = WriteAllToLog();
  if (!status) log_.CancelRewrite();
  return status;
}

Status Bucket::AppendToLog(std::string_view payload) {
  const uint64_t things = index_.size() + uploads_.size() + parts_;
  if (log_.changes() > things * 4 + kDeadChangesMax) OSSFS2_RETURN_IF_ERROR(Compact());
  return log_.Append(payload);
}

RecordPtr Bucket::Find(std::string_view key) const {
  MutexLock lock(mutex_);
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : found->second;
}

Result<bool> Bucket::Put(const std::string& key, const Change& change) {
  RecordPtr old;  // destroyed after the lock is gone: that may remove files
  MutexLock lock(mutex_);
  const auto found = index_.find(key);
  if (found != index_.end()) old = found->second;
  RecordPtr record = change(old);
  if (record == nullptr) return false;
  OSSFS2_RETURN_IF_ERROR(AppendToLog(EncodePut(key, *record)));
  index_.insert_or_assign(key, std::move(record));
  return true;
}

Result<bool> Bucket::Delete(const std::string& key) {
  RecordPtr old;
  MutexLock lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  Encoder out;
  out.Number(kDelete);
  out.Text(key);
  OSSFS2_RETURN_IF_ERROR(AppendToLog(out.bytes()));
  old = std::move(found->second);
  index_.erase(found);
  return true;
}

void Bucket::AddUnlogged(std::vector<std::pair<std::string, RecordPtr>> entries) {
  MutexLock lock(mutex_);
  for (auto& [key, record] : entries)
    index_.insert_or_assign(index_.end(), std::move(key), std::move(record));
}

BucketTotals Bucket::Totals() const {
  MutexLock lock(mutex_);
  BucketTotals totals{index_.size(), 0, uploads_.size()};
  for (const auto& [key, record] : index_) totals.bytes += record->size;
  return totals;
}

const UploadRecord* Bucket::UploadOf(std::string_view key, std::string_view upload_id) const {
  const auto found = uploads_.find(upload_id);
  return found == uploads_.end() || found->second.key != key ? nullptr : &found->second;
}

Status Bucket::AddUpload(const std::string& upload_id, UploadRecord upload) {
  MutexLock lock(mutex_);
  OSSFS2_RETURN_IF_ERROR(AppendToLog(EncodeUpload(upload_id, upload)));
  uploads_.insert_or_assign(upload_id, std::move(upload));
  return {};
}

std::optional<UploadRecord> Bucket::FindUpload(std::string_view key, std::string_view upload_id) const {
  MutexLock lock(mutex_);
  const UploadRecord* upload = UploadOf(key, upload_id);
  return upload == nullptr ? std::nullopt : std::optional(*upload);
}

bool Bucket::HasUpload(std::string_view key, std::string_view upload_id) const {
  MutexLock lock(mutex_);
  return UploadOf(key, upload_id) != nullptr;
}

Result<bool> Bucket::PutPart(const std::string& key, const std::string& upload_id, int number,
                             PartRecord part) {
  auto record = std::make_shared<const PartRecord>(std::move(part));
  MutexLock lock(mutex_);
  const auto found = uploads_.find(upload_id);
  if (found == uploads_.end() || found->second.key != key) return false;
  OSSFS2_RETURN_IF_ERROR(AppendToLog(EncodePart(upload_id, number, *record)));
  auto& slot = found->second.parts[number];
  if (slot == nullptr) ++parts_;
  slot.swap(record);
  lock.Unlock();
  return true;
}

Result<bool> Bucket::Complete(const std::string& key, const std::string& upload_id, const Change& change) {
  RecordPtr old;
  UploadRecord ended;
  MutexLock lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) {
    return MakeError(ENOENT, ErrorKind::kNotFound, "no such upload");
  }
  const auto found = index_.find(key);
  if (found != index_.end()) old = found->second;
  RecordPtr record = change(old);
  if (record == nullptr) return false;
  Encoder out;
  out.Number(kComplete);
  out.Text(upload_id);
  out.Text(key);
  out.Object(*record);
  OSSFS2_RETURN_IF_ERROR(AppendToLog(out.bytes()));
  index_.insert_or_assign(key, std::move(record));
  ended = std::move(upload->second);
  parts_ -= ended.parts.size();
  uploads_.erase(upload);
  lock.Unlock();
  return true;
}

Result<bool> Bucket::Abort(const std::string& key, const std::string& upload_id) {
  UploadRecord ended;
  MutexLock lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) return false;
  Encoder out;
  out.Number(kEndUpload);
  out.Text(upload_id);
  OSSFS2_RETURN_IF_ERROR(AppendToLog(out.bytes()));
  ended = std::move(upload->second);
  parts_ -= ended.parts.size();
  uploads_.erase(upload);
  lock.Unlock();
  return true;
}

std::vector<ListedUpload> Bucket::Uploads() const {
  std::map<std::pair<std::string, std::string>, ListedUpload> sorted;
  MutexLock lock(mutex_);
  for (const auto& [id, upload] : uploads_) {
    sorted[{upload.key, id}] = {upload.key, id, upload.initiated_s, upload.attributes.storage_class};
  }
  lock.Unlock();
  std::vector<ListedUpload> out;
  for (auto& [order, upload] : sorted) out.push_back(std::move(upload));
  return out;
}

}  // namespace ossfs2::server
