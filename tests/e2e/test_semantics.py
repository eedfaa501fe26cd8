"""Promises about consistency, kept attributes and errno values."""
import ctypes
import errno
import mmap
import os
import stat

import harness
from harness import MIB, Mount, MountCase, check_file, payload, wait_until, write_file


class Versions(MountCase):
    mount_options = ("--attr_timeout=1",)

    def test_replaced_during_a_read_is_never_mixed(self):
        self.client.put("v", payload("one", 64 * MIB))
        with open(os.path.join(self.mount.path, "v"), "rb", buffering=0) as stream:
            got = stream.read(MIB)
            self.assertEqual(got, harness.block("one", 0))
            self.client.put("v", payload("two", 64 * MIB))
            failure = None
            for index in range(1, 64):
                try:
                    piece = stream.read(MIB)
                    while 0 < len(piece) < MIB:  # the kernel ends a read early when its read-ahead fails
                        more = stream.read(MIB - len(piece))
                        if not more:
                            break
                        piece += more
                except OSError as error:
                    failure = error.errno
                    break
                self.assertEqual(piece, harness.block("one", index), "two versions are mixed")
            self.assertIn(failure, (errno.ESTALE, None))

        def fresh():
            try:
                with open(os.path.join(self.mount.path, "v"), "rb") as again:
                    return again.read(MIB) == harness.block("two", 0)
            except OSError as error:  # the mount learns by this read that the old one is gone
                self.assertEqual(error.errno, errno.ESTALE)
                return False
        wait_until(fresh, 10, "the new version")
        check_file(os.path.join(self.mount.path, "v"), "two", 64 * MIB)

    def test_deleted_during_a_read_is_an_error(self):
        self.client.put("d", payload("d", 96 * MIB))
        with open(os.path.join(self.mount.path, "d"), "rb", buffering=0) as stream:
            self.assertEqual(stream.read(MIB), harness.block("d", 0))
            self.client.delete("d")
            try:
                for index in range(1, 96):
                    piece = b""
                    while len(piece) < MIB:
                        more = stream.read(MIB - len(piece))
                        if not more:
                            break
                        piece += more
                    self.assertEqual(piece, harness.block("d", index), "other bytes than the file's")
            except OSError as error:
                self.assertEqual(error.errno, errno.ESTALE)

    def test_file_becomes_a_folder(self):
        self.client.put("change", b"file")
        path = os.path.join(self.mount.path, "change")
        self.assertTrue(os.path.isfile(path))
        self.client.delete("change")
        self.client.put("change/inside", b"x")
        wait_until(lambda: os.path.isdir(path), 10, "the folder")
        self.assertEqual(os.listdir(path), ["inside"])


class Attributes(MountCase):
    def test_kept_over_a_remount(self):
        folder = self.folder()
        path = os.path.join(folder, "f")
        write_file(path, 1, 3 * MIB)
        self.server.reset()
        os.chmod(path, 0o640)
        os.utime(path, ns=(1500000000 * 10**9, 1500000001 * 10**9 + 123456789))
        os.setxattr(path, "user.note", b"hello")
        os.mkdir(os.path.join(folder, "d"))
        os.chmod(os.path.join(folder, "d"), 0o750)
        os.symlink("f", os.path.join(folder, "l"))
        self.mount.remount()
        self.assertLess(self.server.stats().put_bytes, MIB, "attributes must not cost the data")
        facts = os.stat(path)
        self.assertEqual(stat.S_IMODE(facts.st_mode), 0o640)
        self.assertEqual(facts.st_mtime_ns // 1000, (1500000001 * 10**9 + 123456789) // 1000)
        self.assertEqual(os.getxattr(path, "user.note"), b"hello")
        self.assertEqual(os.listxattr(path).count("user.note"), 1)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, "d")).st_mode), 0o750)
        self.assertEqual(os.readlink(os.path.join(folder, "l")), "f")
        check_file(path, 1, 3 * MIB)
        os.removexattr(path, "user.note")
        with self.assertRaises(OSError) as caught:
            os.getxattr(path, "user.note")
        self.assertEqual(caught.exception.errno, errno.ENODATA)

    def test_shown_defaults(self):
        self.client.put("plain", b"x")
        self.client.put("implicit/x", b"x")
        with Mount(self.server, "--file_mode=0604", "--dir_mode=0705", "--uid=1234",
                   "--gid=4321") as mount:
            facts = os.stat(os.path.join(mount.path, "plain"))
            self.assertEqual((stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid),
                             (0o604, 1234, 4321))
            facts = os.stat(os.path.join(mount.path, "implicit"))
            self.assertEqual(stat.S_IMODE(facts.st_mode), 0o705)

    def test_inode_numbers_are_stable(self):
        folder = self.folder()
        for number in range(20):
            write_file(os.path.join(folder, "f%d" % number), number, 10)
        first = {e.name: e.inode() for e in os.scandir(folder)}
        self.assertEqual(len(set(first.values())), 20)
        with open("/proc/sys/vm/drop_caches", "w") as stream:
            stream.write("2")
        self.assertEqual({e.name: e.inode() for e in os.scandir(folder)}, first)
        self.assertEqual({n: os.stat(os.path.join(folder, n)).st_ino for n in first}, first)


class Writes(MountCase):
    def test_preallocate_then_write_in_order_streams(self):
        path = os.path.join(self.folder(), "f")
        self.server.reset()
        with open(path, "wb", buffering=0) as stream:
            os.posix_fallocate(stream.fileno(), 0, 30 * MIB)
            self.assertEqual(os.fstat(stream.fileno()).st_size, 30 * MIB)
            for index in range(30):
                harness.write_all(stream, harness.block("p", index))
        check_file(path, "p", 30 * MIB)
        self.assertLessEqual(self.server.stats().put_bytes, 30 * MIB * 1.02)

    def test_hole(self):
        path = os.path.join(self.folder(), "f")
        with open(path, "wb", buffering=0) as stream:
            stream.write(b"begin")
            stream.seek(10 * MIB)
            stream.write(b"end")
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"begin" + bytes(10 * MIB - 5) + b"end")

    def test_several_handles(self):
        path = os.path.join(self.folder(), "f")
        one = os.open(path, os.O_CREAT | os.O_WRONLY)
        two = os.open(path, os.O_WRONLY)
        idle = os.open(path, os.O_WRONLY)
        os.pwrite(one, b"a" * 1000, 0)
        os.pwrite(two, b"b" * 1000, 1000)
        os.close(one)
        os.pwrite(two, b"c" * 1000, 500)
        os.close(two)
        os.close(idle)
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"a" * 500 + b"c" * 1000 + b"b" * 500)
        self.assertEqual(len(self.client.get("test_several_handles/f")), 2000)

    def test_append_mode_of_two_writers(self):
        path = os.path.join(self.folder(), "f")
        one = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        two = os.open(path, os.O_WRONLY | os.O_APPEND)
        for number in range(50):
            os.write(one if number % 2 else two, b"%04d\n" % number)
        os.close(one)
        os.close(two)
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), b"".join(b"%04d\n" % n for n in range(50)))

    def test_shared_writable_map(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "m", 4 * MIB)
        with open(path, "r+b") as stream:
            with mmap.mmap(stream.fileno(), 0) as view:
                view[MIB:MIB + 5] = b"hello"
                view[3 * MIB:3 * MIB + 5] = b"there"
                view.flush()
        expected = bytearray(payload("m", 4 * MIB))
        expected[MIB:MIB + 5] = b"hello"
        expected[3 * MIB:3 * MIB + 5] = b"there"
        self.mount.remount()
        with open(path, "rb") as stream:
            self.assertEqual(stream.read(), bytes(expected))

    def test_truncate_on_open_and_write_again(self):
        path = os.path.join(self.folder(), "f")
        for number in range(10):
            with open(path, "wb") as stream:
                stream.write(b"%d" % number * (number + 1))
            with open(path, "rb") as stream:
                self.assertEqual(stream.read(), b"%d" % number * (number + 1))

    def test_empty_file_exists_at_once(self):
        path = os.path.join(self.folder(), "empty")
        open(path, "w").close()
        self.assertEqual(self.client.get("test_empty_file_exists_at_once/empty"), b"")

    def test_fsync_stores(self):
        path = os.path.join(self.folder(), "f")
        with open(path, "wb", buffering=0) as stream:
            for index in range(12):
                harness.write_all(stream, harness.block("fs", index))
                if index in (0, 5, 11):
                    os.fsync(stream.fileno())
                    self.assertEqual(self.client.get("test_fsync_stores/f"),
                                     payload("fs", (index + 1) * MIB))

    def test_unlink_while_writing(self):
        path = os.path.join(self.folder(), "f")
        with open(path, "w+b", buffering=0) as stream:
            harness.write_all(stream, harness.block("u", 0))
            os.unlink(path)
            harness.write_all(stream, harness.block("u", 1))
            stream.seek(0)
            self.assertEqual(stream.read(MIB), harness.block("u", 0))
        self.assertFalse(os.path.exists(path))
        self.assertIsNone(self.client.head("test_unlink_while_writing/f"))

    def test_copy_file_range(self):
        folder = self.folder()
        write_file(os.path.join(folder, "a"), "c", 40 * MIB + 5)
        self.server.reset()
        with open(os.path.join(folder, "a"), "rb") as source, \
                open(os.path.join(folder, "b"), "wb") as target:
            left = 40 * MIB + 5
            try:
                while left:
                    count = os.copy_file_range(source.fileno(), target.fileno(), left)
                    self.assertGreater(count, 0)
                    left -= count
            except OSError as error:
                self.skipTest("copy_file_range: %s" % error)
        check_file(os.path.join(folder, "b"), "c", 40 * MIB + 5)


class Refusals(MountCase):
    """Each refusal and its errno."""

    def expect(self, number, work, *arguments):
        with self.assertRaises(OSError) as caught:
            work(*arguments)
        numbers = number if isinstance(number, tuple) else (number,)
        self.assertIn(caught.exception.errno, numbers, caught.exception)

    def test_errno(self):
        folder = self.folder()
        path = os.path.join(folder, "f")
        write_file(path, 1, 10)
        os.mkdir(os.path.join(folder, "d"))
        self.expect(errno.ENOENT, os.stat, os.path.join(folder, "none"))
        self.expect(errno.ENOENT, os.unlink, os.path.join(folder, "none"))
        self.expect(errno.ENOENT, open, os.path.join(folder, "none/f"), "w")
        self.expect(errno.ENOTDIR, os.stat, os.path.join(path, "x"))
        self.expect(errno.EISDIR, os.unlink, os.path.join(folder, "d"))
        self.expect(errno.EISDIR, open, os.path.join(folder, "d"), "w")
        self.expect(errno.ENOTDIR, os.rmdir, path)
        self.expect(errno.EEXIST, os.mkdir, path)
        self.expect(errno.EINVAL, os.rename, os.path.join(folder, "d"),
                    os.path.join(folder, "d/below"))
        self.expect(errno.ENAMETOOLONG, os.stat, os.path.join(folder, "n" * 256))
        self.expect((errno.EPERM, errno.ENOTSUP), os.mkfifo, os.path.join(folder, "fifo"))
        self.expect((errno.EINVAL, errno.ENAMETOOLONG), self.long_key, folder)
        self.expect(errno.ENODATA, os.getxattr, path, "user.none")
        for name in ("system.posix_acl_access", "security.selinux"):  # else `ls -l` asks for each file
            self.expect(errno.ENOTSUP, os.getxattr, path, name)
        self.expect((errno.ENOTSUP, errno.EPERM), os.setxattr, path, "trusted.x", b"1")

    @staticmethod
    def long_key(folder):
        path = folder
        for _ in range(5):
            path = os.path.join(path, "k" * 250)
            os.mkdir(path)

    def test_rename_exchange_is_refused(self):
        folder = self.folder()
        for name in "ab":
            write_file(os.path.join(folder, name), name, 10)
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.renameat2(-100, os.path.join(folder, "a").encode(), -100,
                                os.path.join(folder, "b").encode(), 2)
        self.assertEqual(result, -1)
        self.assertIn(ctypes.get_errno(), (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS))
        result = libc.renameat2(-100, os.path.join(folder, "a").encode(), -100,
                                os.path.join(folder, "b").encode(), 1)
        self.assertEqual(result, -1)
        self.assertEqual(ctypes.get_errno(), errno.EEXIST)


if __name__ == "__main__":
    harness.main()
