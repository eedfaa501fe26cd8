// The mount name space that mount(8) and umount(8) were told to work in (-N).
#pragma once

#include <string>

#include "ossfs2/status.h"

namespace ossfs2 {

// Takes the whole process there; before it has threads. name: a pid, or the path of a name space. Errors: those of
// open and setns, with the path.
Status EnterMountNamespace(const std::string& name);

}  // namespace ossfs2
