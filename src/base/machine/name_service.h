// Which name services the C library asks, in a package that carries its own.
//
// glibc looks names up through modules of the host that /etc/nsswitch.conf names (sss, systemd, resolve, mdns4 ...).
// The packages carry a glibc for hosts with an older one (launcher/launcher.cc), and modules that were built for
// another glibc may not be loaded into it: at best they are refused, at worst they end the process.
#pragma once

#include <string>

namespace ossfs2 {

// With the carried glibc, names come from /etc/hosts and DNS, users and groups from /etc/passwd and /etc/group,
// whatever nsswitch.conf says. With the host's glibc nothing is changed. At the start of main, before any thread.
void UseOwnNameServices();

// "glibc 2.36 of the package" or "... of the host", for messages.
std::string LibraryText();

// Whether the C library is the one that lies in lib/glibc of a package. Any thread.
bool IsLibraryCarried();

}  // namespace ossfs2
