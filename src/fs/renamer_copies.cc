// What the rename of a directory does in the bucket: listing, copying, taking back and deleting keys.
#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/str.h"
#include "fs/parallel.h"
#include "fs/renamer.h"
#include "fs/store_calls.h"

namespace ossfs2 {
namespace {

constexpr size_t kDeleteBatch = 1000;  // what one request takes
constexpr size_t kDeleteWidth = 8;
constexpr int kDeletePasses = 2;         // for batches that failed while others went through
constexpr size_t kUnfinishedMax = 8;     // each may remember rename_dir_limit keys

}  // namespace

Result<std::vector<ListEntry>> Renamer::ListAll(const std::string& prefix) {
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
                       StrCat("The directory has more than ", context_.options.rename_dir_limit.value(),
                              " files below it (rename_dir_limit)."));
  } while (!request.continuation.empty());
  return all;
}

Result<std::vector<Renamer::Copied>> Renamer::FilesOf(const std::string& from, const std::string& to) {
  Result<std::vector<ListEntry>> listed = ListAll(from);
  if (!listed) return listed.error();
  std::vector<Copied> files;
  for (ListEntry& entry : *listed) {
    Copied file;
    file.target_key = to + entry.key.substr(from.size());
    if (file.target_key.size() > kKeyBytesMax)
      return MakeError(ENAMETOOLONG, ErrorKind::kInvalid, StrCat(file.target_key, ": more than 1023 bytes."));
    file.source = std::move(entry);
    files.push_back(std::move(file));
  }
  return files;
}

Result<Renamer::Copies> Renamer::TargetIsFree(const std::string& from, const std::string& to,
                                              std::vector<Copied>& files) {
  std::optional<Copies> earlier;
  {
    MutexLock lock(mutex_);
    if (const auto it = unfinished_.find({from, to}); it != unfinished_.end()) earlier = it->second;
  }
  const Error not_empty = MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat(to, " is not empty."));
  std::map<std::string, ListEntry> there;
  if (earlier) {
    Result<std::vector<ListEntry>> all = ListAll(to);
    if (!all) return all.error();
    for (ListEntry& entry : *all) there.emplace(entry.key, std::move(entry));
  } else {
    ListRequest request;
    request.prefix = to;
    request.max_keys = 2;
    Result<ListPage> page = context_.store.List(request);
    if (!page) return page.error();
    for (ListEntry& entry : page->entries) there.emplace(entry.key, std::move(entry));
  }
  const bool has_marker = there.erase(to) > 0;
  if (!earlier && !there.empty()) return not_empty;
  for (Copied& file : files) {
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

Status Renamer::CopyOne(Copied& file) {
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

Status Renamer::CopyAll(std::vector<Copied>& files) {
  Mutex mutex;
  Status failed;
  Copied* marker = nullptr;
  const auto width = static_cast<size_t>(std::max(1, context_.options.rename_dir_concurrency.value()));
  for (Copied& file : files)
    if (file.replaces_marker) marker = &file;
  RunParallel(context_.executor, files.size(), width, [&](size_t i) {
    Copied& file = files[i];
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

void Renamer::TakeBack(const std::string& from, const std::string& to, const std::vector<Copied>& files,
                       Copies settled) {
  std::vector<std::string> made;
  for (const Copied& file : files)
    if (!file.etag.empty()) made.push_back(file.target_key);
  if (!DeleteAll(std::move(made))) {
    for (const Copied& file : files)
      if (!file.etag.empty()) settled.insert_or_assign(file.target_key, file.etag);
    Log(LogLevel::kWarning, StrCat("The rename of ", from, " to ", to, " failed and left copies under ", to,
                                   ". Repeat the rename to go on."));
  }
  NoteUnfinished(from, to, std::move(settled));
}

void Renamer::NoteUnfinished(const std::string& from, const std::string& to, Copies copies) {
  MutexLock lock(mutex_);
  unfinished_.erase({from, to});
  if (copies.empty()) return;
  if (unfinished_.size() >= kUnfinishedMax) unfinished_.erase(unfinished_.begin());
  unfinished_.emplace(std::make_pair(from, to), std::move(copies));
}

Status Renamer::DeleteAll(std::vector<std::string> keys) {
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
