"""The budget total_mem_limit against many programs at once."""
import os
import re
import subprocess
import threading
import unittest

import harness
from harness import MIB, Mount, Server, check_file, fetch, free_port, payload, wait_until, write_file


def counter(port, name):
    """Of a mount, without a child process: that would close the files that are written here, which waits."""
    text = fetch("http://127.0.0.1:%d/metrics" % port)
    found = re.search(r"(?m)^ossfs2_%s (\S+)" % name, text)
    return float(found.group(1)) if found else 0.0  # nothing was counted yet


class Memory(unittest.TestCase):
    def test_budget_holds_with_many_readers_and_writers(self):
        limit = 256 * MIB
        with Server() as server:
            for number in range(8):
                server.client.put("r%d" % number, payload(number, 48 * MIB))
            with Mount(server, "--total_mem_limit=%d" % limit) as mount:
                readers = [subprocess.Popen(["cat", os.path.join(mount.path, "r%d" % (n % 8))],
                                            stdout=subprocess.DEVNULL) for n in range(64)]

                def write(number):
                    write_file(os.path.join(mount.path, "w%d" % number), number, 12 * MIB)
                harness.in_threads(write, range(32))
                for reader in readers:
                    self.assertEqual(reader.wait(90), 0)
                peak = mount.resident_bytes(peak=True)
                self.assertLess(peak, limit + 96 * MIB, "peak %d MiB" % (peak // MIB))
                for number in range(32):
                    check_file(os.path.join(mount.path, "w%d" % number), number, 12 * MIB)

    # Each writes a file of its own: the kernel lets the writers of one file through one after another.
    def test_budget_holds_with_hundreds_of_writers_that_wait(self):
        limit, writers, size, port = 128 * MIB, 420, MIB, free_port()
        with Server("--rate-per-connection=64K") as server:
            server.client.put("other", b"x")
            with Mount(server, "--total_mem_limit=%d" % limit, "--upload_concurrency=4",
                       "--metrics_port=%d" % port) as mount:
                threads = [threading.Thread(target=write_file, daemon=True,
                                            args=(os.path.join(mount.path, "w%d" % number), number % 8, size))
                           for number in range(writers)]
                try:
                    for thread in threads:
                        thread.start()
                    wait_until(lambda: counter(port, "fuse_write_requests_total") >= writers, 60, "all to write")
                    self.assertGreater(counter(port, "fuse_writes_parked_total"), writers / 2)
                    self.assertEqual(os.stat(os.path.join(mount.path, "other")).st_size, 1)
                    self.assertTrue(any(thread.is_alive() for thread in threads))
                finally:
                    server.config(rate="4G")
                for thread in threads:
                    thread.join(120)
                    self.assertFalse(thread.is_alive())
                peak = mount.resident_bytes(peak=True)
                self.assertLess(peak, limit + 96 * MIB, "peak %d MiB" % (peak // MIB))
                for number in range(0, writers, 7):
                    check_file(os.path.join(mount.path, "w%d" % number), number % 8, size)


if __name__ == "__main__":
    harness.main()
