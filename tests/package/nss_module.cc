// For chroot_test.sh: libnss_foreign.so.2, a name service of a host. It leaves a mark when it is loaded, and knows no
// name. Without a C library, so that every glibc can load it.
#include "launcher/system_calls.h"

using ossfs2::launcher::Call;

__attribute__((constructor)) static void LeaveMark() {
  Call(__NR_openat, AT_FDCWD, ossfs2::launcher::Word("/opt/ossfs2-test/foreign-was-loaded"), O_CREAT | O_WRONLY, 0600);
}

// -1: NSS_STATUS_UNAVAIL, the next service is asked.
extern "C" int _nss_foreign_gethostbyname4_r() { return -1; }
extern "C" int _nss_foreign_gethostbyname3_r() { return -1; }
extern "C" int _nss_foreign_gethostbyname2_r() { return -1; }
