#include "data/recovery/private_names.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "base/values/random.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

std::string UniqueId() {
  static std::atomic<uint64_t> counter{0};
  static const uint64_t random = RandomSeed();
  return StrCat(random, ".", getpid(), ".", counter.fetch_add(1));
}

}  // namespace

std::string_view FolderOf(std::string_view key) {
  const size_t slash = key.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : key.substr(0, slash + 1);
}

std::string PrivateKey(std::string_view folder, std::string_view name_start) {
  return StrCat(folder, name_start, UniqueId());
}

}  // namespace ossfs2
