// ReadEngineHost: what the read engine asks of the file system: pages of the kernel, the file that is read after this
// one, and to whom it tells that a version is gone. To the engine a file's id is its inode number.
//
// Attach before reads, Detach before what it uses ends: after Detach returns, the engine calls nothing of it.
// Threads: any; nothing blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "fs/shared/fs_context.h"

namespace ossfs2 {

class ReadEngineHost final : public KernelPages {
 public:
  explicit ReadEngineHost(FsContext& context) : context_(context) {}

  void Attach();
  void Detach();
  // Null: there is no kernel to tell.
  void SetNotifier(KernelNotifier* notifier);

  bool Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) override;
  void Drop(uint64_t file_id) override;

  // That version of the file is not in the bucket any more: whoever looks at the file next asks.
  void NoteGone(uint64_t file_id, const ObjectVersion& version) EXCLUDES(context_.tree.mutex);

 private:
  // The next shard of a model in parts, when its bytes are the bucket's and can be had now.
  std::optional<std::pair<uint64_t, ObjectVersion>> NextShard(uint64_t file_id) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
};

}  // namespace ossfs2
