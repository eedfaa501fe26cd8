#include "fs/names/directory_copier.h"

#include <algorithm>
#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/shared/parallel.h"
#include "fs/shared/store_calls.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr size_t kDeleteBatch = 1000;  // what one request takes
constexpr size_t kDeleteWidth = 8;
constexpr int kDeletePasses = 2;  // for batches that failed while others went through

}  // namespace

Result<std::vector<ListEntry>> DirectoryCopier::ListAll(const std::string& prefix) {
  std::vector<ListEntry> all;
  ListRequest request;
  request.prefix = prefix;
  do {
    Result<ListPage> page = context_.store.List(request);
    if (!page) return page.error();
    request.continuation = page->continuation;
    for (ListEntry& entry : page->entries) all.push_back(std::move(entry));
    if (all.size() > context_.options.rename_dir_limit)
      return MakeError(EMFILE, ErrorKind::kInvalid,
                       StrCat(prefix, " has more than ", context_.options.rename_dir_limit.value(),
                              " files below it. Raise rename_dir_limit, or move what is in it in smaller parts."));
  } while (!request.continuation.empty());
  return all;
}

Result<std::vector<DirectoryCopier::File>> DirectoryCopier::List(const std::string& from, const std::string& to) {
  Result<std::vector<ListEntry>> listed = ListAll(from);
  if (!listed) return listed.error();
  std::vector<File> files;
  for (ListEntry& entry : *listed) {
    File file;
    file.target_key = to + entry.key.substr(from.size());
    if (file.target_key.size() > kKeyBytesMax) return KeyTooLong(file.target_key);
    file.source = std::move(entry);
    files.push_back(std::move(file));
  }
  return files;
}

// What lies below the prefix, by key; unless `all` is wanted, enough to see whether there is more than a marker.
Result<std::map<std::string, ListEntry>> DirectoryCopier::ListTarget(const std::string& to, bool all) {
  std::vector<ListEntry> listed;
  if (all) {
    Result<std::vector<ListEntry>> entries = ListAll(to);
    if (!entries) return entries.error();
    listed = std::move(*entries);
  } else {
    ListRequest request;
    request.prefix = to;
    request.max_keys = 2;
    Result<ListPage> page = context_.store.List(request);
    if (!page) return page.error();
    listed = std::move(page->entries);
  }
  std::map<std::string, ListEntry> there;
  for (ListEntry& entry : listed) {
    std::string key = entry.key;
    there.emplace(std::move(key), std::move(entry));
  }
  return there;
}

Result<DirectoryCopier::Copies> DirectoryCopier::CheckTarget(const std::string& from, const std::string& to,
                                                             std::vector<File>& files) {
  const std::optional<Copies> earlier = FindUnfinished(from, to);
  const Error not_empty = MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat(to, " is not empty."));
  Result<std::map<std::string, ListEntry>> listed = ListTarget(to, earlier.has_value());
  if (!listed) return listed.error();
  std::map<std::string, ListEntry>& there = *listed;
  const bool has_marker = there.erase(to) > 0;
  if (!earlier && !there.empty()) return not_empty;
  for (File& file : files) {
    if (file.target_key == to) file.replaces_marker = has_marker;
    const auto it = there.find(file.target_key);
    if (it == there.end()) continue;
    // The same bytes under a Normal object's ETag; others are copied again.
    file.was_there = it->second.size == file.source.size && it->second.etag == file.source.etag;
    if (file.was_there) file.etag = it->second.etag;
    there.erase(it);
  }
  // The rest has no source: our own copies whose source was deleted, and nothing else.
  Copies settled;
  for (const auto& [key, entry] : there) {
    const auto copy = earlier->find(key);
    if (copy == earlier->end() || copy->second != entry.etag) return not_empty;
    settled.insert(*copy);
  }
  return settled;
}

Status DirectoryCopier::CopyOne(File& file) {
  if (file.source.type == ObjectType::kSymlink) {
    CopyRequest request;
    request.source_key = file.source.key;
    request.target_key = file.target_key;
    Result<WriteResult> copied = context_.store.Copy(request);
    if (!copied) return copied.error();
    file.etag = copied->etag;
    return {};
  }
  CopyJob job;
  job.source_key = file.source.key;
  job.source_etag = file.source.etag;
  job.size = file.source.size;
  job.crc64 = file.source_crc64;
  job.encryption = file.encryption;
  job.target_key = file.target_key;
  job.part_concurrency = 4;
  std::optional<std::string> unproven;
  Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, job, &unproven);
  if (!copied) {
    if (unproven && !file.replaces_marker) file.etag = std::move(*unproven);  // to be taken back
    return copied.error();
  }
  file.etag = copied->etag;
  file.crc64 = copied->crc64;
  return {};
}

Status DirectoryCopier::CopyAll(std::vector<File>& files) {
  Mutex mutex;
  Status failed;
  File* marker = nullptr;
  const auto width = static_cast<size_t>(std::max(1, context_.options.rename_dir_concurrency.value()));
  for (File& file : files)
    if (file.replaces_marker) marker = &file;
  RunParallel(context_.executor, files.size(), width, [&](size_t i) {
    File& file = files[i];
    if (file.was_there || &file == marker) return;
    {
      MutexLock lock(mutex);
      if (!failed) return;
    }
    const Status status = CopyOne(file);
    if (status) return;
    MutexLock lock(mutex);
    if (failed) failed = status;
  });
  // At the end, for it cannot be taken back: an empty directory keeps its marker if the rename onto it fails.
  if (failed && marker != nullptr) failed = CopyOne(*marker);
  return failed;
}

void DirectoryCopier::TakeBack(const std::string& from, const std::string& to, const std::vector<File>& files,
                               Copies settled) {
  std::vector<std::string> made;
  for (const File& file : files)
    if (!file.etag.empty()) made.push_back(file.target_key);
  if (!DeleteAll(std::move(made))) {
    for (const File& file : files)
      if (!file.etag.empty()) settled.insert_or_assign(file.target_key, file.etag);
    Log(LogLevel::kWarning, StrCat("The rename of ", from, " to ", to, " failed and left copies under ", to,
                                   ". Repeat the rename to go on."));
  }
  NoteUnfinished(from, to, std::move(settled));
}

Status DirectoryCopier::DeleteSources(const std::string& from, const std::string& to, const std::vector<File>& files,
                                      Copies settled) {
  std::vector<std::string> old_keys;
  for (const File& file : files) old_keys.push_back(file.source.key);
  const Status deleted = DeleteAll(std::move(old_keys));
  if (deleted) {
    NoteUnfinished(from, to, {});
    return {};
  }
  for (const File& file : files) settled.insert_or_assign(file.target_key, file.etag);
  NoteUnfinished(from, to, std::move(settled));
  Log(LogLevel::kWarning,
      StrCat("The rename of ", from, " to ", to, " copied all files and could not delete all old keys: ",
             deleted.error().ToString(), ". Repeat the rename to go on."));
  return deleted;
}

std::optional<DirectoryCopier::Copies> DirectoryCopier::FindUnfinished(const std::string& from,
                                                                       const std::string& to) {
  MutexLock lock(mutex_);
  const auto it = unfinished_.find({from, to});
  return it == unfinished_.end() ? std::nullopt : std::optional<Copies>(it->second);
}

void DirectoryCopier::NoteUnfinished(const std::string& from, const std::string& to, Copies copies) {
  MutexLock lock(mutex_);
  unfinished_.erase({from, to});
  if (copies.empty()) return;
  if (unfinished_.size() >= kUnfinishedMax) unfinished_.erase(unfinished_.begin());
  unfinished_.emplace(std::make_pair(from, to), std::move(copies));
}

Status DirectoryCopier::DeleteAll(std::vector<std::string> keys) {
  for (int pass = 1;; ++pass) {
    const size_t batches = (keys.size() + kDeleteBatch - 1) / kDeleteBatch;
    Mutex mutex;
    Status failed;
    size_t failures = 0;
    std::vector<std::string> left;
    RunParallel(context_.executor, batches, kDeleteWidth, [&](size_t i) {
      const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(i * kDeleteBatch);
      const auto end = keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), (i + 1) * kDeleteBatch));
      const std::vector<std::string> batch(begin, end);
      const Status status = context_.store.DeleteMany(batch);
      if (status) return;
      MutexLock lock(mutex);
      failed = status;
      ++failures;
      left.insert(left.end(), batch.begin(), batch.end());
    });
    // If none went through another try would only take as long again.
    if (failed || failures == batches || pass == kDeletePasses) return failed;
    keys = std::move(left);
  }
}

}  // namespace ossfs2
