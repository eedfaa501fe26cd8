#include "base/machine/name_service.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <nss.h>

#include <string_view>

#include "base/values/str.h"

namespace ossfs2 {

bool IsLibraryCarried() {
  Dl_info library{};
  return dladdr(reinterpret_cast<void*>(&gnu_get_libc_version), &library) != 0 && library.dli_fname != nullptr &&
         std::string_view(library.dli_fname).ends_with("/lib/glibc/libc.so.6");
}

std::string LibraryText() {
  return StrCat("glibc ", gnu_get_libc_version(), IsLibraryCarried() ? " of the package" : " of the host");
}

void UseOwnNameServices() {
  if (!IsLibraryCarried()) return;
  // Both services are part of libc.so since glibc 2.34: nothing is loaded.
  __nss_configure_lookup("hosts", "files dns");
  for (const char* database : {"aliases", "ethers", "group", "gshadow", "initgroups", "netgroup", "networks", "passwd",
                               "protocols", "publickey", "rpc", "services", "shadow"})
    __nss_configure_lookup(database, "files");
}

}  // namespace ossfs2
