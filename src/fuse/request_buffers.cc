#include "fuse/request_buffers.h"

#include <cstdlib>

namespace ossfs2 {
namespace {
thread_local RequestBuffers* t_owner = nullptr;
thread_local fuse_buf* t_buffer = nullptr;
}  // namespace

RequestBuffers::~RequestBuffers() {
  for (void* memory : idle_) free(memory);
}

void* RequestBuffers::Get() {
  MutexLock lock(mutex_);
  if (idle_.empty()) return nullptr;
  void* memory = idle_.back();
  idle_.pop_back();
  return memory;
}

void RequestBuffers::Put(void* memory) {
  if (memory == nullptr) return;
  {
    MutexLock lock(mutex_);
    if (idle_.size() < kIdleMax) {
      idle_.push_back(memory);
      return;
    }
  }
  free(memory);
}

void RequestBuffers::SetCurrent(RequestBuffers* owner, fuse_buf* buffer) {
  t_owner = owner;
  t_buffer = buffer;
}

RequestBuffers::Memory RequestBuffers::TakeCurrent() {
  if (t_buffer == nullptr || t_buffer->mem == nullptr) return nullptr;
  void* memory = t_buffer->mem;
  t_buffer->mem = t_owner->Get();
  return Memory(memory, [owner = t_owner](void* taken) { owner->Put(taken); });
}

}  // namespace ossfs2
