// OPEN, CREATE, READ, WRITE, FLUSH, FSYNC, RELEASE, FALLOCATE and COPY_FILE_RANGE.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "base/report/log.h"
#include "base/report/metrics.h"
#include "base/values/str.h"
#include "fuse/operations/operations.h"
#include "fuse/session/landing_zone.h"

namespace ossfs2 {
namespace {

// The answer to COPY_FILE_RANGE has 32 bits for the count. Kernels before 6.17 ask for more and then believe the low 32
// bits; younger ones ask for a page less than 4 GiB, and the next copy would not begin at a part.
constexpr size_t kCopyBytesMax = 2ull << 30;

struct FileMetrics {
  Counter& read_requests = Registry::Default().counter("fuse_read_requests_total", "READ requests of the kernel");
  Counter& read_bytes = Registry::Default().counter("fuse_read_bytes_total", "Bytes answered to READ requests");
  Counter& write_requests = Registry::Default().counter("fuse_write_requests_total", "WRITE requests of the kernel");
  Counter& write_bytes = Registry::Default().counter("fuse_write_bytes_total", "Bytes of WRITE requests");
  Counter& writes_parked =
      Registry::Default().counter("fuse_writes_parked_total", "WRITE requests that had to wait, for memory mostly");
  Gauge& reads_in_flight = Registry::Default().gauge("fuse_reads_in_flight", "READ requests not answered yet");
  Histogram& read_seconds = Registry::Default().histogram("fuse_read_seconds", "Time from READ request to answer");
};

void ReplyCount(fuse_req_t request, const Result<size_t>& count) {
  if (!count) return ReplyError(request, count.error());
  fuse_reply_write(request, *count);
}

FileMetrics& Metrics() {
  static FileMetrics* metrics = new FileMetrics;
  return *metrics;
}

void FillOpened(fuse_file_info& info, const Opened& opened) {
  info.fh = opened.handle;
  info.keep_cache = opened.keep_cache ? 1 : 0;
  info.direct_io = opened.direct_io ? 1 : 0;
  // The close of a handle that cannot write has nothing to report: one request less for each small file.
  info.noflush = (info.flags & O_ACCMODE) == O_RDONLY && (info.flags & O_TRUNC) == 0 ? 1 : 0;
}

void ReplyOpen(fuse_req_t request, fuse_file_info info, const Result<Opened>& opened) {
  if (!opened) return ReplyError(request, opened.error());
  FuseContext& context = ContextOf(request);
  FillOpened(info, *opened);
  if (fuse_reply_open(request, &info) != 0)
    context.executor.Run([&context, handle = opened->handle] { context.file_system.Release(handle); });
}

void Open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  if (const auto known = context.file_system.TryOpen(ino, info->flags)) return ReplyOpen(request, *info, *known);
  const bool only_asks = (info->flags & O_TRUNC) == 0;
  const auto wait = only_asks ? context.interrupts.Watch(request) : 0;
  context.executor.Run([request, &context, ino, info = *info, wait] {
    const auto opened = context.file_system.Open(ino, info.flags);
    if (wait == 0 || context.interrupts.Claim(wait)) return ReplyOpen(request, info, opened);
    if (opened) context.file_system.Release(opened->handle);
  });
}

void Create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name), mode, info = *info,
                        caller = CallerOf(request)]() mutable {
    const auto created = context.file_system.Create(parent, name, mode, info.flags, caller);
    if (!created) return ReplyError(request, created.error());
    FillOpened(info, created->second);
    const fuse_entry_param entry = ToEntryParam(created->first);
    if (fuse_reply_create(request, &entry, &info) != 0) {
      context.file_system.Release(created->second.handle);
      context.file_system.Forget(created->first.attr.ino, 1);
    }
  });
}

// The kernel names a lock owner in the READs that a program's own memory is filled from, and in no other
// (FUSE_READ_LOCKOWNER: fuse_direct_io; read-ahead and page faults send none).
ReadInto WhereTo(const fuse_file_info& info) {
  return info.lock_owner != 0 ? ReadInto::kProgram : ReadInto::kPageCache;
}

// The READ that this thread has passed on, until it is answered there: one answered at once is never watched.
thread_local Interrupts::Wait read_passed_on = 0;

void Read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  FileMetrics& metrics = Metrics();
  metrics.read_requests.Add();
  metrics.reads_in_flight.Add(1);
  const auto begin = std::chrono::steady_clock::now();
  const auto wait = context.interrupts.Number();
  const auto scope = (info->flags & O_DIRECT) != 0 ? Interrupts::Scope::kDirect : Interrupts::Scope::kKilled;
  read_passed_on = wait;
  context.file_system.Read(
      info->fh, static_cast<uint64_t>(offset), size, WhereTo(*info),
      [request, &context, begin, wait](Result<ReadReply> reply) {
        FileMetrics& counters = Metrics();
        counters.reads_in_flight.Add(-1);
        counters.read_seconds.Observe(std::chrono::steady_clock::now() - begin);
        if (read_passed_on == wait) {
          read_passed_on = 0;
        } else if (!context.interrupts.Claim(wait)) {
          return;
        }
        if (!reply) return ReplyError(request, reply.error());
        counters.read_bytes.Add(reply->bytes);
        if (reply->parts.empty()) {
          fuse_reply_buf(request, nullptr, 0);
        } else {
          fuse_reply_iov(request, reply->parts.data(), static_cast<int>(reply->parts.size()));
        }
      });
  if (read_passed_on != wait) return;
  read_passed_on = 0;
  context.interrupts.Watch(wait, request, scope);
}

// Runs what writes or stores where it may wait. A program that a signal has killed need not wait for the end
// (interrupts.h): nobody but the log is told then how it ended.
template <typename Work>
void RunStoring(fuse_req_t request, FuseContext& context, const char* doing, Work work) {
  const auto wait = context.interrupts.Watch(request, Interrupts::Scope::kStoring);
  context.writers.Run([request, &context, doing, work = std::move(work), wait] {
    const Status status = work();
    if (context.interrupts.Claim(wait)) return ReplyStatus(request, status);
    if (status) return;
    Log(LogLevel::kError, StrCat("A program was killed while it ", doing, ". That went on without it, and failed: ",
                                 status.error().ToString()));
  });
}

// A WRITE that must wait; `taken` bytes of it are written.
struct ParkedWrite {
  fuse_ino_t file;
  HandleId handle;
  uint64_t offset;
  size_t taken;
  size_t size;
  Writer writer;
};

// What a program that was killed has not begun to write is not written: it would come late, over what others write.
Result<size_t> WriteParked(FuseContext& context, const ParkedWrite& write, FetchLanding fetch, Interrupts::Wait wait) {
  if (context.interrupts.WasAnswered(wait)) return size_t{0};
  auto landing = fetch();
  fetch = nullptr;
  if (!landing) return landing.error();
  if (context.interrupts.WasAnswered(wait)) return size_t{0};
  return context.file_system.WriteLanded(write.handle, write.offset, **landing, write.taken, write.size, write.writer);
}

void Park(fuse_req_t request, FuseContext& context, const ParkedWrite& write, FetchLanding fetch,
          Interrupts::Wait wait) {
  context.parked.Run(context.writers, write.file, [request, &context, write, fetch = std::move(fetch), wait]() mutable {
    // Its memory is free again when it returns, before the program goes on.
    const auto written = WriteParked(context, write, std::exchange(fetch, nullptr), wait);
    if (!context.interrupts.Claim(wait)) return;  // the close that follows meets the same error
    ReplyCount(request, written);
  });
}

void WriteLanded(fuse_req_t request, FuseContext& context, ParkedWrite write, LandingZone& zone) {
  const size_t size = write.size;
  const auto taken =
      context.file_system.TryWriteLanded(write.handle, write.offset, *zone.landed(), size, write.writer);
  if (!taken) return ReplyError(request, taken.error());
  if (*taken == size) {
    fuse_reply_write(request, size);
    return;
  }
  Metrics().writes_parked.Add();
  write.taken = *taken;
  Park(request, context, write,
       [landing = std::shared_ptr<Landing>(zone.Take())]() -> Result<std::shared_ptr<Landing>> { return landing; },
       context.interrupts.Watch(request, Interrupts::Scope::kStoring));
}

void Write(fuse_req_t request, fuse_ino_t file, const char* data, size_t size, off_t offset, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  FileMetrics& metrics = Metrics();
  metrics.write_requests.Add();
  metrics.write_bytes.Add(size);
  const Writer writer = info->writepage ? Writer::kMapping : Writer::kCall;
  const ParkedWrite write{file, info->fh, static_cast<uint64_t>(offset), 0, size, writer};
  if (LandingZone* zone = LandingZone::OfThread(); zone != nullptr) {
    zone->NoteWrite(size);
    if (zone->landed() != nullptr) return WriteLanded(request, context, write, *zone);
  }
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto taken = context.file_system.TryWrite(write.handle, write.offset, bytes, writer);
  if (!taken) return ReplyError(request, taken.error());
  if (*taken) {
    fuse_reply_write(request, size);
    return;
  }
  metrics.writes_parked.Add();
  const auto wait = context.interrupts.Watch(request, Interrupts::Scope::kStoring);
  context.file_system.KeepWaiting(bytes, [request, &context, write, wait](FetchLanding fetch) {
    Park(request, context, write, std::move(fetch), wait);
  });
}

void Flush(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  const HandleId handle = info->fh;
  if (context.file_system.NothingToFlush(handle)) {
    fuse_reply_err(request, 0);
    return;
  }
  RunStoring(request, context, "closed a file", [&context, handle] { return context.file_system.Flush(handle); });
}

void Fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  RunStoring(request, context, "synced a file",
             [&context, handle = info->fh] { return context.file_system.Fsync(handle); });
}

void Release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  const HandleId handle = info->fh;
  if (context.file_system.NothingToFlush(handle)) {
    context.file_system.Release(handle);
    fuse_reply_err(request, 0);
    return;
  }
  context.writers.Run([request, &context, handle] {
    context.file_system.Release(handle);
    fuse_reply_err(request, 0);
  });
}

void Allocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  const auto work = [&context, handle = info->fh, mode, offset, length] {
    return context.file_system.Allocate(handle, mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(length));
  };
  RunStoring(request, context, "allocated space", work);
}

void CopyFileRange(fuse_req_t request, fuse_ino_t, off_t source_offset, fuse_file_info* source, fuse_ino_t,
                   off_t target_offset, fuse_file_info* target, size_t wanted, int) {
  FuseContext& context = ContextOf(request);
  const size_t length = std::min(wanted, kCopyBytesMax);
  context.writers.Run([request, &context, from = source->fh, source_offset, to = target->fh, target_offset, length] {
    ReplyCount(request, context.file_system.CopyFileRange(from, static_cast<uint64_t>(source_offset), to,
                                                          static_cast<uint64_t>(target_offset), length));
  });
}

}  // namespace

void FillFileOperations(fuse_lowlevel_ops& ops) {
  ops.open = Open;
  ops.create = Create;
  ops.read = Read;
  ops.write = Write;
  ops.flush = Flush;
  ops.fsync = Fsync;
  ops.release = Release;
  ops.fallocate = Allocate;
  ops.copy_file_range = CopyFileRange;
}

}  // namespace ossfs2
