#!/usr/bin/env python3
"""The launcher of the packages (src/launcher), with the built programs and this system's glibc in the place of the carried one.

OSSFS2_BUILD_DIR is the build folder. No network, no mount. What needs another system is in chroot_test.sh.
"""
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest

BUILD = os.environ.get("OSSFS2_BUILD_DIR", "build/release")
LIBRARIES = ["ld-linux-*.so.*", "libc.so.6", "libm.so.6", "libresolv.so.2"]
HOST_GLIBC_MINOR = 35  # launcher.cc


def glibc_folder():
    listing = subprocess.run(["ldd", os.path.join(BUILD, "ossfs2")], capture_output=True, text=True, check=True).stdout
    return os.path.dirname(re.search(r"(/\S+/libc\.so\.6)", listing)[1])


def make_package(folder):
    """The layout of a package. The programs are links to the built ones."""
    for name in ("bin", "libexec", "lib/glibc"):
        os.makedirs(os.path.join(folder, name))
    for name in ("ossfs2", "ossfs2-server"):
        shutil.copy(os.path.join(BUILD, "ossfs2-launcher"), os.path.join(folder, "bin", name))
        os.symlink(os.path.abspath(os.path.join(BUILD, name)), os.path.join(folder, "libexec", name))
    for pattern in LIBRARIES:
        for path in glob.glob(os.path.join(glibc_folder(), pattern)):
            shutil.copy(path, os.path.join(folder, "lib/glibc"))


def set_loader(program, path):
    """Changes the loader that an ELF program names."""
    with open(program, "r+b") as stream:
        data = stream.read()
        start, = struct.unpack_from("<Q", data, 32)
        count, = struct.unpack_from("<H", data, 56)
        for i in range(count):
            kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, start + 56 * i)
            if kind == 3:
                assert len(path) < size, path
                stream.seek(offset)
                stream.write(path.encode().ljust(size, b"\0"))


class Launcher(unittest.TestCase):
    def setUp(self):
        # Its name must be shorter than that of the loader.
        self.home = tempfile.mkdtemp(prefix="l", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.home)
        self.package = os.path.join(self.home, "package")
        make_package(self.package)

    def program(self, name="ossfs2"):
        return os.path.join(self.package, "bin", name)

    def run_program(self, *words, library=None, name="ossfs2", **more):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home}
        if library:
            environment["OSSFS2_GLIBC"] = library
        return subprocess.run([self.program(name), *words], capture_output=True, text=True, timeout=60,
                              env=environment, stdin=subprocess.DEVNULL, **more)

    def test_either_glibc(self):
        self.assertIn("of the package)", self.run_program("--version", library="carried").stdout)
        self.assertIn("of the host)", self.run_program("--version", library="host").stdout)
        wrong = self.run_program("--version", library="best")
        self.assertEqual(wrong.returncode, 127)
        self.assertIn("OSSFS2_GLIBC must be host or carried", wrong.stderr)

    def test_the_host_decides(self):
        loader, program = os.path.join(self.home, "ld"), os.path.join(self.package, "libexec/ossfs2")
        os.remove(program)
        shutil.copy(os.path.join(BUILD, "ossfs2"), program)
        set_loader(program, loader)
        # None, one before 2.33 or of another C library, one just too old.
        for text in (None, "ELF", "(GNU libc) stable release version 2.%d.\n" % (HOST_GLIBC_MINOR - 1)):
            if text is not None:
                with open(loader, "w", encoding="ascii") as stream:
                    stream.write(text)
            done = self.run_program("--version")
            self.assertIn("of the package)", done.stdout, (text, done))
        for minor in (HOST_GLIBC_MINOR, 100):
            with open(loader, "w", encoding="ascii") as stream:
                stream.write("ld.so (Ubuntu GLIBC 2.%d-0ubuntu3) stable release version 2.%d.\n" % (minor, minor))
            done = self.run_program("--version")  # the kernel cannot execute this loader
            self.assertEqual(done.returncode, 127, done)
            self.assertIn("cannot start " + program, done.stderr)

    def test_the_process_stays_what_was_started(self):
        words = ["--root", os.path.join(self.home, "root"), "--listen", "127.0.0.1:0", "--bucket", "bucket",
                 "--access-key-id", "id", "--access-key-secret", "hush"]
        environment = {"OSSFS2_GLIBC": "carried", "A": "1", "B": ""}
        mark = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, mark)
        server = subprocess.Popen([self.program("ossfs2-server"), *words], stdout=subprocess.PIPE, text=True,
                                  env=environment, pass_fds=[mark])
        try:
            self.assertIn("listening on", server.stdout.readline())
            folder = "/proc/%d/" % server.pid
            with open(folder + "comm", encoding="ascii") as stream:
                self.assertEqual(stream.read().strip(), "ossfs2-server")
            with open(folder + "cmdline", encoding="ascii") as stream:
                shown = [self.program("ossfs2-server"), *words[:-1], "****"]
                self.assertEqual(stream.read().split("\0")[:-1], shown)
            with open(folder + "environ", encoding="ascii") as stream:
                self.assertEqual(stream.read().split("\0")[:-1], ["%s=%s" % item for item in environment.items()])
            self.assertEqual(os.readlink(folder + "exe"), self.program("ossfs2-server"))
            self.assertEqual(os.readlink(folder + "fd/%d" % mark), "/dev/null")
            with open(folder + "maps", encoding="ascii") as stream:
                maps = stream.read()
            for library in ("ld-linux", "libc.so.6"):
                self.assertEqual({os.path.dirname(line.split()[-1]) for line in maps.splitlines() if library in line},
                                 {os.path.join(self.package, "lib/glibc")})
            # Nothing of the loader's work stays open.
            open_files = [os.readlink(path) for path in glob.glob(folder + "fd/*")]
            self.assertEqual([path for path in open_files if path.startswith(self.package)], [])
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
            server.stdout.close()

    def test_arguments_arrive(self):
        for library in ("host", "carried"):
            done = self.run_program("no such", "", "word", library=library)
            self.assertEqual(done.returncode, 255, done)
            self.assertIn('there is no command "no such"', done.stderr)
            many = self.run_program("list", *["x"] * 30000, library=library)
            self.assertEqual(many.returncode, 255, many.stderr[:200])
            # The name of the program, which a link gives, says what to do.
            link = os.path.join(self.home, "mount.ossfs2")
            if not os.path.lexists(link):
                os.symlink(self.program(), link)
            helper = subprocess.run([link], capture_output=True, text=True, timeout=60, env={"OSSFS2_GLIBC": library})
            self.assertIn("mount.ossfs2", helper.stderr + helper.stdout)
            nameless = subprocess.run([], executable=self.program(), capture_output=True, text=True, timeout=60,
                                      env={"OSSFS2_GLIBC": library})
            self.assertEqual(nameless.returncode, 255, nameless)

    def test_what_is_missing_is_named(self):
        shutil.rmtree(os.path.join(self.package, "lib/glibc"))
        done = self.run_program("--version", library="carried")
        self.assertEqual(done.returncode, 127)
        self.assertIn(self.package + "/lib/glibc/ld-linux", done.stderr)
        with_colon = os.path.join(self.home, "a:b")
        os.rename(self.package, with_colon)
        self.package = with_colon
        self.assertIn("no ':' or ';'", self.run_program("--version", library="carried").stderr)
        self.assertIn("of the host)", self.run_program("--version", library="host").stdout)
        os.remove(os.path.join(self.package, "libexec/ossfs2"))
        self.assertIn("cannot start " + with_colon + "/libexec/ossfs2: error 2", self.run_program(library="host").stderr)


if __name__ == "__main__":
    unittest.main()
