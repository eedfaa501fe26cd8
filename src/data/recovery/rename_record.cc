#include "data/recovery/rename_record.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "base/report/log.h"
#include "base/threads/awaited.h"
#include "base/time/clock.h"
#include "base/values/str.h"
#include "data/recovery/private_names.h"

namespace ossfs2 {
namespace {

// How far the date of the copy may be from that of the record: the time that a copy takes, and clocks that differ. An
// equal object that was made at another time is not the copy.
constexpr int64_t kCopySecondsMax = 300;

int64_t NowSeconds() { return Clock::Real().NowWallNs() / 1'000'000'000; }

void TellMissing(const Error& error) {
  LogLimited(LogLevel::kWarning,
             StrCat("a rename goes on without the journal, so a crash may leave both names: ", error.text));
}

// A folder without a marker must not go with its last file.
Status KeepFolder(ObjectStore& store, const std::string& key) {
  const std::string folder(FolderOf(key));
  if (folder.empty()) return {};
  ListRequest request;
  request.prefix = folder;
  request.max_keys = 2;
  Result<ListPage> page = store.List(request);
  if (!page) return page.error();
  for (const ListEntry& entry : page->entries)
    if (entry.key != key) return {};
  const auto answer = std::make_shared<Awaited<Result<WriteResult>>>();
  UploadBody empty;
  empty.crc64 = 0;
  WriteOptions options;
  options.forbid_overwrite = true;
  const auto call = store.PutAsync(folder, std::move(empty), options,
                                   [answer](Result<WriteResult> result) { answer->Set(std::move(result)); });
  const Result<WriteResult> put = answer->Take();
  if (!put && put.error().kind != ErrorKind::kAlreadyExists) return put.error();
  return {};
}

// The object, if it is that version.
Result<std::optional<ObjectInfo>> FindVersion(ObjectStore& store, const std::string& key, const std::string& etag) {
  Result<ObjectInfo> head = store.Head(key);
  if (!head && head.error().kind == ErrorKind::kNotFound) return std::optional<ObjectInfo>();
  if (!head) return head.error();
  if (etag.empty() || head->etag != etag) return std::optional<ObjectInfo>();
  return std::optional<ObjectInfo>(std::move(*head));
}

}  // namespace

RenameRecord::RenameRecord(Journal& journal, const std::string& from, const std::string& from_etag,
                           const std::string& to)
    : journal_(journal) {
  entry_.kind = JournalKind::kRename;
  entry_.key = to;
  entry_.started_s = NowSeconds();
  entry_.from_key = from;
  entry_.from_etag = from_etag;
  entry_.etag = from_etag;
  if (Result<Journal::Id> begun = journal_.Begin(entry_))
    record_ = *begun;
  else
    TellMissing(begun.error());
}

RenameRecord::~RenameRecord() {
  if (!left_) journal_.End(record_);
}

void RenameRecord::Update(const std::string& from_etag, const std::string& to_etag) {
  entry_.started_s = NowSeconds();
  entry_.from_etag = from_etag;
  entry_.etag = to_etag;
  if (Status written = journal_.Update(record_, entry_); !written) TellMissing(written.error());
}

Status FinishRename(ObjectStore& store, const JournalEntry& entry) {
  if (entry.from_key.empty() || entry.from_key == entry.key) return {};
  const Result<std::optional<ObjectInfo>> from = FindVersion(store, entry.from_key, entry.from_etag);
  if (!from) return from.error();
  if (!*from) return {};
  const Result<std::optional<ObjectInfo>> to = FindVersion(store, entry.key, entry.etag);
  if (!to) return to.error();
  if (!*to) return {};
  const ObjectInfo& source = **from;
  const ObjectInfo& copy = **to;
  // A source that is newer than the copy was made again by somebody after that rename was done.
  if (source.mtime_s > copy.mtime_s) return {};
  const bool is_same = source.size == copy.size && (!source.crc64 || !copy.crc64 || *source.crc64 == *copy.crc64);
  if (!is_same || std::llabs(copy.mtime_s - entry.started_s) > kCopySecondsMax) return {};
  OSSFS2_RETURN_IF_ERROR(KeepFolder(store, entry.from_key));
  Status deleted = store.Delete(entry.from_key);
  if (!deleted && deleted.error().kind != ErrorKind::kAccessDenied) return deleted;
  if (!deleted) {
    Log(LogLevel::kWarning,
        StrCat("the last run had copied ", entry.from_key, " to ", entry.key,
               " to rename it. The old object may not be deleted, and both stay: ", deleted.error().text));
    return {};
  }
  Log(LogLevel::kInfo,
      StrCat("finished the rename of ", entry.from_key, " to ", entry.key, ", which the last run had begun"));
  return {};
}

}  // namespace ossfs2
