#include "fuse/request_buffers.h"

#include <cstdlib>

namespace ossfs2 {
namespace {
thread_local RequestBuffers* t_owner = nullptr;
thread_local fuse_buf* t_buffer = nullptr;
}  // namespace

RequestBuffers::Idle::~Idle() {
  for (void* idle : memory) free(idle);
}

void* RequestBuffers::Get() {
  MutexLock lock(idle_->mutex);
  if (idle_->memory.empty()) return nullptr;
  void* memory = idle_->memory.back();
  idle_->memory.pop_back();
  return memory;
}

void RequestBuffers::Put(Idle& idle, void* memory) {
  if (memory == nullptr) return;
  {
    MutexLock lock(idle.mutex);
    if (idle.memory.size() < kIdleMax) {
      idle.memory.push_back(memory);
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
  return Memory(memory, [idle = t_owner->idle_](void* taken) { Put(*idle, taken); });
}

}  // namespace ossfs2
