"""A folder with twice the names that the metadata budget holds: what the daemon keeps, and what it asks for."""
import os
import threading
import unittest

import harness
from harness import MIB, Mount, Server, fetch, free_port

NAMES = 30_000
PAGES = NAMES // 1000
LIMIT = 4 * MIB


class Watched:
    """The peak of what the daemon keeps of names while a program runs."""

    def __init__(self, port):
        self.port, self.peak, self.ended = port, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.is_set():
            for line in fetch("http://127.0.0.1:%d/metrics" % self.port).splitlines():
                if line.startswith("ossfs2_metadata_bytes "):
                    self.peak = max(self.peak, float(line.split()[1]))
            self.ended.wait(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


class LargeFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--synthetic", "d/f=1000x%d" % NAMES)

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def use(self, program):
        """Of a new mount: (what the program gave, list requests, HEADs, peak of metadata_bytes)."""
        port = free_port()
        with Mount(self.server, "--metadata_mem_limit=%d" % LIMIT, "--metrics_port=%d" % port) as mount:
            folder = os.path.join(mount.path, "d")
            os.stat(folder)
            self.server.reset()
            with Watched(port) as watched:
                given = program(folder)
            stats = self.server.stats()
            return given, stats.requests("list"), stats.requests("head"), watched.peak

    def test_names_alone(self):
        shown, lists, heads, peak = self.use(os.listdir)
        self.assertEqual(shown, ["f-%06d" % n for n in range(NAMES)])
        self.assertLess(lists, PAGES + 6)
        self.assertLess(heads, 6)
        self.assertLess(peak, LIMIT * 1.15)

    def test_attributes_with_the_names(self):
        def scan(folder):
            with os.scandir(folder) as entries:
                return [(entry.name, entry.stat().st_size) for entry in entries]
        shown, lists, heads, peak = self.use(scan)
        self.assertEqual(shown, [("f-%06d" % n, 1000) for n in range(NAMES)])
        self.assertLess(lists, PAGES + 6)
        self.assertLess(heads, 6)
        # How soon the kernel forgets is its own affair.
        self.assertLess(peak, LIMIT * 2)

    def test_attributes_after_all_names(self):
        def glob(folder):
            names = sorted(os.listdir(folder))
            return [(name, os.stat(os.path.join(folder, name)).st_size) for name in names]
        shown, lists, heads, peak = self.use(glob)
        self.assertEqual(shown, [("f-%06d" % n, 1000) for n in range(NAMES)])
        self.assertLess(lists, 3 * PAGES)
        self.assertLess(heads, NAMES // 100)
        self.assertLess(peak, LIMIT * 2)


if __name__ == "__main__":
    harness.main()
