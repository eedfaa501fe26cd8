#include "fs/names/detacher.h"

#include "fs/shared/store_calls.h"

namespace ossfs2 {

std::shared_ptr<OpenFile> Detacher::StillOpen(Ino ino, bool kept) {
  const auto find = [this, ino]() -> std::shared_ptr<OpenFile> {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    return node != nullptr && node->extra ? node->extra->open : nullptr;
  };
  const std::shared_ptr<OpenFile> file = find();
  if (!file || kept || file->closing == 0 || !file->WaitClosed(kCloseWait)) return file;
  return find();
}

Result<ObjectVersion> Detacher::Park(const ObjectVersion& from, const std::string& to) {
  CopyJob job;
  job.source_key = from.key;
  job.source_etag = from.etag;
  job.size = from.size;
  job.crc64 = from.crc64;
  job.target_key = to;
  Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, job);
  if (!copied) return copied.error();
  return ObjectVersion{to, from.size, copied->etag, from.crc64 ? from.crc64 : copied->crc64};
}

void Detacher::Redirect(OpenFile& file, Replacement* readers, const ObjectVersion& to) {
  if (readers != nullptr) readers->Rebind(to);
  file.Park(to);
  file.version.fetch_add(1);
}

Status Detacher::Detach(Ino ino, const Take& take, bool kept) {
  const std::shared_ptr<OpenFile> file = StillOpen(ino, kept);
  if (!file) return take(false);
  WriteTarget target;
  bool rebind = false;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked) return context_.Stale(ino);
    target.file_id = ino;
    target.base = context_.VersionOf(node);
    target.exists = node->published;
    rebind = target.exists && (!file->writer() || file->writer_etag != target.base.etag);
    file->writer_etag = target.base.etag;
  }
  const auto writer = file->EnsureWriter(context_.writes, target);
  file->KeepHold(context_.reads.HoldFilling(file->ino()));
  if (rebind && !writer->dirty()) writer->Rebind(target.base, true);
  NameLoss loss;
  loss.parking_folder = context_.prefix;
  loss.park = [this](const ObjectVersion& from, const std::string& to) { return Park(from, to); };
  loss.take = [&](const ObjectVersion& parked, bool stored) {
    // What was changed here is read from the writer, which knows where the rest is.
    const bool redirect = !parked.key.empty() && !writer->dirty();
    const auto readers = redirect ? context_.BeginReplacement(ino, target.base) : nullptr;
    if (redirect) Redirect(*file, readers.get(), parked);
    Status taken = take(stored);
    if (!taken && redirect) Redirect(*file, readers.get(), target.base);
    return taken;
  };
  return writer->Detach(loss);
}

}  // namespace ossfs2
