// Extended attributes. Only user.* exists; the kernel's own probes are answered at once.
#include <cerrno>
#include <string>
#include <string_view>

#include "fuse/operations/operations.h"

namespace ossfs2 {
namespace {

bool IsUserName(std::string_view name) { return name.starts_with("user."); }
// Access lists and security labels: a file system that says it has none is asked once by `ls -l`, not for every file.
bool IsOfNoFile(std::string_view name) { return name.starts_with("system.") || name.starts_with("security."); }

void ReplyValue(fuse_req_t request, size_t size_max, std::string_view value) {
  if (size_max == 0) {
    fuse_reply_xattr(request, value.size());
  } else if (value.size() > size_max) {
    fuse_reply_err(request, ERANGE);
  } else {
    fuse_reply_buf(request, value.data(), value.size());
  }
}

void Get(fuse_req_t request, fuse_ino_t ino, const char* name, size_t size_max) {
  if (!IsUserName(name)) {
    fuse_reply_err(request, IsOfNoFile(name) ? EOPNOTSUPP : ENODATA);
    return;
  }
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, name = std::string(name), size_max,
                        wait = context.interrupts.Watch(request)] {
    const auto value = context.file_system.GetXattr(ino, name);
    if (!context.interrupts.Claim(wait)) return;
    if (!value) return ReplyError(request, value.error());
    ReplyValue(request, size_max, *value);
  });
}

void List(fuse_req_t request, fuse_ino_t ino, size_t size_max) {
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, size_max, wait = context.interrupts.Watch(request)] {
    const auto names = context.file_system.ListXattr(ino);
    if (!context.interrupts.Claim(wait)) return;
    if (!names) return ReplyError(request, names.error());
    std::string joined;
    for (const std::string& name : *names) joined.append(name).push_back('\0');
    ReplyValue(request, size_max, joined);
  });
}

void Set(fuse_req_t request, fuse_ino_t ino, const char* name, const char* value, size_t size, int flags) {
  if (!IsUserName(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, name = std::string(name), value = std::string(value, size), flags] {
    ReplyStatus(request, context.file_system.SetXattr(ino, name, value, flags));
  });
}

void Remove(fuse_req_t request, fuse_ino_t ino, const char* name) {
  if (!IsUserName(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  FuseContext& context = ContextOf(request);
  context.executor.Run([request, &context, ino, name = std::string(name)] {
    ReplyStatus(request, context.file_system.RemoveXattr(ino, name));
  });
}

}  // namespace

void FillXattrOperations(fuse_lowlevel_ops& ops) {
  ops.getxattr = Get;
  ops.listxattr = List;
  ops.setxattr = Set;
  ops.removexattr = Remove;
}

}  // namespace ossfs2
