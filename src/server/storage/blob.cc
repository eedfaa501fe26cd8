#include "server/storage/blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/values/str.h"
#include "server/storage/synthetic.h"

namespace ossfs2::server {
namespace {

std::string Hex(uint64_t value, const char* format) {
  char text[24];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned long long>(value));
  return text;
}

Result<std::vector<std::string>> NamesIn(const std::string& path) {
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return ErrnoError(errno, StrCat("open ", path));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(folder);
  return names;
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
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return ErrnoError(errno, StrCat("mkdir ", folder));
  return std::unique_ptr<BlobStore>(new BlobStore(std::move(folder)));
}

std::string BlobStore::FolderOf(uint64_t id) const {
  return StrCat(folder_, "/", Hex(id / kBlobsPerFolder, "%llx"));
}

std::string BlobStore::PathOf(uint64_t id) const { return StrCat(FolderOf(id), "/", Hex(id, "%016llx")); }

void BlobStore::Remove(uint64_t id) const {
  if (loaded_ && !closing_) ::unlink(PathOf(id).c_str());
}

Result<std::shared_ptr<Blob>> BlobStore::Create(int& fd) {
  const uint64_t id = next_id_.fetch_add(1);
  const std::string path = PathOf(id);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  fd = ::open(path.c_str(), kFlags, 0600);
  if (fd < 0 && errno == ENOENT && (::mkdir(FolderOf(id).c_str(), 0700) == 0 || errno == EEXIST)) {
    fd = ::open(path.c_str(), kFlags, 0600);
  }
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
  auto inner_names = NamesIn(folder_);
  if (!inner_names) return inner_names.error();
  for (const std::string& inner_name : *inner_names) {
    const std::string inner = StrCat(folder_, "/", inner_name);
    auto names = NamesIn(inner);
    if (!names) return names.error();
    for (const std::string& name : *names) {
      const uint64_t id = std::strtoull(name.c_str(), nullptr, 16);
      const auto found = loading_.find(id);
      if (found == loading_.end() || found->second.expired()) ::unlink(StrCat(inner, "/", name).c_str());
      next_id_ = std::max<uint64_t>(next_id_, id + 1);
    }
  }
  loading_ = {};
  loaded_ = true;
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
