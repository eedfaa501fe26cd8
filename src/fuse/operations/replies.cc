#include <sys/stat.h>

#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

// Readers that align to st_blksize (llama.cpp --direct-io) would over-read with more.
constexpr long kBlockBytes = 4096;

timespec ToTimespec(int64_t ns) {
  timespec out{};
  out.tv_sec = ns / 1'000'000'000;
  out.tv_nsec = ns % 1'000'000'000;
  if (out.tv_nsec < 0) {
    out.tv_nsec += 1'000'000'000;
    --out.tv_sec;
  }
  return out;
}

}  // namespace

FuseContext& ContextOf(fuse_req_t request) { return *static_cast<FuseContext*>(fuse_req_userdata(request)); }

struct stat ToStat(const Attr& attr) {
  struct stat out{};
  out.st_ino = attr.ino;
  out.st_mode = attr.mode;
  out.st_nlink = attr.nlink;
  out.st_uid = attr.uid;
  out.st_gid = attr.gid;
  out.st_size = static_cast<off_t>(attr.size);
  out.st_blocks = static_cast<blkcnt_t>((attr.size + 511) / 512);
  out.st_blksize = kBlockBytes;
  out.st_atim = ToTimespec(attr.atime_ns);
  out.st_mtim = ToTimespec(attr.mtime_ns);
  out.st_ctim = ToTimespec(attr.ctime_ns);
  return out;
}

fuse_entry_param ToEntryParam(const Entry& entry) {
  fuse_entry_param out{};
  out.ino = entry.attr.ino;
  out.generation = 1;  // numbers are never reused
  out.attr = ToStat(entry.attr);
  out.attr_timeout = entry.attr_valid_s;
  out.entry_timeout = entry.entry_valid_s;
  return out;
}

void ReplyError(fuse_req_t request, const Error& error) {
  // Names that are not there are daily business; what a user must act on is worth a line.
  const int code = error.errno_value > 0 ? error.errno_value : EIO;
  if (code != ENOENT && code != EEXIST && code != ENODATA && code != ENOTEMPTY && code != EOPNOTSUPP &&
      code != ENOTDIR && code != EISDIR && code != ERANGE && !error.text.empty())
    LogLimited(LogLevel::kWarning, error.ToString());
  fuse_reply_err(request, code);
}

void ReplyStatus(fuse_req_t request, const Status& status) {
  if (status) {
    fuse_reply_err(request, 0);
  } else {
    ReplyError(request, status.error());
  }
}

void ReplyEntry(fuse_req_t request, const Result<Entry>& entry) {
  if (!entry) return ReplyError(request, entry.error());
  if (entry->attr.ino == 0 && entry->entry_valid_s <= 0) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  FileSystem& file_system = ContextOf(request).file_system;
  const fuse_entry_param param = ToEntryParam(*entry);
  if (fuse_reply_entry(request, &param) != 0 && entry->attr.ino != 0) file_system.Forget(entry->attr.ino, 1);
}

void ReplyAttr(fuse_req_t request, const Result<AttrReply>& reply) {
  if (!reply) return ReplyError(request, reply.error());
  const struct stat attr = ToStat(reply->attr);
  fuse_reply_attr(request, &attr, reply->valid_s);
}

Caller CallerOf(fuse_req_t request) {
  const fuse_ctx* context = fuse_req_ctx(request);
  return {context->uid, context->gid, static_cast<uint32_t>(context->umask)};
}

}  // namespace ossfs2
