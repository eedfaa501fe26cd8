#include "launcher/elf_file.h"

#include <errno.h>

#include "launcher/system_calls.h"

namespace ossfs2::launcher {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#else
constexpr Elf64_Half kMachine = EM_AARCH64;
#endif

unsigned long Down(unsigned long value, unsigned long page_size) { return value & ~(page_size - 1); }
unsigned long Up(unsigned long value, unsigned long page_size) { return Down(value + page_size - 1, page_size); }

bool StartsWith(const char* text, unsigned long size, const char* word) {
  for (; *word != 0; ++word, ++text, --size)
    if (size == 0 || *text != *word) return false;
  return true;
}

int ProtectionOf(const Elf64_Phdr& segment) {
  return ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) | ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

}  // namespace

ElfFile::ElfFile(const char* path) : fd_(Open(path)) {
  if (fd_ < 0) {
    error_ = -fd_;
    return;
  }
  const bool read = ReadAt(fd_, &header_, sizeof(header_), 0) == static_cast<long>(sizeof(header_)) &&
                    StartsWith(reinterpret_cast<const char*>(header_.e_ident), sizeof(header_.e_ident), ELFMAG) &&
                    header_.e_ident[EI_CLASS] == ELFCLASS64 && header_.e_machine == kMachine &&
                    header_.e_phentsize == sizeof(Elf64_Phdr) && header_.e_phnum <= kSegmentsMax;
  const unsigned long size = read ? header_.e_phnum * sizeof(Elf64_Phdr) : 0;
  if (!read || ReadAt(fd_, segments_, size, static_cast<long>(header_.e_phoff)) != static_cast<long>(size))
    error_ = ENOEXEC;
}

ElfFile::~ElfFile() {
  if (fd_ >= 0) Close(fd_);
}

bool ElfFile::ReadLoaderPath(char* to, unsigned long size) const {
  for (const Elf64_Phdr& segment : *this) {
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz == 0 || segment.p_filesz > size) return false;
    const long length = static_cast<long>(segment.p_filesz);
    return ReadAt(fd_, to, segment.p_filesz, static_cast<long>(segment.p_offset)) == length && to[0] == '/' &&
           to[length - 1] == 0;
  }
  return false;
}

bool ElfFile::Load(unsigned long page_size, unsigned long& entry, unsigned long& program_headers) const {
  unsigned long low = ~0UL;
  unsigned long high = 0;
  for (const Elf64_Phdr& segment : *this) {
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_vaddr < low) low = segment.p_vaddr;
    if (segment.p_vaddr + segment.p_memsz > high) high = segment.p_vaddr + segment.p_memsz;
  }
  if (header_.e_type != ET_DYN || low >= high) return false;
  low = Down(low, page_size);
  const unsigned long size = Up(high, page_size) - low;
  const long place = Map(0, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (IsError(place)) return false;
  const unsigned long base = static_cast<unsigned long>(place) - low;
  program_headers = 0;
  for (const Elf64_Phdr& segment : *this) {
    if (segment.p_type != PT_LOAD) continue;
    if (!LoadSegment(segment, base, page_size)) return false;
    if (header_.e_phoff >= segment.p_offset && header_.e_phoff < segment.p_offset + segment.p_filesz)
      program_headers = base + segment.p_vaddr + (header_.e_phoff - segment.p_offset);
  }
  entry = base + header_.e_entry;
  return program_headers != 0;
}

bool ElfFile::LoadSegment(const Elf64_Phdr& segment, unsigned long base, unsigned long page_size) const {
  const int protection = ProtectionOf(segment);
  const unsigned long begin = base + segment.p_vaddr;
  const unsigned long file_end = begin + segment.p_filesz;
  const unsigned long first_page = Down(begin, page_size);
  const unsigned long lead = begin - first_page;  // of the page, before the segment
  if (segment.p_filesz > 0 &&
      IsError(Map(static_cast<long>(first_page), segment.p_filesz + lead, protection, MAP_PRIVATE | MAP_FIXED, fd_,
                  static_cast<long>(segment.p_offset - lead))))
    return false;
  if (segment.p_memsz <= segment.p_filesz) return true;
  // What the file does not have is zero: the rest of its last page, and pages of their own.
  const unsigned long file_pages_end = segment.p_filesz > 0 ? Up(file_end, page_size) : first_page;
  if ((protection & PROT_WRITE) != 0 && segment.p_filesz > 0)
    for (unsigned long at = file_end; at < file_pages_end; ++at) *reinterpret_cast<volatile char*>(at) = 0;
  const unsigned long end = Up(begin + segment.p_memsz, page_size);
  return end <= file_pages_end ||
         !IsError(Map(static_cast<long>(file_pages_end), end - file_pages_end, protection,
                      MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
}

int GlibcMinorOf(const char* path) {
  constexpr char kBanner[] = " release version 2.";
  const int fd = Open(path);
  if (fd < 0) return 0;
  const long size = FileSize(fd);
  const long place = size > 0 ? Map(0, static_cast<unsigned long>(size), PROT_READ, MAP_PRIVATE, fd, 0) : -1;
  Close(fd);
  if (size <= 0 || IsError(place)) return 0;
  int minor = 0;
  const char* const end = reinterpret_cast<const char*>(place) + size;
  for (const char* at = reinterpret_cast<const char*>(place); at < end && minor == 0; ++at) {
    if (*at != kBanner[0] || !StartsWith(at, static_cast<unsigned long>(end - at), kBanner)) continue;
    for (at += sizeof(kBanner) - 1; at < end && *at >= '0' && *at <= '9' && minor < 1000; ++at)
      minor = 10 * minor + (*at - '0');
  }
  Unmap(place, static_cast<unsigned long>(size));
  return minor;
}

}  // namespace ossfs2::launcher
