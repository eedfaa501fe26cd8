#include "fs/handles/open_file.h"

namespace ossfs2 {

std::shared_ptr<WriteFile> OpenFile::EnsureWriter(WriteEngine& engine, const WriteTarget& target) {
  MutexLock lock(mutex_);
  if (!writer_) writer_ = engine.Open(target);
  return writer_;
}

void OpenFile::KeepHold(std::shared_ptr<const void> filling) {
  MutexLock lock(mutex_);
  filling_.swap(filling);
}

bool OpenFile::dirty() const {
  const auto file = writer();
  return file && file->dirty();
}

bool OpenFile::removed_remotely() const {
  const auto file = writer();
  return unlinked && !(file && file->detached());
}

bool OpenFile::TryEnter() {
  MutexLock lock(mutex_);
  if (frozen_) return false;
  ++inside_;
  return true;
}

void OpenFile::Enter() {
  MutexLock lock(mutex_);
  while (frozen_) changed_.Wait(lock);
  ++inside_;
}

void OpenFile::Leave() {
  MutexLock lock(mutex_);
  if (--inside_ == 0) changed_.NotifyAll();
}

void OpenFile::Freeze() {
  MutexLock lock(mutex_);
  while (frozen_) changed_.Wait(lock);
  frozen_ = true;
  while (inside_ > 0) changed_.Wait(lock);
}

void OpenFile::Thaw() {
  MutexLock lock(mutex_);
  frozen_ = false;
  changed_.NotifyAll();
}

void OpenFile::NoteClosed() {
  MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

bool OpenFile::WaitClosed(std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  MutexLock lock(mutex_);
  while (!closed_) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || !changed_.WaitFor(lock, until - now)) break;
  }
  return closed_;
}

void OpenFile::Park(const ObjectVersion& place) {
  MutexLock lock(mutex_);
  parked_ = place;
}

std::optional<ObjectVersion> OpenFile::parked() const {
  MutexLock lock(mutex_);
  return parked_;
}

}  // namespace ossfs2
