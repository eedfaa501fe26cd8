// What the launcher has to know of ELF files: 64 bits, in the byte order of this machine.
//
// One thread; nothing is allocated. Errors are values: false, null or a negative errno.
#pragma once

#include <elf.h>

namespace ossfs2::launcher {

// Opened for reading; the file is closed with the object.
class ElfFile {
 public:
  explicit ElfFile(const char* path);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  // 0 when it is a program or library for this machine, otherwise the errno.
  int error() const { return error_; }

  // The loader that the file asks for, as an absolute path; false when it names none, or one of `size` bytes or more.
  bool ReadLoaderPath(char* to, unsigned long size) const;

  // Puts a position-independent file into memory, as the kernel does for a program. True: `entry` is where it begins
  // and `program_headers` where its own list of segments is.
  bool Load(unsigned long page_size, unsigned long& entry, unsigned long& program_headers) const;
  unsigned long program_header_count() const { return header_.e_phnum; }

 private:
  static constexpr int kSegmentsMax = 32;  // a loader has about ten

  const Elf64_Phdr* begin() const { return segments_; }
  const Elf64_Phdr* end() const { return segments_ + header_.e_phnum; }
  bool LoadSegment(const Elf64_Phdr& segment, unsigned long base, unsigned long page_size) const;

  int fd_;
  int error_ = 0;
  Elf64_Ehdr header_;
  Elf64_Phdr segments_[kSegmentsMax];
};

// The 35 of "stable release version 2.35", as `ld.so --version` says it since glibc 2.33; 0 when `path` is not a
// loader of glibc, or of an older one.
int GlibcMinorOf(const char* path);

}  // namespace ossfs2::launcher
