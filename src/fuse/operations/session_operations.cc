// INIT and STATFS.
#include <sys/statvfs.h>

#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

constexpr unsigned kRequestBytesMax = 1u << 20;  // libfuse 3.14's own bound, 256 pages
// In flight at once: 8 ranks by mmap with 1 MiB read-ahead of several windows each.
constexpr unsigned kBackgroundMax = 256;

void Init(void* userdata, fuse_conn_info* connection) {
  const FuseOptions& options = static_cast<FuseContext*>(userdata)->options;
  connection->max_write = kRequestBytesMax;
  connection->max_background = kBackgroundMax;
  connection->congestion_threshold = kBackgroundMax * 3 / 4;
  connection->time_gran = 1;
  const auto set = [&](unsigned capability, bool on) {
    if (on && (connection->capable & capability) != 0) {
      connection->want |= capability;
    } else {
      connection->want &= ~capability;
    }
  };
  // Pages are dropped by ETag through the invalidator, never by a guess from mtime and size.
  set(FUSE_CAP_AUTO_INVAL_DATA, false);
  set(FUSE_CAP_EXPLICIT_INVAL_DATA, true);
  set(FUSE_CAP_WRITEBACK_CACHE, false);  // would reorder a streaming writer
  set(FUSE_CAP_SPLICE_READ, false);      // never wins (docs/design.md, decisions)
  set(FUSE_CAP_SPLICE_WRITE, false);
  set(FUSE_CAP_SPLICE_MOVE, false);
  set(FUSE_CAP_ASYNC_READ, true);
  set(FUSE_CAP_ASYNC_DIO, true);
  set(FUSE_CAP_ATOMIC_O_TRUNC, true);
  set(FUSE_CAP_PARALLEL_DIROPS, true);
  set(FUSE_CAP_READDIRPLUS, options.readdirplus);
  set(FUSE_CAP_READDIRPLUS_AUTO, false);
  set(FUSE_CAP_CACHE_SYMLINKS, true);
  set(FUSE_CAP_DONT_MASK, false);
}

void StatFs(fuse_req_t request, fuse_ino_t) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context] {
    const auto stat = context.file_system.StatFs();
    if (!stat) return ReplyError(request, stat.error());
    struct statvfs out{};
    out.f_bsize = stat->block_bytes;
    out.f_frsize = stat->block_bytes;
    out.f_blocks = stat->blocks;
    out.f_bfree = stat->blocks_free;
    out.f_bavail = stat->blocks_free;
    out.f_files = stat->files;
    out.f_ffree = stat->files_free;
    out.f_favail = stat->files_free;
    out.f_namemax = stat->name_bytes_max;
    fuse_reply_statfs(request, &out);
  });
}

}  // namespace

void FillSessionOperations(fuse_lowlevel_ops& ops) {
  ops.init = Init;
  ops.statfs = StatFs;
}

}  // namespace ossfs2
