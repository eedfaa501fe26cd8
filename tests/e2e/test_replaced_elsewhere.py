"""Objects that other clients replace while they are open here, and what the kernel has of them."""
import errno
import os
import threading
import unittest

import harness
from harness import MIB, Mount, Server


class Longer(unittest.TestCase):
    """The kernel keeps the last page of a file, its rest filled with zeros. With the size of a longer version these
    would be content of no version. It drops no page while a read of the file is under way, or of another one."""

    def test_the_rest_of_the_last_page(self):
        for late in "same", "other":
            with self.subTest(read=late), Server() as server, \
                    Mount(server, "--attr_timeout=0", "--prefetch_concurrency=0") as mount:
                self.look(server, mount, late)

    def look(self, server, mount, late):
        for name in "same", "other":
            server.client.put(name, b"a" * (MIB + 904))
        path = os.path.join(mount.path, "same")
        handles = [os.open(os.path.join(mount.path, name), os.O_RDONLY) for name in ("same", late)]
        for handle in handles:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
        self.assertEqual(os.pread(handles[0], 4096, MIB), b"a" * 904)
        server.set_fault("op=get,kind=delay:2000")
        errors = []

        def read():
            try:
                os.pread(handles[1], 4096, 0)
            except OSError as error:
                errors.append(error.errno)

        reader = threading.Thread(target=read)
        reader.start()
        harness.wait_until(lambda: server.stats().requests("get") > 1, what="the GET that is answered late")
        for name in dict.fromkeys((late, "same")):
            server.client.put(name, b"b" * (2 * MIB))
            self.assertEqual(os.stat(os.path.join(mount.path, name)).st_size, 2 * MIB)
        with self.assertRaises(OSError) as refused:
            self.fail("read %r" % os.pread(handles[0], 4096, MIB)[900:910])
        self.assertEqual(refused.exception.errno, errno.ESTALE)
        reader.join(60)
        self.assertEqual(errors, [errno.ESTALE])
        server.clear_fault()
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"b" * (2 * MIB))
        for handle in handles:
            os.close(handle)


if __name__ == "__main__":
    harness.main()
