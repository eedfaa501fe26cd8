"""Shared writable mappings: what a program stores through memory is in the file, at its place, and in the bucket."""
import mmap
import os

import harness
from harness import MIB, MountCase, payload, write_file

PAGE = mmap.PAGESIZE


class Mappings(MountCase):
    mount_options = ("--upload_buffer_size=1m",)

    def test_through_a_handle_that_appends(self):
        """The kernel sends the pages through the handle that the mapping was made with."""
        path = os.path.join(self.folder(), "f")
        wanted = bytearray(payload("a", 3 * PAGE + 17))
        write_file(path, "a", len(wanted))
        handle = os.open(path, os.O_RDWR | os.O_APPEND)
        with mmap.mmap(handle, len(wanted)) as memory:
            memory[PAGE + 5:PAGE + 9] = wanted[PAGE + 5:PAGE + 9] = b"page"
            memory.flush()
        os.write(handle, b"end")  # the handle itself still appends
        os.close(handle)
        self.check(path, bytes(wanted) + b"end")

    def test_beside_a_handle_that_appends(self):
        """The kernel may send the pages through any handle that the file was mapped with."""
        path = os.path.join(self.folder(), "f")
        for size in (2 * PAGE, 3 * MIB + 1):
            wanted = bytearray(payload("b", size))
            write_file(path, "b", size)
            mapped = os.open(path, os.O_RDWR)
            log = os.open(path, os.O_RDWR | os.O_APPEND)
            with mmap.mmap(mapped, size) as memory, mmap.mmap(log, size):
                memory[10:14] = wanted[10:14] = b"page"
                memory[size - 4:] = wanted[size - 4:] = b"last"
                memory.flush()
            os.write(log, b"line")
            os.close(mapped)
            os.close(log)
            self.check(path, bytes(wanted) + b"line")

    def test_close_stores_although_others_are_open(self):
        """Whatever handle the kernel took for the pages: nobody wrote through it, so the close waits for no other one."""
        path = os.path.join(self.folder(), "f")
        wanted = bytearray(payload("c", 2 * PAGE))
        write_file(path, "c", len(wanted))
        mapped = os.open(path, os.O_RDWR)
        idle = os.open(path, os.O_RDWR)
        with mmap.mmap(mapped, len(wanted)) as memory, mmap.mmap(idle, len(wanted)):
            memory[10:14] = wanted[10:14] = b"page"
            os.close(mapped)
            stored = self.client.get(os.path.relpath(path, self.mount.path))
            self.assertTrue(stored == bytes(wanted), "close was good, and the old bytes are in the bucket")
        os.close(idle)

    def check(self, path, wanted):
        with open(path, "rb") as stream:
            self.assertTrue(stream.read() == wanted, "%s is not what was written" % path)
        stored = self.client.get(os.path.relpath(path, self.mount.path))
        self.assertEqual(len(stored), len(wanted))
        self.assertTrue(stored == wanted, "the object of %s is not what was written" % path)


if __name__ == "__main__":
    harness.main()
