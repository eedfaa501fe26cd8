// CoreFileSystem: the FileSystem over an object store and the two engines: puts the parts of fs/ together.
//
// Most methods are a part's; here is what takes several of them (core_file_system.cc: attributes and renames;
// core_open.cc: open, create, mknod).
// Threads, errors: file_system.h.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fs/attributes/attribute_changes.h"
#include "fs/attributes/attribute_saver.h"
#include "fs/attributes/extended_attributes.h"
#include "fs/files/closer.h"
#include "fs/files/file_reader.h"
#include "fs/files/file_writer.h"
#include "fs/files/final_flush.h"
#include "fs/files/opener.h"
#include "fs/files/publisher.h"
#include "fs/files/range_copier.h"
#include "fs/files/read_engine_host.h"
#include "fs/files/resizer.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/lookup/entry_lookup.h"
#include "fs/lookup/lister.h"
#include "fs/lookup/open_directories.h"
#include "fs/lookup/path_explainer.h"
#include "fs/lookup/resolver.h"
#include "fs/names/name_creator.h"
#include "fs/names/parents.h"
#include "fs/names/remover.h"
#include "fs/names/renamer.h"
#include "fs/names/replaced_files.h"
#include "fs/names/symbolic_links.h"
#include "fs/shared/fs_context.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class CoreFileSystem final : public FileSystem {
 public:
  CoreFileSystem(ObjectStore& store, ReadEngine& reads, WriteEngine& writes, Executor& executor,
                 const FsOptions& options, Clock& clock);
  ~CoreFileSystem() override;

  void SetNotifier(KernelNotifier* notifier) override { host_.SetNotifier(notifier); }

  std::optional<Result<Entry>> TryLookup(Ino parent, std::string_view name) override {
    return lookup_.TryLookup(parent, name);
  }
  Result<Entry> Lookup(Ino parent, const std::string& name) override { return lookup_.Lookup(parent, name); }
  void Forget(Ino ino, uint64_t lookups) override { lookup_.Forget(ino, lookups); }
  std::optional<Result<AttrReply>> TryGetAttr(Ino ino, std::optional<HandleId> handle) override;
  Result<AttrReply> GetAttr(Ino ino, std::optional<HandleId> handle) override;
  Result<AttrReply> SetAttr(Ino ino, const AttrChange& change, std::optional<HandleId> handle) override;
  Result<Entry> MakeDirectory(Ino parent, const std::string& name, uint32_t mode, const Caller& caller) override {
    return creator_.MakeDirectory(parent, name, mode, caller);
  }
  Result<Entry> MakeNode(Ino parent, const std::string& name, uint32_t mode, const Caller& caller) override;
  Status Unlink(Ino parent, const std::string& name) override { return remover_.Unlink(parent, name); }
  Status RemoveDirectory(Ino parent, const std::string& name) override {
    return remover_.RemoveDirectory(parent, name);
  }
  Status Rename(Ino parent, const std::string& name, Ino new_parent, const std::string& new_name,
                uint32_t flags) override;
  Result<Entry> Symlink(Ino parent, const std::string& name, const std::string& target,
                        const Caller& caller) override {
    return links_.Make(parent, name, target, caller);
  }
  Result<std::string> ReadLink(Ino ino) override { return links_.Read(ino); }
  Result<FsStat> StatFs() override;

  std::optional<Result<Opened>> TryOpen(Ino ino, int flags) override { return opener_.TryOpen(ino, flags); }
  Result<Opened> Open(Ino ino, int flags) override;
  Result<std::pair<Entry, Opened>> Create(Ino parent, const std::string& name, uint32_t mode, int flags,
                                          const Caller& caller) override;
  void Read(HandleId handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) override {
    reader_.Read(handle, offset, size, into, std::move(done));
  }
  Result<bool> TryWrite(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer writer) override {
    return writer_.TryWrite(handle, offset, data, writer);
  }
  std::unique_ptr<Landing> MakeLanding() override { return context_.writes.incoming().MakeLanding(); }
  Result<size_t> WriteLanded(HandleId handle, uint64_t offset, const Landing& landing, size_t from, size_t size,
                             Writer writer) override {
    return writer_.WriteLanded(handle, offset, landing, from, size, writer);
  }
  void KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) override {
    context_.writes.incoming().KeepWaiting(bytes, std::move(may_run));
  }
  Result<size_t> TryWriteLanded(HandleId handle, uint64_t offset, Landing& landing, size_t size,
                                Writer writer) override {
    return writer_.TryWriteLanded(handle, offset, landing, size, writer);
  }
  Status Write(HandleId handle, uint64_t offset, std::span<const std::byte> data, Writer writer) override {
    return writer_.Write(handle, offset, data, writer);
  }
  bool NothingToFlush(HandleId handle) override { return closer_.NothingToFlush(handle); }
  Status Flush(HandleId handle) override { return closer_.Flush(handle); }
  Status Fsync(HandleId handle) override { return closer_.Fsync(handle); }
  void Release(HandleId handle) override { closer_.Release(handle); }
  Status Allocate(HandleId handle, int mode, uint64_t offset, uint64_t length) override {
    return writer_.Allocate(handle, mode, offset, length);
  }
  Result<size_t> CopyFileRange(HandleId source, uint64_t source_offset, HandleId target,
                               uint64_t target_offset, size_t length) override {
    return copier_.Copy(source, source_offset, target, target_offset, length);
  }

  Result<HandleId> OpenDirectory(Ino ino) override { return directories_.Open(ino, opener_.NextId()); }
  Status ReadDirectory(HandleId handle, uint64_t cookie, bool plus,
                       const std::function<bool(const DirEntry&)>& add) override {
    return directories_.Read(handle, cookie, plus, add);
  }
  void ReleaseDirectory(HandleId handle) override { directories_.Release(handle); }

  Result<std::string> GetXattr(Ino ino, const std::string& name) override { return xattrs_.Get(ino, name); }
  Result<std::vector<std::string>> ListXattr(Ino ino) override { return xattrs_.List(ino); }
  Status SetXattr(Ino ino, const std::string& name, std::string_view value, int flags) override {
    return xattrs_.Set(ino, name, value, flags);
  }
  Status RemoveXattr(Ino ino, const std::string& name) override { return xattrs_.Remove(ino, name); }

  Result<std::vector<std::string>> Explain(const std::string& path) override { return explainer_.Explain(path); }
  std::vector<std::string> FlushAll(std::chrono::milliseconds deadline) override {
    return final_flush_.Run(deadline);
  }

 private:
  Result<std::pair<Entry, Opened>> OpenByName(Ino parent, const std::string& name, int flags)
      EXCLUDES(context_.tree.mutex);
  bool ReadsOldVersion(std::optional<HandleId> id);

  FsContext context_;
  ReadEngineHost host_{context_};
  NameLocker locker_;
  Lister lister_;
  Resolver resolver_;
  EntryLookup lookup_;
  PathExplainer explainer_;
  AttributeSaver saver_;
  AttributeChanges changes_;
  ExtendedAttributes xattrs_;
  Publisher publisher_;
  FinalFlush final_flush_;
  Parents parents_;
  Detacher detacher_;
  NameCreator creator_;
  SymbolicLinks links_;
  Remover remover_;
  HandleTable<FileHandle> files_;
  Opener opener_;
  Closer closer_;
  Resizer resizer_;
  FileReader reader_;
  FileWriter writer_;
  RangeCopier copier_;
  ReplacedFiles replaced_{context_, opener_, [this](HandleId id) { closer_.Release(id); }};
  Renamer renamer_;
  OpenDirectories directories_;
};

}  // namespace ossfs2
