"""What the kernel keeps by the time-outs of the options, seen in its requests (mount with -d).

docs/compatibility.md names these tests.
"""
import collections
import contextlib
import os
import re

import harness
from harness import Mount
from option_case import OptionCase


def opcodes(mount, work):
    """The kernel's requests during work(), by name, from the trace of a mount with -d."""
    begin = os.path.getsize(mount.log)
    work()
    with open(mount.log, "rb") as log:
        log.seek(begin)
        text = log.read().decode(errors="replace")
    return collections.Counter(re.findall(r"opcode: ([A-Z]+)", text))


class KernelCache(OptionCase):
    """Options that tell the kernel what it may answer itself; -d shows what it still asks."""

    def traced(self, *options):
        mount = Mount(self.server, "-d", *options)
        self.addCleanup(mount.destroy)
        os.listdir(os.path.join(mount.path, "d"))
        return mount

    def stat_twice(self, mount, name):
        def work():
            for _ in range(2):
                with contextlib.suppress(FileNotFoundError):
                    os.stat(os.path.join(mount.path, name))
        return opcodes(mount, work)

    def test_debug_traces_and_stays_in_the_foreground(self):
        with Mount(self.server, "-d") as mount:
            self.assertGreater(opcodes(mount, lambda: os.listdir(mount.path))["OPENDIR"], 0)
            self.assertTrue(mount.alive())
        with Mount(self.server) as mount:
            self.assertEqual(opcodes(mount, lambda: os.listdir(mount.path)), {})

    def test_names_and_attributes_are_kept_by_default(self):
        asked = self.stat_twice(self.traced(), "d/f0")
        self.assertLessEqual(asked["LOOKUP"] + asked["GETATTR"], 1, asked)

    def test_fuse_attr_timeout(self):
        asked = self.stat_twice(self.traced("--fuse_attr_timeout=0"), "d/f0")
        self.assertGreaterEqual(asked["GETATTR"], 1, asked)
        mount = self.traced("--fuse_attr_timeout=0")
        asked = self.requested("head", lambda: self.stat_twice(mount, "d/f0"))
        self.assertEqual(asked, [], "attr_timeout still holds inside ossfs2")

    def test_fuse_entry_timeout(self):
        asked = self.stat_twice(self.traced("--fuse_entry_timeout=0"), "d/f0")
        self.assertGreaterEqual(asked["LOOKUP"], 2, asked)

    def test_negative_timeout(self):
        asked = self.stat_twice(self.traced(), "d/absent")
        self.assertEqual(asked["LOOKUP"], 2, asked)
        mount = self.traced("--negative_timeout=60")
        self.assertEqual(self.stat_twice(mount, "d/absent")["LOOKUP"], 1)
        with open(os.path.join(mount.path, "d/absent"), "w"):
            pass  # an own creation is seen at once all the same
        self.assertTrue(os.path.exists(os.path.join(mount.path, "d/absent")))
        os.unlink(os.path.join(mount.path, "d/absent"))

    def test_readdirplus(self):
        def list_long(mount):
            def work():
                for entry in os.scandir(os.path.join(mount.path, "d")):
                    entry.stat()
            return opcodes(mount, work)

        with Mount(self.server, "-d") as mount:
            asked = list_long(mount)
            self.assertGreaterEqual(asked["READDIRPLUS"], 1, asked)
            self.assertLessEqual(asked["LOOKUP"], 1, asked)  # that of the directory itself
        with Mount(self.server, "-d", "--noreaddirplus") as mount:
            asked = list_long(mount)
            self.assertEqual(asked["READDIRPLUS"], 0, asked)
            self.assertGreaterEqual(asked["READDIR"], 1, asked)
            self.assertGreaterEqual(asked["LOOKUP"], 3, asked)

    def test_kernel_readdir_cache_timeout(self):
        for options, again in ([], True), (["--kernel_readdir_cache_timeout=60"], False):
            mount = self.traced(*options)
            asked = opcodes(mount, lambda: self.assertEqual(
                len(os.listdir(os.path.join(mount.path, "d"))), 3))
            self.assertEqual(asked["READDIR"] + asked["READDIRPLUS"] > 0, again, asked)


if __name__ == "__main__":
    harness.main()
