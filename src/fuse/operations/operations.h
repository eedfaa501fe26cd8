// The low-level operations: what each kernel request does with the FileSystem.
//
// FuseContext is the userdata of the session. Every operation first tries what cannot block and
// hands the rest to the executor, so that workers never wait for the network. A reply that
// the kernel no longer wants (interrupted, ENOENT) undoes its lookup count or handle. Tasks that only ask are watched
// (interrupts.h): what they find after the program was let go is undone in the same way.
#pragma once

#include <fuse_lowlevel.h>

#include <functional>

#include "base/threads/executor.h"
#include "fuse/operations/directory_cache_clock.h"
#include "fuse/operations/interrupts.h"
#include "fuse/operations/parked_writes.h"
#include "fuse/session/fuse_options.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

struct FuseContext {
  FileSystem& file_system;
  Executor& executor;
  Executor& writers;  // for what writes, stores and closes
  const FuseOptions& options;
  DirectoryCacheClock directory_cache;
  Interrupts interrupts;
  ParkedWrites parked{};
};

// Where to put which operations; together they fill the table.
void FillSessionOperations(fuse_lowlevel_ops& ops);
void FillNameOperations(fuse_lowlevel_ops& ops);
void FillFileOperations(fuse_lowlevel_ops& ops);
void FillDirectoryOperations(fuse_lowlevel_ops& ops);
void FillXattrOperations(fuse_lowlevel_ops& ops);

FuseContext& ContextOf(fuse_req_t request);

// --- replies, shared by the operations ---
struct stat ToStat(const Attr& attr);
fuse_entry_param ToEntryParam(const Entry& entry);
void ReplyError(fuse_req_t request, const Error& error);
void ReplyStatus(fuse_req_t request, const Status& status);
void ReplyEntry(fuse_req_t request, const Result<Entry>& entry);
void ReplyAttr(fuse_req_t request, const Result<AttrReply>& reply);
Caller CallerOf(fuse_req_t request);

}  // namespace ossfs2
