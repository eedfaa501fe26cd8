"""The everyday operations of a file system, through a real mount."""
import errno
import fcntl
import mmap
import os
import stat
import subprocess
import time
import unittest

import harness
from harness import MIB, MountCase, check_file, payload, run, write_file


class Files(MountCase):
    def test_write_read_list(self):
        folder = self.folder()
        path = os.path.join(folder, "hello.txt")
        with open(path, "w") as stream:
            stream.write("hello\n")
        self.assertEqual(os.listdir(folder), ["hello.txt"])
        self.assertEqual(os.stat(path).st_size, 6)
        self.assertEqual(run(["cat", path]).stdout, "hello\n")
        self.assertEqual(self.client.get("test_write_read_list/hello.txt"), b"hello\n")

    def test_sizes_around_the_borders(self):
        folder = self.folder()
        sizes = [0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1,
                 20 * MIB + 12345]
        for size in sizes:
            write_file(os.path.join(folder, "f%d" % size), size, size)
        for size in sizes:
            path = os.path.join(folder, "f%d" % size)
            self.assertEqual(os.stat(path).st_size, size)
            check_file(path, size, size)
            key = "test_sizes_around_the_borders/f%d" % size
            self.assertEqual(self.client.get(key), payload(size, size))

    def test_object_made_elsewhere(self):
        self.client.put("elsewhere/deep/er/file.bin", payload("x", 3 * MIB + 5))
        with harness.Mount(self.server) as mount:  # ours may have listed its root before
            check_file(os.path.join(mount.path, "elsewhere/deep/er/file.bin"), "x", 3 * MIB + 5)
            self.assertEqual(os.listdir(os.path.join(mount.path, "elsewhere")), ["deep"])

    def test_append(self):
        path = os.path.join(self.folder(), "log")
        expected = b""
        for part in (b"one\n", b"two\n", payload("three", 2 * MIB + 1), b"end"):
            with open(path, "ab") as stream:
                stream.write(part)
            expected += part
            self.assertEqual(os.stat(path).st_size, len(expected))
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), expected)

    def test_truncate(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "t", 3 * MIB)
        for size in (3 * MIB, 2 * MIB + 7, 10, 0):
            os.truncate(path, size)
            self.assertEqual(os.stat(path).st_size, size)
            with open(path, "rb") as stream:
                self.assertEqual(stream.read(), payload("t", 3 * MIB)[:size])
        os.truncate(path, MIB + 3)
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), bytes(MIB + 3))

    def test_overwrite_in_the_middle(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "m", 5 * MIB)
        expected = bytearray(payload("m", 5 * MIB))
        with open(path, "r+b") as stream:
            for offset in (4 * MIB + 9, 17, 2 * MIB - 5):
                stream.seek(offset)
                stream.write(b"patched")
                expected[offset:offset + 7] = b"patched"
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), bytes(expected))

    def test_read_while_writing(self):
        path = os.path.join(self.folder(), "f")
        with open(path, "w+b", buffering=0) as stream:
            for index in range(12):
                harness.write_all(stream, harness.block("rw", index))
                self.assertEqual(os.stat(path).st_size, (index + 1) * MIB)
            with open(path, "rb") as other:
                other.seek(3 * MIB)
                self.assertEqual(other.read(MIB), harness.block("rw", 3))
            self.assertEqual(os.pread(stream.fileno(), MIB, 11 * MIB), harness.block("rw", 11))
        check_file(path, "rw", 12 * MIB)

    def test_unlink_and_create_again(self):
        path = os.path.join(self.folder(), "f")
        for round_number in range(3):
            write_file(path, round_number, 100000 + round_number)
            check_file(path, round_number, 100000 + round_number)
            os.unlink(path)
            self.assertFalse(os.path.exists(path))
            with self.assertRaises(FileNotFoundError):
                os.unlink(path)

    def test_unlinked_file_stays_readable(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "u", 6 * MIB)
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(MIB), harness.block("u", 0))
            os.unlink(path)
            stream.seek(0)
            self.assertEqual(stream.read(MIB), harness.block("u", 0))
        self.assertFalse(os.path.exists(path))

    def test_exclusive_create(self):
        path = os.path.join(self.folder(), "f")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        with self.assertRaises(FileExistsError):
            os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)

    def test_file_made_by_a_reader(self):
        path = os.path.join(self.folder(), "lock")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        self.assertEqual(os.stat(path).st_size, 0)
        with self.assertRaises(FileExistsError):
            os.open(path, os.O_CREAT | os.O_EXCL)
        other = path + "2"
        harness.run(["flock", other, "true"])
        self.mount.remount()
        self.assertEqual(sorted(os.listdir(os.path.dirname(path))), ["lock", "lock2"])

    def test_locks(self):
        path = os.path.join(self.folder(), "lock")
        with open(path, "w") as one, open(path) as two:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_memory_map(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "map", 3 * MIB)
        with open(path, "rb") as stream:
            for flags in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
                with mmap.mmap(stream.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as view:
                    self.assertEqual(view[MIB:2 * MIB], harness.block("map", 1))

    def test_direct_io(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "d", 3 * MIB)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
        try:
            buffer = mmap.mmap(-1, MIB)
            self.assertEqual(os.preadv(handle, [buffer], MIB), MIB)
            self.assertEqual(buffer[:], harness.block("d", 1))
        finally:
            os.close(handle)


class Names(MountCase):
    def test_rename(self):
        folder = self.folder()
        one, two = os.path.join(folder, "one"), os.path.join(folder, "sub", "two")
        os.mkdir(os.path.join(folder, "sub"))
        write_file(one, 1, MIB)
        write_file(two, 2, 2 * MIB)
        os.rename(one, two)
        self.assertFalse(os.path.exists(one))
        check_file(two, 1, MIB)
        self.assertEqual(sorted(self.client.keys("test_rename/")),
                         sorted(k for k in ("test_rename/", "test_rename/sub/",
                                            "test_rename/sub/two")))

    def test_rename_keeps_open_handles(self):
        folder = self.folder()
        write_file(os.path.join(folder, "a"), 1, 3 * MIB)
        with open(os.path.join(folder, "a"), "rb") as stream:
            os.rename(os.path.join(folder, "a"), os.path.join(folder, "b"))
            self.assertEqual(stream.read(), payload(1, 3 * MIB))
        with open(os.path.join(folder, "c"), "wb", buffering=0) as stream:
            harness.write_all(stream, harness.block("c", 0))
            os.rename(os.path.join(folder, "c"), os.path.join(folder, "d"))
            harness.write_all(stream, harness.block("c", 1))
        check_file(os.path.join(folder, "d"), "c", 2 * MIB)
        self.assertEqual(sorted(os.listdir(folder)), ["b", "d"])

    def test_rename_folder(self):
        folder = self.folder()
        for number in range(5):
            os.makedirs(os.path.join(folder, "from/%d" % number))
            write_file(os.path.join(folder, "from/%d/f" % number), number, 1000 + number)
        os.rename(os.path.join(folder, "from"), os.path.join(folder, "to"))
        self.assertEqual(os.listdir(folder), ["to"])
        for number in range(5):
            check_file(os.path.join(folder, "to/%d/f" % number), number, 1000 + number)

    def test_rename_refusals(self):
        folder = self.folder()
        os.makedirs(os.path.join(folder, "full/inside"))
        os.mkdir(os.path.join(folder, "empty"))
        write_file(os.path.join(folder, "f"), 1, 1)
        for source, target, number in (("missing", "x", errno.ENOENT), ("f", "full", errno.EISDIR),
                                       ("empty", "f", errno.ENOTDIR),
                                       ("empty", "full", errno.ENOTEMPTY)):
            with self.assertRaises(OSError) as caught:
                os.rename(os.path.join(folder, source), os.path.join(folder, target))
            self.assertEqual(caught.exception.errno, number, (source, target))
        run(["mv", "-n", os.path.join(folder, "f"), os.path.join(folder, "g")])
        self.assertTrue(os.path.exists(os.path.join(folder, "g")))

    def test_folders(self):
        folder = self.folder()
        os.makedirs(os.path.join(folder, "a/b/c"))
        with self.assertRaises(FileExistsError):
            os.mkdir(os.path.join(folder, "a"))
        with self.assertRaises(OSError) as caught:
            os.rmdir(os.path.join(folder, "a"))
        self.assertEqual(caught.exception.errno, errno.ENOTEMPTY)
        os.removedirs(os.path.join(folder, "a/b/c"))
        self.assertFalse(os.path.exists(os.path.join(folder, "a")))
        self.assertEqual([k for k in self.client.keys("test_folders/") if "/a" in k], [])

    def test_symbolic_links(self):
        folder = self.folder()
        write_file(os.path.join(folder, "target"), 5, 5000)
        try:
            os.symlink("target", os.path.join(folder, "link"))
        except OSError as error:
            self.fail("symlink: %s" % error)
        self.assertEqual(os.readlink(os.path.join(folder, "link")), "target")
        check_file(os.path.join(folder, "link"), 5, 5000)
        os.symlink("nowhere", os.path.join(folder, "dangling"))
        self.assertTrue(os.path.islink(os.path.join(folder, "dangling")))
        self.assertFalse(os.path.exists(os.path.join(folder, "dangling")))

    def test_many_names(self):
        folder = self.folder()
        names = ["n%04d" % n for n in range(300)] + ["sp ace", "ümlaut", "日本", "a+b&c=d", "100%",
                                                     "x" * 255, "-dash", "q?u#e"]
        for name in names:
            with open(os.path.join(folder, name), "w") as stream:
                stream.write(name)
        self.assertEqual(sorted(os.listdir(folder)), sorted(names))
        for name in names:
            with open(os.path.join(folder, name)) as stream:
                self.assertEqual(stream.read(), name)
        with self.assertRaises(OSError) as caught:
            open(os.path.join(folder, "x" * 256), "w")
        self.assertEqual(caught.exception.errno, errno.ENAMETOOLONG)


class Attributes(MountCase):
    def test_statfs(self):
        facts = os.statvfs(self.mount.path)
        self.assertGreater(facts.f_bavail * facts.f_frsize, 1 << 40)
        self.assertGreaterEqual(facts.f_namemax, 255)

    def test_mode_owner_and_time(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, 1, 1000)
        os.chmod(path, 0o640)
        os.chown(path, os.getuid(), os.getgid())
        os.utime(path, ns=(1600000000 * 10**9, 1600000001 * 10**9 + 500))
        self.assertEqual(int(os.stat(path).st_mtime), 1600000001)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        check_file(path, 1, 1000)

    def test_mtime_is_the_time_of_the_write(self):
        path = os.path.join(self.folder(), "f")
        begin = int(time.time())  # an object's time may have no fraction
        write_file(path, 1, 1000)
        self.assertTrue(begin <= os.stat(path).st_mtime <= time.time())

    def test_stat_of_file_and_folder(self):
        folder = self.folder()
        path = os.path.join(folder, "f")
        write_file(path, 1, 5000)
        facts = os.stat(path)
        self.assertTrue(stat.S_ISREG(facts.st_mode))
        self.assertGreaterEqual(facts.st_blocks * 512, 5000)
        self.assertEqual(facts.st_nlink, 1)
        self.assertTrue(stat.S_ISDIR(os.stat(folder).st_mode))
        with os.scandir(folder) as entries:
            self.assertEqual([(e.name, e.is_file(), e.inode()) for e in entries],
                             [("f", True, facts.st_ino)])

    def test_hard_link_is_refused(self):
        folder = self.folder()
        write_file(os.path.join(folder, "f"), 1, 10)
        with self.assertRaises(OSError) as caught:
            os.link(os.path.join(folder, "f"), os.path.join(folder, "g"))
        self.assertIn(caught.exception.errno, (errno.EPERM, errno.ENOTSUP, errno.EMLINK,
                                               errno.ENOSYS))


class MountLife(unittest.TestCase):
    def test_remount_shows_the_same(self):
        with harness.Server() as server, harness.Mount(server) as mount:
            os.makedirs(os.path.join(mount.path, "d/e"))
            write_file(os.path.join(mount.path, "d/e/f"), 9, 9 * MIB + 9)
            mount.remount()
            check_file(os.path.join(mount.path, "d/e/f"), 9, 9 * MIB + 9)
            self.assertEqual(os.listdir(os.path.join(mount.path, "d")), ["e"])

    def test_background_mount_and_plain_umount(self):
        with harness.Server() as server:
            path = harness.temporary_folder("mnt")
            done = run([harness.OSSFS2, "mount", path, "--oss_endpoint=" + server.endpoint,
                        "--oss_bucket=" + server.bucket, "--oss_access_key_id=" + harness.KEY_ID,
                        "--oss_access_key_secret=" + harness.KEY_SECRET], timeout=30)
            try:
                self.assertTrue(harness.is_mounted(path), done.stdout)
                write_file(os.path.join(path, "f"), 3, 300000)
                types = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True,
                                       text=True, check=True)
                self.assertIn("fuse", types.stdout)
            finally:
                run(["umount", path], timeout=60)
            self.assertFalse(harness.is_mounted(path))
            self.assertEqual(server.client.get("f"), payload(3, 300000))

    def test_read_only(self):
        with harness.Server() as server:
            server.client.put("f", b"data")
            with harness.Mount(server, "--ro") as mount:
                with open(os.path.join(mount.path, "f")) as stream:
                    self.assertEqual(stream.read(), "data")
                with self.assertRaises(OSError) as caught:
                    open(os.path.join(mount.path, "g"), "w")
                self.assertEqual(caught.exception.errno, errno.EROFS)

    def test_umount_of_a_busy_mount_says_so(self):
        with harness.Server() as server, harness.Mount(server) as mount:
            write_file(os.path.join(mount.path, "f"), 1, 1)
            with open(os.path.join(mount.path, "f")):
                done = run([harness.OSSFS2, "umount", mount.path], check=False, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout.lower(), "busy|in use")
            mount.unmount()


if __name__ == "__main__":
    harness.main()
