#include "server/storage/storage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/values/str.h"

namespace ossfs2::server {
namespace {

// A server that was just killed may hold the lock for a moment more.
constexpr std::chrono::seconds kLockWaitMax{2};

bool LockWithin(int fd, std::chrono::nanoseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Storage>> Storage::Open(const std::string& root) {
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError(errno, StrCat("mkdir ", root));
  std::unique_ptr<Storage> storage(new Storage(root));
  const std::string lock_path = StrCat(root, "/lock");
  storage->lock_fd_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (storage->lock_fd_ < 0) return ErrnoError(errno, StrCat("open ", lock_path));
  if (!LockWithin(storage->lock_fd_, kLockWaitMax)) {
    return MakeError(EBUSY, ErrorKind::kOther, StrCat(root, " is in use by another ossfs2-server"));
  }
  auto blobs = BlobStore::Open(StrCat(root, "/blobs"));
  if (!blobs) return blobs.error();
  storage->blobs_ = std::move(*blobs);
  const std::string folder_path = StrCat(root, "/buckets");
  if (::mkdir(folder_path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, StrCat("mkdir ", folder_path));
  }
  DIR* folder = ::opendir(folder_path.c_str());
  if (folder == nullptr) return ErrnoError(errno, StrCat("open ", folder_path));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder)) {
    if (ValidName(entry->d_name)) names.emplace_back(entry->d_name);
  }
  ::closedir(folder);
  for (const std::string& name : names) {
    auto bucket = storage->Create(name);
    if (!bucket) return bucket.error();
  }
  OSSFS2_RETURN_IF_ERROR(storage->blobs_->FinishLoading());
  return storage;
}

Storage::~Storage() {
  if (blobs_ != nullptr) blobs_->Close();
  MutexLock lock(mutex_);
  buckets_.clear();
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

std::shared_ptr<Bucket> Storage::Find(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  return found == buckets_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<Bucket>> Storage::Create(const std::string& name, bool* existed) {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  if (existed != nullptr) *existed = found != buckets_.end();
  if (found != buckets_.end()) return found->second;
  auto bucket = Bucket::Open(name, StrCat(root_, "/buckets/", name), *blobs_);
  if (!bucket) return bucket.error();
  buckets_[name] = *bucket;
  return *bucket;
}

Result<bool> Storage::Remove(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return true;
  const BucketTotals totals = found->second->Totals();
  if (totals.objects > 0 || totals.uploads > 0) return false;
  const std::string folder = StrCat(root_, "/buckets/", name);
  if (::unlink(StrCat(folder, "/log").c_str()) != 0 || ::rmdir(folder.c_str()) != 0) {
    return ErrnoError(errno, StrCat("remove ", folder));
  }
  buckets_.erase(found);
  return true;
}

std::vector<std::shared_ptr<Bucket>> Storage::All() const {
  std::vector<std::shared_ptr<Bucket>> out;
  MutexLock lock(mutex_);
  for (const auto& [name, bucket] : buckets_) out.push_back(bucket);
  return out;
}

bool Storage::ValidName(std::string_view name) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return name.size() >= 3 && name.size() <= 63 && alnum(name.front()) && alnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alnum(c) || c == '-'; });
}

}  // namespace ossfs2::server
