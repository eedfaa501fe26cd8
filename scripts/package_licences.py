#!/usr/bin/env python3
"""Collects the licences of the libraries that a package carries, on Debian.

Usage: package_licences.py FOLDER < PATHS

PATHS are the libraries, one a line. FOLDER gets NOTICE (which library is of which Debian package and source, and where the
source is), the copyright file of each package, and the texts of the licences that these files name.
Exit status 1 when a library is of no package, or a package has no copyright file.
"""
import os
import re
import shutil
import subprocess
import sys

# Their code is in the programs: headers and a static library.
BUILT_IN = ["libspdlog-dev", "nlohmann-json3-dev"]
COMMON = "/usr/share/common-licenses"
HEAD = """Libraries in this package
=========================

ossfs2 itself is under the Apache License 2.0 (LICENSE). The files in lib and lib/glibc are those of Debian; each is under
the licence that PACKAGE.copyright tells, and the texts of GPL, LGPL and others lie beside this file. In libstdc++.so.6 the
version record of one symbol that is not used was changed (scripts/drop_version.py); all others are unchanged.
Their sources: https://snapshot.debian.org/package/SOURCE/VERSION/, and https://sources.debian.org. You may replace any of
them by another one with the same interface.

"""


def run(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout


def package_of(path):
    """The Debian package of a file; both of its names are tried where /lib is a link to /usr/lib."""
    path = os.path.abspath(path)
    real = os.path.realpath(path)
    for name in (path, real, re.sub("^/usr", "", real), "/usr" + path):
        line = run("dpkg-query", "-S", name).splitlines()
        if line:
            return line[-1].split(": ")[0].split(":")[0]
    sys.exit("package_licences.py: %s is of no Debian package" % path)


def main():
    folder = sys.argv[1]
    files = {}
    for path in sorted(set(sys.stdin.read().split())):
        files.setdefault(package_of(path), []).append(os.path.basename(path))
    for package in BUILT_IN:
        if run("dpkg-query", "-W", "-f", "${Version}", package):
            files[package] = ["built into the programs"]
    texts = set()
    with open(os.path.join(folder, "NOTICE"), "w", encoding="utf-8") as notice:
        notice.write(HEAD)
        for package in sorted(files):
            source, version = run("dpkg-query", "-W", "-f", "${source:Package} ${source:Version}\n", package).split()[:2]
            copyright_file = "/usr/share/doc/%s/copyright" % package
            if not os.path.exists(copyright_file):
                sys.exit("package_licences.py: %s is missing" % copyright_file)
            shutil.copyfile(copyright_file, os.path.join(folder, package + ".copyright"))
            with open(copyright_file, encoding="utf-8", errors="replace") as stream:
                texts |= set(re.findall(COMMON + r"/([A-Za-z0-9.-]*[A-Za-z0-9])", stream.read()))
            notice.write("%s (source %s %s): %s\n" % (package, source, version, ", ".join(sorted(files[package]))))
    for name in sorted(texts):
        if os.path.exists(os.path.join(COMMON, name)):
            shutil.copyfile(os.path.join(COMMON, name), os.path.join(folder, name))
    print("==> licences of %d packages" % len(files))


if __name__ == "__main__":
    main()
