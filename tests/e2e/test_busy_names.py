"""Files that are opened, written, read and asked about while a rename, a removal or a store of them is under way."""
import os
import random
import threading

import harness
from harness import MIB, MountCase, payload, wait_until, write_all, write_file

SIZE = 3 * MIB


def forget_pages(path):
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


class BusyNames(MountCase):
    mount_options = ("--upload_buffer_size=1m",)

    def tearDown(self):
        self.server.clear_fault()
        super().tearDown()

    def during(self, request, change, work):
        """Runs `work` when a request of `change`, which is held up, has reached the server."""
        self.server.reset()
        self.server.set_fault("op=%s,count=1,kind=delay:1500" % request)
        failures = []

        def body():
            try:
                change()
            except OSError as error:
                failures.append(error)
        thread = threading.Thread(target=body)
        thread.start()
        wait_until(lambda: self.server.stats().faults, 20, "the change")
        try:
            work()
        finally:
            thread.join(30)
            self.server.clear_fault()
        self.assertEqual(failures, [])

    def write_during_rename(self, request, flags, in_folder):
        folder = self.folder("%s-%x-%s" % (request, flags, in_folder))
        old = os.path.join(folder, "one", "f")
        new = os.path.join(folder, "two", "f") if in_folder else os.path.join(folder, "one", "g")
        os.mkdir(os.path.dirname(old))
        write_file(old, 1, SIZE)
        os.stat(old)
        wanted = bytearray(b"" if flags & os.O_TRUNC else payload(1, SIZE))

        def work():
            handle = os.open(old, os.O_RDWR | flags)
            for at, data in ((0, b"head"), (SIZE - 10, b"over the end")):
                os.pwrite(handle, data, at)
                wanted.extend(bytes(max(0, at + len(data) - len(wanted))))
                wanted[at:at + len(data)] = data
            os.close(handle)
        whole = (os.path.dirname(old), os.path.dirname(new)) if in_folder else (old, new)
        self.during(request, lambda: os.rename(*whole), work)
        root = self.mount.path
        keys = [key for key in self.client.keys(os.path.relpath(folder, root)) if not key.endswith("/")]
        self.assertEqual(keys, [os.path.relpath(new, root)])
        self.assertTrue(self.client.get(keys[0]) == bytes(wanted), "the object is not what was written")
        with open(new, "rb") as stream:
            self.assertTrue(stream.read() == bytes(wanted), "the file is not what was written")

    def test_opened_for_writing_during_a_rename(self):
        for request in ("copy", "delete"):
            for flags in (0, os.O_TRUNC):
                with self.subTest(request=request, flags=flags):
                    self.write_during_rename(request, flags, False)

    def test_opened_for_writing_during_a_rename_of_its_folder(self):
        for request in ("copy", "delete_many"):
            for flags in (0, os.O_TRUNC):
                with self.subTest(request=request, flags=flags):
                    self.write_during_rename(request, flags, True)

    def test_opened_for_reading_while_it_is_replaced(self):
        """Readers of a name see the old file or the new one, whole, also when they read later."""
        path = os.path.join(self.folder(), "f")
        write_file(path, "old", SIZE)
        write_file(path + ".new", "new", SIZE)
        forget_pages(path)
        streams = []
        self.during("copy", lambda: os.rename(path + ".new", path), lambda: streams.append(open(path, "rb")))
        with streams[0] as stream:
            self.assertTrue(stream.read() in (payload("old", SIZE), payload("new", SIZE)), "a mixture")

    def test_opened_for_reading_while_it_is_removed(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "old", SIZE)
        forget_pages(path)
        streams = []

        def work():
            try:
                streams.append(open(path, "rb"))
            except FileNotFoundError:
                pass
        self.during("delete", lambda: os.unlink(path), work)
        for stream in streams:
            with stream:
                self.assertTrue(stream.read() == payload("old", SIZE))


class LateStores(MountCase):
    """With sync_upload=false files are stored while the next program has them open already."""
    mount_options = ("--upload_buffer_size=1m", "--sync_upload=false")

    def test_appended_while_it_is_stored(self):
        path = os.path.join(self.folder(), "f")
        data = random.Random("late").randbytes(4 * MIB)
        for number in range(20):
            first, whole, more = data[number:64 * 1024], data[number + 1000:1640000], data[number + 2 * MIB:][:131072]
            for content in (first, whole):
                with open(path, "wb", buffering=0) as stream:
                    for at in range(0, len(content), 4096):
                        write_all(stream, content[at:at + 4096])
            with open(path, "ab", buffering=0) as stream:
                write_all(stream, more)
            with open(path, "rb") as stream:
                self.assertTrue(stream.read() == whole + more, "round %d: not what was written" % number)


    def test_truncated_while_it_is_stored(self):
        folder = self.folder()
        for number in range(40):
            path = os.path.join(folder, "f%d" % number)
            write_file(path, number, 2 * MIB + number)
            os.truncate(path, 4096)
            self.assertEqual(os.stat(path).st_size, 4096)
        self.mount.remount()
        for number in range(40):
            self.assertTrue(self.client.get("%s/f%d" % (os.path.basename(folder), number)) ==
                            payload(number, 2 * MIB + number)[:4096], "file %d" % number)

    def test_two_handles_that_end_together(self):
        folder = self.folder()
        for number in range(100):
            path = os.path.join(folder, "f%d" % number)
            handles = [os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(4)]
            os.pwrite(handles[0], b"text", 0)
            for handle in handles:
                os.close(handle)
        self.mount.remount()
        for number in range(100):
            self.assertEqual(self.client.get("%s/f%d" % (os.path.basename(folder), number)), b"text")


class DirectReads(MountCase):
    mount_options = ("--direct_io=true",)

    def test_empty_file_that_lost_its_name(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, 1, 0)
        handle = os.open(path, os.O_RDONLY)
        os.unlink(path)
        self.assertEqual(os.pread(handle, 100, 0), b"")
        os.close(handle)


if __name__ == "__main__":
    harness.main()
