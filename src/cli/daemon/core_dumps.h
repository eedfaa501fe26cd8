// Core dumps of ossfs2 hold access keys, tokens and the files of users, so by default there are none.
//
// A process without them is "not dumpable" (PR_SET_DUMPABLE): also programs of the same user without CAP_SYS_PTRACE
// cannot read its memory (/proc/PID/mem, ptrace, gdb), its environment or its list of open files; root can. Children
// inherit it until they start another program. What ossfs2 reads of itself below /proc stays readable.
// Both act on the whole process.
#pragma once

namespace ossfs2 {

// First thing in main, before keys are read and before threads.
void ForbidCoreDumps();

// The option core_dumps: as it was when the process started. Logs a warning. How large a core may be and where it
// goes stays with the system (ulimit -c, /proc/sys/kernel/core_pattern).
void AllowCoreDumps();

}  // namespace ossfs2
