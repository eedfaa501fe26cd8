// bin/ossfs2 and bin/ossfs2-server of the packages: runs libexec/NAME with a C library that fits it.
//
// The programs need glibc 2.35 (kHostGlibcMinor). Where the host has that, libexec/NAME is executed and uses it, with
// the host's name services and the host's updates. Elsewhere (Alibaba Cloud Linux 2 and 3, CentOS, Debian 11, Alpine)
// the glibc that lies in lib/glibc is used. OSSFS2_GLIBC=host or =carried in the environment decides otherwise.
//
// A program names its loader by an absolute path, and the packages may lie anywhere, so the kernel cannot find the
// carried one. This launcher puts it into memory and goes on in it with the arguments that its command line form takes:
//
//   ld.so --argv0 NAME --inhibit-cache --library-path lib/glibc libexec/ossfs2 ARGUMENTS
//
// The process stays what was started, which execve of the loader would not do: the kernel's records of its name
// (`ps`, `pidof`, `killall`), command line (`pgrep -f`) and program (/proc/PID/exe) are untouched, as is the
// environment, so that children find nothing foreign there. --inhibit-cache: the host's libraries belong to another
// glibc.
//
// It is a static program without any C library: that of a static one would leave its own thread data registered with
// the kernel. One thread, no memory from a heap.
#include <errno.h>

#include <initializer_list>

#include "launcher/elf_file.h"
#include "launcher/system_calls.h"

#if defined(__x86_64__)
#define OSSFS2_LOADER "ld-linux-x86-64.so.2"
asm(R"(
  .text
  .globl _start
  .type _start, @function
_start:
  xor %ebp, %ebp
  mov %rsp, %rdi
  and $-16, %rsp
  call LauncherMain
  hlt
)");
#elif defined(__aarch64__)
#define OSSFS2_LOADER "ld-linux-aarch64.so.1"
asm(R"(
  .text
  .globl _start
  .type _start, %function
_start:
  mov x29, #0
  mov x30, #0
  mov x0, sp
  bl LauncherMain
  brk #1
)");
#endif

// The compiler may call these for loops and copies.
extern "C" void* memset(void* to, int value, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) static_cast<char*>(to)[i] = static_cast<char>(value);
  return to;
}
extern "C" void* memcpy(void* to, const void* from, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
  return to;
}

namespace ossfs2::launcher {
namespace {

// scripts/package.sh refuses to pack programs that need a later one.
constexpr int kHostGlibcMinor = 35;
constexpr unsigned long kPathMax = 4096;
constexpr unsigned long kLoaderWords = 7;  // arguments of the carried loader before those of the user

unsigned long Length(const char* text) {
  unsigned long size = 0;
  while (text[size] != 0) ++size;
  return size;
}

bool Same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b;
}

// A path that was joined of parts; empty when it was too long.
struct Path {
  char text[kPathMax];

  Path(const char* first, unsigned long first_size, const char* second, const char* third = "") {
    const unsigned long second_size = Length(second);
    const unsigned long third_size = Length(third);
    text[0] = 0;
    if (first_size + second_size + third_size >= kPathMax) return;
    memcpy(text, first, first_size);
    memcpy(text + first_size, second, second_size);
    memcpy(text + first_size + second_size, third, third_size + 1);
  }
};

// `error`: an errno, or 0.
[[noreturn]] void Fail(const char* what, const char* object, long error) {
  char digits[24] = "";
  char* number = digits + sizeof(digits) - 1;
  for (long rest = error; rest > 0; rest /= 10) *--number = static_cast<char>('0' + rest % 10);
  for (const char* part :
       {"ossfs2: ", what, object, error > 0 ? ": error " : "", static_cast<const char*>(number), "\n"})
    Write(2, part, Length(part));
  Exit(127);
}

// What the kernel put on the stack.
struct Start {
  unsigned long argument_count;
  char** arguments;
  char** environment;
  unsigned long environment_count = 0;
  Elf64_auxv_t* facts;
  unsigned long fact_count = 1;  // with the end mark

  explicit Start(unsigned long* stack)
      : argument_count(stack[0]),
        arguments(reinterpret_cast<char**>(stack + 1)),
        environment(arguments + argument_count + 1) {
    while (environment[environment_count] != nullptr) ++environment_count;
    facts = reinterpret_cast<Elf64_auxv_t*>(environment + environment_count + 1);
    while (facts[fact_count - 1].a_type != AT_NULL) ++fact_count;
  }

  unsigned long Fact(unsigned long type) const {
    for (const Elf64_auxv_t* fact = facts; fact->a_type != AT_NULL; ++fact)
      if (fact->a_type == type) return fact->a_un.a_val;
    return 0;
  }

  // "" when it is not set.
  const char* Variable(const char* name) const {
    const unsigned long size = Length(name);
    for (char** entry = environment; *entry != nullptr; ++entry) {
      unsigned long i = 0;
      while (i < size && (*entry)[i] == name[i]) ++i;
      if (i == size && (*entry)[size] == '=') return *entry + size + 1;
    }
    return "";
  }
};

// Continues at `entry` with the stack that begins at `stack`, as the kernel starts a program.
[[noreturn]] void Enter(const unsigned long* stack, unsigned long entry) {
#if defined(__x86_64__)
  // rdx: no function to call at exit.
  asm volatile("mov %0, %%rsp\n\txor %%edx, %%edx\n\txor %%ebp, %%ebp\n\tjmp *%1"
               :
               : "r"(stack), "a"(entry)
               : "rdx", "memory");
#else
  register unsigned long x16 asm("x16") = entry;
  asm volatile("mov sp, %0\n\tmov x0, #0\n\tmov x29, #0\n\tmov x30, #0\n\tbr %1"
               :
               : "r"(stack), "r"(x16)
               : "x0", "x30", "memory");
#endif
  __builtin_unreachable();
}

struct Loader {
  unsigned long entry = 0;
  unsigned long program_headers = 0;
  unsigned long program_header_count = 0;
};

Loader LoadCarriedLoader(const Start& start, const Path& library_folder) {
  const Path path(library_folder.text, Length(library_folder.text), "/" OSSFS2_LOADER);
  const ElfFile file(path.text);
  if (file.error() != 0)
    Fail("this system's glibc is older than 2.35, and the carried one cannot be used: ", path.text, file.error());
  Loader out;
  out.program_header_count = file.program_header_count();
  if (!file.Load(start.Fact(AT_PAGESZ), out.entry, out.program_headers)) Fail("cannot load ", path.text, ENOMEM);
  return out;
}

// The new stack lies below the old one in the same area, where the C library looks for the bounds of the main thread.
[[noreturn]] void RunWithCarriedLibrary(const Start& start, const Path& library_folder, const Path& program) {
  // The loader takes both for separators.
  for (const char* at = library_folder.text; *at != 0; ++at)
    if (*at == ':' || *at == ';') Fail("no ':' or ';' may be in the name of the folder ", library_folder.text, 0);
  const Loader loader = LoadCarriedLoader(start, library_folder);
  const unsigned long user_count = start.argument_count == 0 ? 0 : start.argument_count - 1;  // without the name
  const unsigned long count = kLoaderWords + user_count;
  const unsigned long words = 1 + count + 1 + start.environment_count + 1 + 2 * start.fact_count;
  auto* const stack = static_cast<unsigned long*>(__builtin_alloca_with_align(8 * words, 128));
  stack[0] = count;
  char** at = reinterpret_cast<char**>(stack + 1);
  const char* const name = start.argument_count == 0 ? "ossfs2" : start.arguments[0];
  const char* const loader_words[kLoaderWords] = {
      name, "--argv0", name, "--inhibit-cache", "--library-path", library_folder.text, program.text};
  for (const char* word : loader_words) *at++ = const_cast<char*>(word);
  for (unsigned long i = 1; i <= user_count; ++i) *at++ = start.arguments[i];
  *at++ = nullptr;
  for (unsigned long i = 0; i <= start.environment_count; ++i) *at++ = start.environment[i];  // with the null
  auto* fact = reinterpret_cast<Elf64_auxv_t*>(at);
  for (unsigned long i = 0; i < start.fact_count; ++i, ++fact) {
    *fact = start.facts[i];
    if (fact->a_type == AT_PHDR) fact->a_un.a_val = loader.program_headers;
    if (fact->a_type == AT_PHNUM) fact->a_un.a_val = loader.program_header_count;
    if (fact->a_type == AT_ENTRY) fact->a_un.a_val = loader.entry;
  }
  Enter(stack, loader.entry);
}

bool UsesHostLibrary(const Start& start, const Path& program) {
  // A program that was given rights listens to nobody's environment.
  const char* const wanted = start.Fact(AT_SECURE) == 0 ? start.Variable("OSSFS2_GLIBC") : "";
  if (Same(wanted, "host")) return true;
  if (Same(wanted, "carried")) return false;
  if (*wanted != 0) Fail("OSSFS2_GLIBC must be host or carried, not ", wanted, 0);
  char loader[kPathMax];
  return ElfFile(program.text).ReadLoaderPath(loader, sizeof(loader)) && GlibcMinorOf(loader) >= kHostGlibcMinor;
}

}  // namespace
}  // namespace ossfs2::launcher

extern "C" [[noreturn]] void LauncherMain(unsigned long* stack) {
  using namespace ossfs2::launcher;
  const Start start(stack);
  char self[kPathMax];
  const long size = ReadLink("/proc/self/exe", self, sizeof(self) - 1);
  if (size <= 0) Fail("/proc/self/exe", " cannot be read; is /proc mounted?", -size);
  self[size] = 0;
  // FOLDER/bin/NAME
  unsigned long name = static_cast<unsigned long>(size);
  while (name > 0 && self[name - 1] != '/') --name;
  unsigned long folder = name > 0 ? name - 1 : 0;
  while (folder > 0 && self[folder - 1] != '/') --folder;
  const Path program(self, folder, "libexec/", self + name);
  const Path library_folder(self, folder, "lib/glibc");
  if (UsesHostLibrary(start, program))
    Fail("cannot start ", program.text, -Execute(program.text, start.arguments, start.environment));
  RunWithCarriedLibrary(start, library_folder, program);
}
