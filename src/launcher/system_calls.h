// System calls without a C library, for x86-64 and aarch64: launcher.cc decides which C library there will be.
//
// Each returns what the kernel returns: a negative errno on failure. All are safe to call at any time.
#pragma once

#include <asm/unistd.h>
#include <fcntl.h>
#include <sys/mman.h>

namespace ossfs2::launcher {

#if defined(__x86_64__)
inline long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result = number;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the launcher knows x86-64 and aarch64"
#endif

inline long Word(const void* pointer) { return reinterpret_cast<long>(pointer); }

inline int Open(const char* path) {
  return static_cast<int>(Call(__NR_openat, AT_FDCWD, Word(path), O_RDONLY | O_CLOEXEC));
}
inline void Close(int fd) { Call(__NR_close, fd); }
inline long ReadAt(int fd, void* to, unsigned long size, long offset) {
  return Call(__NR_pread64, fd, Word(to), static_cast<long>(size), offset);
}
inline long FileSize(int fd) { return Call(__NR_lseek, fd, 0, 2); }
inline long Write(int fd, const char* from, unsigned long size) {
  return Call(__NR_write, fd, Word(from), static_cast<long>(size));
}
inline long ReadLink(const char* path, char* to, unsigned long size) {
  return Call(__NR_readlinkat, AT_FDCWD, Word(path), Word(to), static_cast<long>(size));
}
inline long Execute(const char* path, char** argv, char** environment) {
  return Call(__NR_execve, Word(path), Word(argv), Word(environment));
}
[[noreturn]] inline void Exit(int status) {
  for (;;) Call(__NR_exit_group, status);
}

// An address, or a negative errno.
inline long Map(long address, unsigned long size, int protection, int flags, int fd, long offset) {
  return Call(__NR_mmap, address, static_cast<long>(size), protection, flags, fd, offset);
}
inline void Unmap(long address, unsigned long size) { Call(__NR_munmap, address, static_cast<long>(size)); }
inline bool IsError(long result) { return result < 0 && result > -4096; }

}  // namespace ossfs2::launcher
