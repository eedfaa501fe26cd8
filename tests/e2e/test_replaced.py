"""Readers of a file whose object this mount copies onto itself or to another name: a new ETag is no new content."""
import concurrent.futures
import errno
import mmap
import os
import random
import threading
import unittest

import harness
from harness import GIB, MIB, MountCase, Server, Mount, payload, wait_until, write_file

SIZE = 24 * MIB
READ = 128 * 1024


def drop_pages(path):
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def store_now(path):
    """fsync stores attributes that wait."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def synthetic(key):
    """The bytes of a --synthetic object, as `ossfs2-server --help` describes them: a function of offset and count."""
    mask = (1 << 64) - 1
    digest = 0xcbf29ce484222325
    for byte in key.encode():
        digest = ((digest ^ byte) * 0x100000001b3) & mask
    pattern = b"".join((((i + 1) * 0x9E3779B97F4A7C15) & mask).to_bytes(8, "little") for i in range(4222976 // 8))
    phase = 4096 * (digest % 1031)

    def piece(offset, count):
        start = (offset + phase) % len(pattern)
        return (pattern[start:start + count] + pattern[:max(0, start + count - len(pattern))])
    return piece


class Readers:
    """Threads that read through handles of their own, and compare every byte until they are told to stop."""

    def __init__(self, path, wanted, size):
        self.wanted = wanted
        self.size = size
        self.failures = []
        self.reads = 0
        self.stopping = threading.Event()
        self.handles = [os.open(path, os.O_RDONLY) for _ in range(3)]
        self.threads = [threading.Thread(target=self.run, args=(number, handle))
                        for number, handle in enumerate(self.handles)]
        for thread in self.threads:
            thread.start()

    def run(self, number, handle):
        dice = random.Random(number)
        offset = number * MIB
        try:
            while not self.stopping.is_set():
                got = os.pread(handle, READ, offset)
                if not got or got != self.wanted(offset, len(got)):
                    raise AssertionError("wrong bytes at %d" % offset)
                self.reads += 1
                offset = (offset + READ) % self.size if number == 0 else dice.randrange(self.size - READ)
                if self.reads % 50 == 0:
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        except (OSError, AssertionError) as error:
            self.failures.append("reader %d at %d: %r" % (number, offset, error))

    def progress(self):
        """Waits until they have read a little more, or one failed."""
        before = self.reads
        wait_until(lambda: self.reads > before + 6 or self.failures, 60, "the readers")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        for handle in self.handles:
            os.close(handle)


class Replaced(MountCase):
    server_options = ("--copies-change-etag", "--no-copy-crc")
    mount_options = ("--total_mem_limit=64m",)

    def tearDown(self):
        self.server.clear_fault()
        super().tearDown()

    def readers(self, path):
        text = payload(5, SIZE)
        return Readers(path, lambda offset, count: text[offset:offset + count], SIZE)

    def beside(self, path, changes, request="copy"):
        """Changes beside readers, each answered late: the object has its new ETag long before we know it."""
        drop_pages(path)
        readers = self.readers(path)
        try:
            self.server.set_fault("op=%s,kind=late-answer:150" % request)
            for change in changes:
                change()
                readers.progress()
        finally:
            readers.stop()
            self.server.clear_fault()
        self.assertEqual(readers.failures, [])

    def file(self, name):
        path = os.path.join(self.folder(name), "f")
        write_file(path, 5, SIZE)
        return path

    def test_attributes(self):
        path = self.file("attributes")
        seen = [os.getxattr(path, "user.ossfs2.etag")]

        def change(number):
            kind = number % 3
            if kind == 0:
                os.chmod(path, 0o600 + number % 8)
            elif kind == 1:
                os.setxattr(path, "user.a", b"%d" % number)
            else:
                os.utime(path, (1000000 + number, 1000000 + number))
            store_now(path)
            seen.append(os.getxattr(path, "user.ossfs2.etag"))
        self.beside(path, [lambda n=n: change(n) for n in range(12)])
        self.assertEqual(len(set(seen)), 13, "the copies did not change the ETag")

    def test_readers_that_come_during_the_copy(self):
        path = self.file("coming")
        drop_pages(path)
        self.server.reset()
        self.server.set_fault("op=copy,kind=late-answer:600")
        os.chmod(path, 0o600)
        saver = threading.Thread(target=store_now, args=(path,))
        saver.start()
        wait_until(lambda: self.server.stats().faults, 20, "the copy")
        harness.check_file(path, 5, SIZE)
        saver.join(30)

    def test_rename(self):
        path = self.file("rename")
        names = [path, path + "-other"]

        def change(number):
            os.rename(names[number % 2], names[1 - number % 2])
        self.beside(path, [lambda n=n: change(n) for n in range(6)], "copy|delete")

    def test_rename_of_the_folder(self):
        path = self.file("one")
        folder = os.path.dirname(path)
        names = [folder, folder + "-other"]
        for number in range(20):
            write_file(os.path.join(folder, "more%d" % number), 1, 10)

        def change(number):
            os.rename(names[number % 2], names[1 - number % 2])
        self.beside(path, [lambda n=n: change(n) for n in range(4)], "delete_many")

    def test_other_host_is_still_noticed(self):
        path = self.file("other")
        key = os.path.relpath(path, self.mount.path)
        handle = os.open(path, os.O_RDONLY)
        self.server.client.put(key, payload(6, SIZE))
        os.chmod(path, 0o600)
        with self.assertRaises(OSError):
            store_now(path)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        with self.assertRaises(OSError):
            os.pread(handle, READ, 20 * MIB)
        os.close(handle)


class ReplacedByAnotherHost(MountCase):
    """A handle of the old version must not tell the kernel anything of the new one: they share size and pages."""
    mount_options = ("--attr_timeout=3",)

    def replace(self, name, old, new, by_this_mount):
        """Another host replaces the file that has been read through the handle that this returns."""
        path = os.path.join(self.mount.path, name)
        if by_this_mount:
            with open(path, "wb") as stream:
                stream.write(old)
        else:
            self.server.client.put(name, old)
        handle = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, handle)
        self.assertEqual(os.read(handle, MIB), old)
        self.server.client.put(name, new)
        wait_until(lambda: os.stat(path).st_size == len(new), 20, "the new size")
        return path, handle

    def check(self, path, handle, new):
        with self.assertRaises(OSError) as raised:
            os.read(handle, 4096)
        self.assertEqual(raised.exception.errno, errno.ESTALE)
        self.assertEqual(os.stat(path).st_size, len(new))
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), new)

    def test_read_at_the_old_end(self):
        self.check(*self.replace("end", b"o" * 8192, b"n" * 20000, False), b"n" * 20000)

    def test_read_at_the_old_end_of_a_shorter_version(self):
        self.check(*self.replace("shorter", b"o" * 8192, b"n" * 100, False), b"n" * 100)

    def test_handle_that_has_read_pages_of_others_only(self):
        self.server.client.put("pages", b"o" * 8192)
        harness.sha256(os.path.join(self.mount.path, "pages"))
        self.check(*self.replace("pages", b"o" * 8192, b"n" * 20000, False), b"n" * 20000)

    def test_last_page_of_a_file_written_here(self):
        path, handle = self.replace("tail", b"o" * 100, b"n" * 200, True)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.lseek(handle, 0, os.SEEK_SET)
        self.check(path, handle, b"n" * 200)


class ReplacedBeforeAnOpen(MountCase):
    """With close_to_open an open shows the new version whole, whatever the kernel is still busy with."""
    mount_options = ("--close_to_open=true", "--attr_timeout=1000", "--oss_request_timeout_ms=5000")

    def tearDown(self):
        self.server.clear_fault()
        super().tearDown()

    def test_read_while_pages_of_another_file_wait(self):
        self.server.client.put("slow", b"o" * MIB)
        self.server.client.put("small", b"o" * 100)
        slow, small = (os.path.join(self.mount.path, name) for name in ("slow", "small"))
        self.assertEqual(self.read(small), b"o" * 100)
        self.server.set_fault("op=get,key=slow,kind=stall")
        behind = MIB // 4 * 3  # half of the head comes
        reader = threading.Thread(target=self.read, args=(slow, behind))
        reader.start()
        wait_until(lambda: self.server.stats().faults, 20, "a read that waits")
        self.server.client.put("slow", b"n" * MIB)
        opener = threading.Thread(target=self.read, args=(slow, behind))  # whose version tells the kernel to drop the page
        heads = self.server.stats().requests("head")
        opener.start()
        wait_until(lambda: self.server.stats().requests("head") > heads, 20, "the new version")
        for size in range(200, 300):
            self.server.client.put("small", b"n" * size)
            self.assertEqual(self.read(small), b"n" * size)
        self.server.clear_fault()
        for thread in (reader, opener):
            thread.join(60)

    def test_read_at_once(self):
        """Nothing that is told of the old version comes between the kernel's question for the size and its answer."""
        path = os.path.join(self.mount.path, "at-once")
        for size in range(100, 400):
            self.server.client.put("at-once", b"n" * size)
            self.assertEqual(len(self.read(path)), size)

    def test_direct_read_over_the_old_end(self):
        """Where a direct read ends the kernel goes on in the page cache, which has the new version by then."""
        path = os.path.join(self.mount.path, "direct")
        self.server.client.put("direct", b"o" * 5000)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
        self.server.set_fault("op=get,key=direct,count=1,kind=late-answer:2000")
        with concurrent.futures.ThreadPoolExecutor() as threads, mmap.mmap(-1, 4 * 4096) as buffer:
            read = threads.submit(os.preadv, handle, [buffer], 0)
            wait_until(lambda: self.server.stats().faults, 20, "a read that waits")
            self.server.client.put("direct", b"n" * 4 * 4096)
            with open(path, "rb") as stream:
                self.assertEqual(stream.read(), b"n" * 4 * 4096)
            self.assertIsInstance(read.exception(60), OSError, "%d bytes" % len(buffer[:].rstrip(b"\0")))
        os.close(handle)

    def read(self, path, offset=0):
        handle = os.open(path, os.O_RDONLY)
        try:
            return os.pread(handle, 4096, offset)  # nobody asks for the size: open() of Python would
        except OSError:
            return None  # its version is gone
        finally:
            os.close(handle)


class ReplacedDirect(Replaced):
    mount_options = ("--total_mem_limit=64m", "--direct_io=true")


class ReplacedInParts(unittest.TestCase):
    """Above 5 GiB a copy onto itself is made in parts."""

    def test_attributes(self):
        with Server("--synthetic", "big=6G") as server:
            with Mount(server, "--total_mem_limit=64m", "--direct_io=true") as mount:
                path = mount.path + "/big"
                start = server.client.head("big")["etag"]
                readers = Readers(path, synthetic("big"), 6 * GIB)
                try:
                    server.set_fault("op=complete,kind=late-answer:300")
                    for mode in (0o601, 0o602):
                        os.chmod(path, mode)
                        store_now(path)
                        readers.progress()
                finally:
                    readers.stop()
                self.assertEqual(readers.failures, [])
                self.assertNotEqual(server.client.head("big")["etag"], start)


if __name__ == "__main__":
    harness.main()
