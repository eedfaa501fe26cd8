// MakeFileSystem: the FileSystem over an object store and the two engines, the one way into this layer from outside.
//
// Ownership: what is passed must outlive the file system. Threads, errors: file_system.h.
#pragma once

#include <memory>

#include "base/threads/executor.h"
#include "base/time/clock.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "fs/shared/fs_options.h"
#include "ossfs2/file_system.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

std::unique_ptr<FileSystem> MakeFileSystem(ObjectStore& store, ReadEngine& reads, WriteEngine& writes,
                                           Executor& executor, const FsOptions& options,
                                           Clock& clock = Clock::Real());

}  // namespace ossfs2
