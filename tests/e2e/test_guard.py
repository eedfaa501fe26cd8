"""Guard: what each job costs in requests and bytes. These do not depend on the machine, so a change that makes a
job dearer fails here. The bounds are what is measured now (in brackets) and a little more."""
import os
import unittest

import harness
from harness import MIB, Mount, Server, in_threads, payload, run, write_file


class Reads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--synthetic", "big=%d" % (512 * MIB), "--synthetic", "small/f=131072x200")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def cost(self, work, *options):
        with Mount(self.server, *options) as mount:
            os.listdir(mount.path)
            with open("/proc/sys/vm/drop_caches", "w") as stream:
                stream.write("1\n")
            self.server.reset()
            work(mount.path)
            return self.server.stats()

    def test_sequential(self):
        for options in ([], ["--direct_io=true"]):
            stats = self.cost(lambda path: run(["dd", "if=" + path + "/big", "of=/dev/null", "bs=1M"]), *options)
            self.assertEqual(stats.get_bytes, 512 * MIB)  # [1.00]
            self.assertLessEqual(stats.requests("get"), 560)  # [70 to 520: pieces of at least 1 MiB]
            self.assertLessEqual(stats.requests() - stats.requests("get"), 2)  # [1]

    def test_four_readers_share(self):
        stats = self.cost(lambda path: in_threads(
            lambda _: run(["dd", "if=" + path + "/big", "of=/dev/null", "bs=1M"]), range(4)))
        self.assertLessEqual(stats.get_bytes, 512 * MIB * 1.01)  # [1.00]

    def test_head(self):
        stats = self.cost(lambda path: run(["dd", "if=" + path + "/big", "of=/dev/null", "bs=1M", "count=64"]))
        self.assertLessEqual(stats.get_bytes_asked, 64 * MIB * 1.5)  # [1.1 to 1.3]

    def test_random(self):
        def work(path):
            with open(path + "/big", "rb", buffering=0) as stream:
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                for index in range(400):
                    os.pread(stream.fileno(), 131072, (index * 1237 % 4096) * 131072)
        stats = self.cost(work)
        self.assertLessEqual(stats.get_bytes_asked, 400 * 131072 * 1.1)  # [1.00]
        self.assertLessEqual(stats.requests(), 400 * 1.1 + 2)  # [401]

    def test_small_files(self):
        stats = self.cost(lambda path: [run(["sh", "-c", "cat %s/small/* > /dev/null" % path])])
        self.assertEqual(stats.requests("get"), 200)  # one each
        self.assertLessEqual(stats.requests() - 200, 3)  # the list of the folder answers the rest
        self.assertEqual(stats.get_bytes, 200 * 131072)


class Writes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.mount = Mount(cls.server)
        os.mkdir(os.path.join(cls.mount.path, "d"))
        os.listdir(os.path.join(cls.mount.path, "d"))

    @classmethod
    def tearDownClass(cls):
        cls.mount.destroy()
        cls.server.destroy()

    def path(self, name):
        return os.path.join(self.mount.path, "d", name)

    def test_small_files(self):
        self.server.reset()
        for index in range(50):
            write_file(self.path("s%d" % index), index, 10000)
        stats = self.server.stats()
        self.assertEqual(stats.put_bytes, 50 * 10000)
        self.assertLessEqual(stats.requests(), 50 * 3)  # at most two before the data, and the data

    def test_large_file(self):
        self.server.reset()
        write_file(self.path("large"), "l", 256 * MIB)
        stats = self.server.stats()
        self.assertEqual(stats.put_bytes, 256 * MIB)
        # Parts of 8 MiB, initiate, list of parts, complete, and the questions of the create.
        self.assertLessEqual(stats.requests(), 32 + 6)

    def test_download_and_rename(self):
        """As ModelScope does: write beside, read back for the hash, rename."""
        self.server.reset()
        write_file(self.path("m.incomplete"), "m", 64 * MIB)
        harness.check_file(self.path("m.incomplete"), "m", 64 * MIB)
        os.rename(self.path("m.incomplete"), self.path("m"))
        stats = self.server.stats()
        self.assertEqual(stats.put_bytes, 64 * MIB)
        self.assertLessEqual(stats.get_bytes, MIB)  # the page cache has what was written
        self.assertEqual(self.server.client.get("d/m")[:100], payload("m", 64 * MIB)[:100])


if __name__ == "__main__":
    harness.main()
