#!/usr/bin/env python3
"""Checks that every header compiles alone.

  check_headers.py [--compiler CXX] [--jobs N] [HEADER...]

A header that needs another one to be included first is a trap for the next
reader. Headers of the product and of the tests are checked.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FLAGS = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-w", "-D_FILE_OFFSET_BITS=64",
         "-DFUSE_USE_VERSION=312", '-DOSSFS2_VERSION="check"',
         "-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "src"), "-I" + ROOT]


def package_flags():
    """Include folders of libraries that are not on the compiler's own path."""
    try:
        out = subprocess.run(["pkg-config", "--cflags-only-I", "fuse3", "libcurl"],
                             capture_output=True, text=True, timeout=30)
        return out.stdout.split() if out.returncode == 0 else []
    except OSError:
        return []


def headers():
    for top in ("include", "src", "tests"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith(".h"):
                    yield os.path.join(folder, name)


def check(compiler, flags, header):
    """The compiler's message, or an empty text."""
    result = subprocess.run([compiler] + flags + ["-"], capture_output=True, text=True,
                            input='#include "%s"\n' % header, timeout=120)
    return "" if result.returncode == 0 else result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("header", nargs="*", help="default: all of them")
    arguments = parser.parse_args()
    wanted = [os.path.abspath(h) for h in arguments.header] or list(headers())
    flags = FLAGS + package_flags()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        tries = {h: pool.submit(check, arguments.compiler, flags, h) for h in wanted}
        for header, result in tries.items():
            message = result.result()
            if message:
                bad += 1
                print("%s does not compile alone:\n%s" % (os.path.relpath(header, ROOT),
                                                          "\n".join(message.splitlines()[:12])))
    print("%d headers checked, %d do not compile alone" % (len(wanted), bad))
    return 1 if bad or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
