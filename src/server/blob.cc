#include "server/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/str.h"
#include "server/synthetic.h"

namespace ossfs2::server {
namespace {

std::string Hex(uint64_t value, const char* format) {
  char text[24];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

Blob::~Blob() {
  if (kind_ == BlobKind::kFile) store_->Remove(id_);
}

BlobStore::BlobStore(std::string folder)
    : folder_(std::move(folder)),
      pattern_(std::make_shared<Blob>(this, BlobKind::kPattern, 0)),
      discarded_(std::make_shared<Blob>(this, BlobKind::kDiscarded, 0)) {}

BlobStore::~BlobStore() { Close(); }

Result<std::unique_ptr<BlobStore>> BlobStore::Open(std::string folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError(errno, StrCat("mkdir ", folder));
  for (uint64_t i = 0; i < 256; ++i) {
    const std::string inner = StrCat(folder, "/", Hex(i, "%02llx"));
    if (::mkdir(inner.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError(errno, StrCat("mkdir ", inner));
  }
  return std::unique_ptr<BlobStore>(new BlobStore(std::move(folder)));
}

std::string BlobStore::PathOf(uint64_t id) const {
  return StrCat(folder_, "/", Hex(id & 255, "%02llx"), "/", Hex(id, "%016llx"));
}

void BlobStore::Remove(uint64_t id) const {
  if (!closing_) ::unlink(PathOf(id).c_str());
}

Result<std::shared_ptr<Blob>> BlobStore::Create(int& fd) {
  const uint64_t id = next_id_.fetch_add(1);
  const std::string path = PathOf(id);
  fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError(errno, StrCat("create ", path));
  return std::make_shared<Blob>(this, BlobKind::kFile, id);
}

std::shared_ptr<Blob> BlobStore::Load(BlobKind kind, uint64_t id) {
  if (kind == BlobKind::kPattern) return pattern_;
  if (kind == BlobKind::kDiscarded) return discarded_;
  MutexLock lock(mutex_);
  auto& slot = loading_[id];
  auto blob = slot.lock();
  if (blob == nullptr) {
    blob = std::make_shared<Blob>(this, BlobKind::kFile, id);
    slot = blob;
  }
  if (id >= next_id_) next_id_ = id + 1;
  return blob;
}

Status BlobStore::FinishLoading() {
  MutexLock lock(mutex_);
  for (uint64_t i = 0; i < 256; ++i) {
    const std::string inner = StrCat(folder_, "/", Hex(i, "%02llx"));
    DIR* folder = ::opendir(inner.c_str());
    if (folder == nullptr) return ErrnoError(errno, StrCat("open ", inner));
    while (const dirent* entry = ::readdir(folder)) {
      if (entry->d_name[0] == '.') continue;
      const uint64_t id = std::strtoull(entry->d_name, nullptr, 16);
      const auto found = loading_.find(id);
      if (found == loading_.end() || found->second.expired()) {
        ::unlink(StrCat(inner, "/", entry->d_name).c_str());
      }
      next_id_ = std::max<uint64_t>(next_id_, id + 1);
    }
    ::closedir(folder);
  }
  loading_ = {};
  return {};
}

int BlobStore::OpenForReading(const Blob& blob, bool& owned) const {
  owned = blob.kind() == BlobKind::kFile;
  if (blob.kind() == BlobKind::kPattern) return PatternFile();
  if (blob.kind() == BlobKind::kDiscarded) {
    errno = ENODATA;
    return -1;
  }
  return ::open(PathOf(blob.id()).c_str(), O_RDONLY | O_CLOEXEC);
}

int BlobStore::OpenForWriting(const Blob& blob) const {
  return ::open(PathOf(blob.id()).c_str(), O_WRONLY | O_CLOEXEC);
}

}  // namespace ossfs2::server
