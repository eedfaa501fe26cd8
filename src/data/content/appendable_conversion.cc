#include "data/content/appendable_conversion.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/values/str.h"
#include "data/content/fetch_range.h"
#include "data/content/write_append.h"
#include "data/recovery/provisional.h"
#include "oss/copy_options.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr uint64_t kConvertPieceBytes = 1u << 20;

// The bytes of `backup` as a new appendable object under `key`; the backup's head comes as `old`.
Result<ObjectVersion> AppendCopyOf(WriteServices& services, const ObjectVersion& backup, const ObjectInfo& old,
                                   const std::string& key) {
  ObjectVersion made;
  made.key = key;
  const Result<WriteOptions> options = oss::CopyOptionsOf(services.store, old);
  if (!options) return options.error();
  Result<std::vector<BlockRef>> blocks = services.memory.Acquire(kConvertPieceBytes / kBlock);
  if (!blocks) return blocks.error();
  while (made.size < backup.size || made.etag.empty()) {
    UploadBody body;
    uint64_t got = 0;
    for (const BlockRef& block : *blocks) {
      const uint64_t piece = std::min<uint64_t>(kBlock, backup.size - made.size - got);
      if (piece == 0) break;
      const auto window = block->span().first(static_cast<size_t>(piece));
      OSSFS2_RETURN_IF_ERROR(FetchRange(services.store, backup, made.size + got, window));
      body.spans.push_back(window);
      got += piece;
    }
    OSSFS2_RETURN_IF_ERROR(AppendBody(services, made, std::move(body), got, *options));
  }
  if (made.crc64 && old.crc64 && *made.crc64 != *old.crc64)
    return MakeError(EIO, ErrorKind::kCorrupt, StrCat("the appendable copy of ", key, " has another CRC64"));
  return made;
}

Result<ObjectVersion> ConvertOver(WriteServices& services, const ObjectVersion& base, Provisional& record) {
  // The record says from here on that the key is being made anew.
  OSSFS2_RETURN_IF_ERROR(record.BeforeConvert());
  ObjectVersion backup = base;
  backup.key = record.backup_key();
  backup.etag = record.backup_etag();
  const Result<ObjectInfo> old = services.store.Head(backup.key);
  if (!old) return old.error();
  if (old->size != base.size)
    return MakeError(EIO, ErrorKind::kCorrupt, StrCat("the backup of ", base.key, " has another size"));
  OSSFS2_RETURN_IF_ERROR(services.store.Delete(base.key));
  return AppendCopyOf(services, backup, *old, base.key);
}

}  // namespace

Result<ObjectVersion> ConvertToAppendable(WriteServices& services, const ObjectVersion& base) {
  Result<std::unique_ptr<Provisional>> record = Provisional::Begin(services.store, services.journal, base.key, base);
  if (!record) return record.error();
  Result<ObjectVersion> made = ConvertOver(services, base, **record);
  if (made)
    (*record)->Settle();
  else
    (*record)->Undo();
  return made;
}

}  // namespace ossfs2
