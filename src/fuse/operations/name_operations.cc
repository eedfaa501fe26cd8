// LOOKUP, FORGET, GETATTR, SETATTR and everything that changes names.
#include <ctime>
#include <optional>
#include <string>

#include "base/time/clock.h"
#include "base/time/wall_time.h"
#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

int64_t ToNs(const timespec& time) { return WallNs(time.tv_sec, time.tv_nsec); }

std::optional<HandleId> HandleOf(const fuse_file_info* info) {
  if (info == nullptr) return std::nullopt;
  return info->fh;
}

void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  FuseContext& context = ContextOf(request);
  if (const auto known = context.file_system.TryLookup(parent, name)) return ReplyEntry(request, *known);
  context.executor.Run([request, &context, parent, name = std::string(name), wait = context.interrupts.Watch(request)] {
    const auto entry = context.file_system.Lookup(parent, name);
    if (context.interrupts.Claim(wait)) return ReplyEntry(request, entry);
    if (entry && entry->attr.ino != 0) context.file_system.Forget(entry->attr.ino, 1);
  });
}

void Forget(fuse_req_t request, fuse_ino_t ino, uint64_t lookups) {
  ContextOf(request).file_system.Forget(ino, lookups);
  fuse_reply_none(request);
}

void ForgetMulti(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  FuseContext& context = ContextOf(request);
  for (size_t i = 0; i < count; ++i) context.file_system.Forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void GetAttr(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  FuseContext& context = ContextOf(request);
  const auto handle = HandleOf(info);
  if (const auto known = context.file_system.TryGetAttr(ino, handle)) return ReplyAttr(request, *known);
  context.executor.Run([request, &context, ino, handle, wait = context.interrupts.Watch(request)] {
    const auto attr = context.file_system.GetAttr(ino, handle);
    if (context.interrupts.Claim(wait)) ReplyAttr(request, attr);
  });
}

void SetAttr(fuse_req_t request, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* info) {
  AttrChange change;
  if (to_set & FUSE_SET_ATTR_MODE) change.mode = attr->st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) change.uid = attr->st_uid;
  if (to_set & FUSE_SET_ATTR_GID) change.gid = attr->st_gid;
  if (to_set & FUSE_SET_ATTR_SIZE) change.size = static_cast<uint64_t>(attr->st_size);
  if (to_set & FUSE_SET_ATTR_ATIME) change.atime_ns = ToNs(attr->st_atim);
  if (to_set & FUSE_SET_ATTR_MTIME) change.mtime_ns = ToNs(attr->st_mtim);
  if (to_set & FUSE_SET_ATTR_ATIME_NOW) change.atime_ns = Clock::Real().NowWallNs();
  if (to_set & FUSE_SET_ATTR_MTIME_NOW) change.mtime_ns = Clock::Real().NowWallNs();
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, change, handle = HandleOf(info)] {
    ReplyAttr(request, context.file_system.SetAttr(ino, change, handle));
  });
}

void MakeDirectory(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name), mode, caller = CallerOf(request)] {
    ReplyEntry(request, context.file_system.MakeDirectory(parent, name, mode, caller));
  });
}

void MakeNode(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name), mode, caller = CallerOf(request)] {
    ReplyEntry(request, context.file_system.MakeNode(parent, name, mode, caller));
  });
}

void Unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name)] {
    ReplyStatus(request, context.file_system.Unlink(parent, name));
  });
}

void RemoveDirectory(fuse_req_t request, fuse_ino_t parent, const char* name) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name)] {
    ReplyStatus(request, context.file_system.RemoveDirectory(parent, name));
  });
}

void Rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned int flags) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, parent, name = std::string(name), new_parent,
                        new_name = std::string(new_name), flags] {
    ReplyStatus(request, context.file_system.Rename(parent, name, new_parent, new_name, flags));
  });
}

// Objects have one name each; EPERM is what link(2) documents for file systems without hard links.
void Link(fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*) { fuse_reply_err(request, EPERM); }

void Symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, target = std::string(target), parent, name = std::string(name),
                        caller = CallerOf(request)] {
    ReplyEntry(request, context.file_system.Symlink(parent, name, target, caller));
  });
}

void ReadLink(fuse_req_t request, fuse_ino_t ino) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, wait = context.interrupts.Watch(request)] {
    const auto target = context.file_system.ReadLink(ino);
    if (!context.interrupts.Claim(wait)) return;
    if (!target) return ReplyError(request, target.error());
    fuse_reply_readlink(request, target->c_str());
  });
}

}  // namespace

void FillNameOperations(fuse_lowlevel_ops& ops) {
  ops.lookup = Lookup;
  ops.forget = Forget;
  ops.forget_multi = ForgetMulti;
  ops.getattr = GetAttr;
  ops.setattr = SetAttr;
  ops.mkdir = MakeDirectory;
  ops.mknod = MakeNode;
  ops.unlink = Unlink;
  ops.rmdir = RemoveDirectory;
  ops.rename = Rename;
  ops.link = Link;
  ops.symlink = Symlink;
  ops.readlink = ReadLink;
}

}  // namespace ossfs2
