#!/usr/bin/env python3
"""For chroot_test.sh: runs a command that finds no system call newer than Linux 3.10 (x86-64).

Usage: old_kernel.py COMMAND [ARGUMENT...]

All newer ones are answered by ENOSYS, for the command and its children. getrandom (3.17) stays: OpenSSL goes without it only
where uname tells an old kernel too. So this shows what libraries do for want of a call, not how an old kernel's FUSE behaves.
"""
import ctypes
import errno
import os
import struct
import sys

FIRST_NEW, GETRANDOM, LAST = 314, 318, 470  # sched_setattr came with 3.14
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, JUMP_IF_GREATER, RETURN = 0x20, 0x15, 0x25, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.ENOSYS

PROGRAM = [(LOAD, 0, 0, 0),  # the number of the call
           (JUMP_IF_EQUAL, 2, 0, GETRANDOM),
           (JUMP_IF_GREATER, 1, 0, LAST),
           (JUMP_IF_GREATER, 1, 0, FIRST_NEW - 1),
           (RETURN, 0, 0, ALLOW),
           (RETURN, 0, 0, REFUSE)]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in PROGRAM))
    program = Filter(len(PROGRAM), ctypes.addressof(code))
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call) != 0:
            sys.exit("old_kernel.py: prctl: %s" % os.strerror(ctypes.get_errno()))
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
