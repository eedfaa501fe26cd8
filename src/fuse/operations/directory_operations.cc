// OPENDIR, READDIR, READDIRPLUS and RELEASEDIR.
#include <cerrno>
#include <vector>

#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

void OpenDirectory(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, info = *info]() mutable {
    const auto handle = context.file_system.OpenDirectory(ino);
    if (!handle) return ReplyError(request, handle.error());
    info.fh = *handle;
    if (context.directory_cache.enabled()) {
      info.cache_readdir = 1;
      info.keep_cache = context.directory_cache.MayKeep(ino) ? 1 : 0;
    }
    if (fuse_reply_open(request, &info) != 0) context.file_system.ReleaseDirectory(*handle);
  });
}

bool CountsAsLookup(const DirEntry& entry) {
  return entry.has_attributes && entry.name != "." && entry.name != "..";
}

// Packs entries into one reply buffer, and remembers the lookups that the reply will count.
class DirectoryReply {
 public:
  DirectoryReply(size_t size_max, bool plus) : buffer_(size_max), plus_(plus) {}

  bool Add(const DirEntry& entry) {
    char* const at = buffer_.data() + used_;
    const size_t room = buffer_.size() - used_;
    const off_t next = static_cast<off_t>(entry.cookie);
    size_t need = 0;
    if (plus_) {
      fuse_entry_param param = ToEntryParam(entry.entry);
      if (!CountsAsLookup(entry)) param.ino = 0;  // the kernel then takes the name and the type only
      need = fuse_add_direntry_plus(nullptr, at, room, entry.name.c_str(), &param, next);
    } else {
      const struct stat attr = ToStat(entry.entry.attr);
      need = fuse_add_direntry(nullptr, at, room, entry.name.c_str(), &attr, next);
    }
    if (need > room) return false;
    used_ += need;
    if (plus_ && CountsAsLookup(entry)) looked_up_.push_back(entry.entry.attr.ino);
    return true;
  }

  void Send(fuse_req_t request, FileSystem& file_system, const Status& status) {
    // An error after some entries is told by the next call, which fails at once.
    if (!status && used_ == 0) return ReplyError(request, status.error());
    if (fuse_reply_buf(request, buffer_.data(), used_) != 0) Undo(file_system);
  }

  void Undo(FileSystem& file_system) const {
    for (const Ino ino : looked_up_) file_system.Forget(ino, 1);
  }

 private:
  std::vector<char> buffer_;
  const bool plus_;
  size_t used_ = 0;
  std::vector<Ino> looked_up_;
};

void Read(fuse_req_t request, size_t size, off_t offset, HandleId handle, bool plus) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, size, offset, handle, plus, wait = context.interrupts.Watch(request)] {
    DirectoryReply reply(size, plus);
    const Status status =
        context.file_system.ReadDirectory(handle, static_cast<uint64_t>(offset), plus,
                                          [&reply](const DirEntry& entry) { return reply.Add(entry); });
    if (!context.interrupts.Claim(wait)) return reply.Undo(context.file_system);
    reply.Send(request, context.file_system, status);
  });
}

void ReadDirectory(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  Read(request, size, offset, info->fh, false);
}

void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  Read(request, size, offset, info->fh, true);
}

void ReleaseDirectory(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  ContextOf(request).file_system.ReleaseDirectory(info->fh);
  fuse_reply_err(request, 0);
}

// Directory changes are on the server when their calls return.
void FsyncDirectory(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) { fuse_reply_err(request, 0); }

}  // namespace

void FillDirectoryOperations(fuse_lowlevel_ops& ops) {
  ops.opendir = OpenDirectory;
  ops.readdir = ReadDirectory;
  ops.readdirplus = ReadDirectoryPlus;
  ops.releasedir = ReleaseDirectory;
  ops.fsyncdir = FsyncDirectory;
}

}  // namespace ossfs2
