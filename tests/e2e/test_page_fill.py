"""The page cache ahead of its readers (page_cache_fill_threads), through a real mount: right bytes, once."""
import os
import threading
import time
import unittest

import harness
from harness import MIB, Mount, Server, check_file, run, wait_until


def metric(mount, name):
    import json
    stats = run([harness.OSSFS2, "stats", mount.path, "--json"]).stdout
    found = []

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key.endswith(name):
                    found.append(int(inner))
                walk(inner)

    walk(json.loads(stats))
    return sum(found)


def fills(mount):
    """Bytes that the daemon has put into the page cache."""
    return metric(mount, "page_fill_bytes_total")


def drop_page_cache():
    with open("/proc/sys/vm/drop_caches", "w") as stream:
        stream.write("1\n")


class PageFill(unittest.TestCase):
    SIZE = 448 * MIB

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.path = os.path.join(harness.temporary_folder(), "big")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()
        os.unlink(cls.path)

    def test_bytes_are_right_and_asked_once(self):
        with Mount(self.server, "--page_cache_fill_threads=2") as mount:
            self.server.reset()
            drop_page_cache()
            check_file(os.path.join(mount.path, "big"), "fill", self.SIZE)
            # The reader checks each byte and is slow, so most of it must have been ahead of it.
            self.assertGreater(fills(mount), self.SIZE // 8)
            self.assertLessEqual(self.server.stats().get_bytes, self.SIZE * 1.01)
            # Again: from the page cache alone, without a request for data.
            self.server.reset()
            check_file(os.path.join(mount.path, "big"), "fill", self.SIZE)
            self.assertLessEqual(self.server.stats().get_bytes, self.SIZE // 100)

    def setUp(self):
        with open(self.path, "wb") as stream:
            for index in range(self.SIZE // MIB):
                stream.write(harness.block("fill", index))
        self.server.client.put_file("big", self.path)

    def test_replaced_while_it_is_read(self):
        """A version is never mixed with another: the old reader ends or fails, the next open has the new bytes."""
        with Mount(self.server, "--page_cache_fill_threads=2", "--close_to_open=true") as mount:
            path = os.path.join(mount.path, "big")
            drop_page_cache()
            stop = threading.Event()

            def read_on():
                try:
                    with open(path, "rb", buffering=0) as stream:
                        while not stop.is_set() and stream.read(MIB):
                            time.sleep(0.001)
                except OSError:
                    pass  # ESTALE is the promise

            reader = threading.Thread(target=read_on)
            reader.start()
            try:
                wait_until(lambda: fills(mount) > 0, what="the first filled pages")
                with open(self.path, "r+b") as stream:
                    for index in range(self.SIZE // MIB):
                        stream.write(harness.block("new", index))
                self.server.client.put_file("big", self.path)
                check_file(path, "new", self.SIZE)
            finally:
                stop.set()
                reader.join(60)
            check_file(path, "new", self.SIZE)

    def test_written_while_it_is_read(self):
        """What was written here is what is read here, however late older bytes come to the page cache."""
        patch = b"PATCHED!" * 512
        with Mount(self.server, "--page_cache_fill_threads=2") as mount:
            path = os.path.join(mount.path, "big")
            for attempt in range(3):
                drop_page_cache()
                before = fills(mount)
                stop = threading.Event()

                def read_on():
                    with open(path, "rb", buffering=0) as stream:
                        while not stop.is_set() and stream.read(MIB):
                            time.sleep(0.002)

                reader = threading.Thread(target=read_on)
                reader.start()
                try:
                    wait_until(lambda: fills(mount) > before + 8 * MIB, what="filled pages")
                    with open(path, "r+b", buffering=0) as writer:
                        offsets = [(self.SIZE // MIB - 1 - 3 * n) * MIB + 4096 * attempt for n in range(60)]
                        for offset in offsets:
                            os.pwrite(writer.fileno(), patch, offset)
                            self.assertEqual(os.pread(writer.fileno(), 4096, offset), patch)
                        for _ in range(10):
                            for offset in offsets:
                                self.assertEqual(os.pread(writer.fileno(), 4096, offset), patch)
                            time.sleep(0.02)
                finally:
                    stop.set()
                    reader.join(60)

    def test_direct_readers_leave_the_page_cache_alone(self):
        with Mount(self.server, "--page_cache_fill_threads=2") as mount:
            run(["dd", "if=" + os.path.join(mount.path, "big"), "of=/dev/null", "bs=1M", "iflag=direct"])
            self.assertEqual(fills(mount), 0)


class ShardRun(unittest.TestCase):
    """Shards of a model: after one was read whole, the next come to the page cache unread."""
    SIZE, COUNT = 96 * MIB, 5

    def setUp(self):
        self.server = Server()
        self.path = os.path.join(harness.temporary_folder(), "shard")
        for number in range(1, self.COUNT + 1):
            self.put(number, "shard%d" % number)

    def tearDown(self):
        self.server.destroy()
        os.unlink(self.path)

    def put(self, number, seed):
        with open(self.path, "wb") as stream:
            for index in range(self.SIZE // MIB):
                stream.write(harness.block(seed, index))
        self.server.client.put_file(self.name(number), self.path)

    def name(self, number):
        return "model-%05d-of-%05d.safetensors" % (number, self.COUNT)

    def lead_comes(self, mount):
        """Reads the first shard; returns once the second lies in the page cache."""
        os.listdir(mount.path)
        for number in range(1, self.COUNT + 1):
            os.stat(os.path.join(mount.path, self.name(number)))
        drop_page_cache()
        check_file(os.path.join(mount.path, self.name(1)), "shard1", self.SIZE)
        wait_until(lambda: self.server.stats().get_bytes >= 1.9 * self.SIZE, what="the second shard")

    def test_each_byte_once_and_right(self):
        with Mount(self.server, "--page_cache_fill_threads=2") as mount:
            self.server.reset()
            self.lead_comes(mount)
            self.assertGreater(metric(mount, "read_lead_bytes"), self.SIZE // 2)
            for number in range(2, self.COUNT + 1):
                check_file(os.path.join(mount.path, self.name(number)), "shard%d" % number, self.SIZE)
            self.assertLessEqual(self.server.stats().get_bytes, 1.01 * self.COUNT * self.SIZE)
            self.assertGreater(fills(mount), 2 * self.SIZE)
            wait_until(lambda: metric(mount, "read_lead_bytes") == 0, what="the end of the lead")

    def test_a_shard_replaced_before_it_is_opened_has_its_new_bytes(self):
        with Mount(self.server, "--page_cache_fill_threads=2", "--close_to_open=true") as mount:
            self.lead_comes(mount)
            wait_until(lambda: fills(mount) > self.SIZE // 2, what="pages of the second shard")
            self.put(2, "new2")
            check_file(os.path.join(mount.path, self.name(2)), "new2", self.SIZE)
            check_file(os.path.join(mount.path, self.name(3)), "shard3", self.SIZE)

    def test_a_shard_written_here_before_it_is_read_has_what_was_written(self):
        patch = b"PATCHED!" * 512
        with Mount(self.server, "--page_cache_fill_threads=2") as mount:
            self.lead_comes(mount)
            path = os.path.join(mount.path, self.name(2))
            with open(path, "r+b", buffering=0) as stream:
                for offset in range(0, self.SIZE, 4 * MIB):
                    os.pwrite(stream.fileno(), patch, offset)
                for _ in range(5):
                    for offset in range(0, self.SIZE, 4 * MIB):
                        self.assertEqual(os.pread(stream.fileno(), 4096, offset), patch)
                    time.sleep(0.02)
            with open(path, "rb", buffering=0) as stream:
                for index in range(0, self.SIZE // MIB):
                    expected = harness.block("shard2", index)
                    if index % 4 == 0:
                        expected = patch + expected[4096:]
                    self.assertEqual(stream.read(MIB), expected)

    def test_off(self):
        for option in ("--prefetch_next_shard=false", "--page_cache_fill_threads=0"):
            with Mount(self.server, "--page_cache_fill_threads=2", option) as mount:
                os.listdir(mount.path)
                drop_page_cache()
                check_file(os.path.join(mount.path, self.name(1)), "shard1", self.SIZE)
                # With the lead, GETs are under way from the read that ended the shard until all others are here.
                wait_until(lambda: metric(mount, "read_gets_in_flight") == 0, 60, "the last GET")
                self.assertEqual(metric(mount, "read_lead_bytes"), 0)
                self.assertLessEqual(fills(mount), self.SIZE)


if __name__ == "__main__":
    harness.main()
