"""Random operations from several threads, on the mount and on a local folder: same results.

OSSFS2_TEST_SEED repeats a run, OSSFS2_TEST_STEPS changes the number of steps.
Each thread works in a folder of its own, so that the order of its operations is
known; after each phase the two trees are compared, at times over a remount.
"""
import contextlib
import errno
import os
import random
import re
import stat
import threading
import time
import unittest

import harness
from harness import Mount, Server, temporary_folder

SEED = int(os.environ.get("OSSFS2_TEST_SEED", str(time.time_ns() % 10**9)))
STEPS = int(os.environ.get("OSSFS2_TEST_STEPS", "10000"))
THREADS, PHASES = 4, 5


class Twin:
    """Does every operation in two folders and compares results and errno."""

    def __init__(self, mounted, local, seed):
        self.roots = (mounted, local)
        self.random = random.Random(seed)
        self.handles = []  # (mounted handle, local handle, readable)
        self.trace = []
        self.counter = 0

    def name(self):
        depth = self.random.choice((1, 1, 1, 2, 2, 3))
        return "/".join("%s%d" % (self.random.choice("abc"), self.random.randrange(4))
                        for _ in range(depth))

    def data(self):
        size = self.random.choice((0, 1, 10, 100, 4096, 5000, 70000, 300000))
        self.counter += 1
        return harness.block("p%d" % (self.counter % 8), self.counter, size or 1)[:size]

    def both(self, what, work):
        results = []
        for root in self.roots:
            try:
                results.append(("ok", work(root)))
            except OSError as error:
                results.append(("errno", errno.errorcode.get(error.errno, error.errno)))
        self.trace.append((what, results[1] if len(str(results[1])) < 80 else "..."))
        if results[0] != results[1]:
            same_refusal = {("ENOTEMPTY", "EEXIST"), ("EEXIST", "ENOTEMPTY")}
            if results[0][0] == results[1][0] == "errno" and \
                    (results[0][1], results[1][1]) in same_refusal:
                return results[1]
            shown = [str(r)[:200] for r in results]
            done = ["%s -> %s" % item for item in self.trace if item[1][0] == "ok" or
                    item[1] == "..."]
            raise AssertionError("%s: mount %s, local %s\nbefore it, what worked:\n%s"
                                 % (what, shown[0], shown[1], "\n".join(done[-60:])))
        return results[1]

    def step(self):
        kinds = ("write", "write", "write", "append", "append", "read", "read", "patch", "truncate",
                 "unlink", "rename", "rename", "mkdir", "mkdir", "rmdir", "stat", "list", "chmod",
                 "open", "use", "use", "use", "close", "symlink", "exclusive", "utime", "noreplace")
        getattr(self, "do_" + self.random.choice(kinds))()

    def do_write(self):
        name, data = self.name(), self.data()

        def work(root):
            with open(os.path.join(root, name), "wb", buffering=0) as stream:
                harness.write_all(stream, data)
        self.both("write %s %d" % (name, len(data)), work)

    def do_append(self):
        name, data = self.name(), self.data()

        def work(root):
            with open(os.path.join(root, name), "ab", buffering=0) as stream:
                harness.write_all(stream, data)
                return os.fstat(stream.fileno()).st_size
        self.both("append %s %d" % (name, len(data)), work)

    def do_patch(self):
        name, data, place = self.name(), self.data()[:2000], self.random.random()

        def work(root):
            with open(os.path.join(root, name), "r+b", buffering=0) as stream:
                offset = int(place * os.fstat(stream.fileno()).st_size)
                stream.seek(offset)
                harness.write_all(stream, data)
                return os.fstat(stream.fileno()).st_size
        self.both("patch %s %.3f %d" % (name, place, len(data)), work)

    def do_read(self):
        name = self.name()

        def work(root):
            with open(os.path.join(root, name), "rb") as stream:
                return stream.read()
        self.both("read " + name, work)

    def do_truncate(self):
        name, size = self.name(), self.random.choice((0, 1, 50, 4096, 60000, 200000))
        self.both("truncate %s %d" % (name, size),
                  lambda root: os.truncate(os.path.join(root, name), size))

    def do_unlink(self):
        name = self.name()
        self.both("unlink " + name, lambda root: os.unlink(os.path.join(root, name)))

    def do_rename(self):
        one, two = self.name(), self.name()
        self.both("rename %s %s" % (one, two),
                  lambda root: os.rename(os.path.join(root, one), os.path.join(root, two)))

    def do_noreplace(self):
        one, two = self.name(), self.name()
        self.both("link-like rename %s %s" % (one, two), lambda root: None if os.path.lexists(
            os.path.join(root, two)) else os.rename(os.path.join(root, one),
                                                    os.path.join(root, two)))

    def do_mkdir(self):
        name = self.name()
        self.both("mkdir " + name, lambda root: os.mkdir(os.path.join(root, name)))

    def do_rmdir(self):
        name = self.name()
        self.both("rmdir " + name, lambda root: os.rmdir(os.path.join(root, name)))

    def do_stat(self):
        name = self.name()

        def work(root):
            facts = os.lstat(os.path.join(root, name))
            kind = stat.S_IFMT(facts.st_mode)
            return kind, facts.st_size if kind == stat.S_IFREG else None
        self.both("stat " + name, work)

    def do_list(self):
        name = self.name().rsplit("/", 1)[0] if self.random.random() < 0.7 else ""
        self.both("list " + name, lambda root: sorted(os.listdir(os.path.join(root, name))))

    def do_chmod(self):
        name, mode = self.name(), self.random.choice((0o600, 0o644, 0o755))

        def work(root):
            path = os.path.join(root, name)
            if os.path.islink(path):
                return None
            os.chmod(path, mode)
            return stat.S_IMODE(os.stat(path).st_mode)
        self.both("chmod %s %o" % (name, mode), work)

    def do_utime(self):
        name, when = self.name(), self.random.randrange(10**9, 2 * 10**9)

        def work(root):
            path = os.path.join(root, name)
            os.utime(path, (when, when))
            return int(os.stat(path).st_mtime)
        self.both("utime " + name, work)

    def do_symlink(self):
        name, target = self.name(), "a%d" % self.random.randrange(4)

        def work(root):
            os.symlink(target, os.path.join(root, name))
            return os.readlink(os.path.join(root, name))
        self.both("symlink %s" % name, work)

    def do_exclusive(self):
        name = self.name()
        self.both("exclusive " + name, lambda root: os.close(
            os.open(os.path.join(root, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY)))

    def do_open(self):
        if len(self.handles) >= 6:
            return self.do_close()
        name = self.name()
        flags = self.random.choice((os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT,
                                    os.O_RDWR | os.O_CREAT | os.O_APPEND))
        opened = []

        def work(root):
            handle = os.open(os.path.join(root, name), flags, 0o644)
            if stat.S_ISDIR(os.fstat(handle).st_mode):  # its size means nothing
                os.close(handle)
                raise IsADirectoryError(errno.EISDIR, "a folder")
            opened.append(handle)
        status, _ = self.both("open %s %o" % (name, flags), work)
        if status == "ok":
            self.handles.append((opened[0], opened[1], flags))
            self.trace.append(("opened %s as #%d" % (name, opened[1]), ("ok", None)))

    def do_use(self):
        if not self.handles:
            return self.do_open()
        mounted, local, flags = self.random.choice(self.handles)
        pair = dict(zip(self.roots, (mounted, local)))
        kind = self.random.choice(("read", "write", "truncate", "fsync", "size"))
        place, data = self.random.random(), self.data()

        def work(root):
            handle = pair[root]
            size = os.fstat(handle).st_size
            if kind == "read":
                return self.read_all(handle, 100000, int(place * size))
            if kind == "write":
                offset = size if place < 0.5 else int((place - 0.5) * 2 * size)
                return os.pwrite(handle, data, offset)
            if kind == "truncate":
                return os.ftruncate(handle, int(place * 100000))
            if kind == "fsync":
                return os.fsync(handle)
            return size
        try:
            self.both("use #%d %s %.3f %d" % (local, kind, place, len(data)), work)
        except AssertionError as error:
            # A file without a name any more: its bytes may be gone from the bucket. An honest
            # errno is right then; other bytes are not.
            gone = os.fstat(local).st_nlink == 0
            if not gone or not re.search(r"mount \('errno', '(ESTALE|ENOENT|EIO)'\)", str(error)):
                raise
            self.handles.remove((mounted, local, flags))
            for handle in (mounted, local):
                with contextlib.suppress(OSError):
                    os.close(handle)

    @staticmethod
    def read_all(handle, count, offset):
        """pread() until all is there: a read may be cut short where an error follows."""
        got = b""
        while len(got) < count:
            more = os.pread(handle, count - len(got), offset + len(got))
            if not more:
                break
            got += more
        return got

    def do_close(self):
        if self.handles:
            pair = self.handles.pop(self.random.randrange(len(self.handles)))
            handles = dict(zip(self.roots, pair))
            self.both("close #%d" % pair[1], lambda root: os.close(handles[root]))

    def close_all(self):
        while self.handles:
            self.do_close()


class Property(unittest.TestCase):
    def test_same_as_a_local_folder(self):
        print("seed %d, %d steps (OSSFS2_TEST_SEED repeats it)" % (SEED, STEPS), flush=True)
        local = temporary_folder("local")
        with Server() as server, Mount(server) as mount:
            twins = []
            for number in range(THREADS):
                pair = [os.path.join(root, "t%d" % number) for root in (mount.path, local)]
                for path in pair:
                    os.mkdir(path)
                twins.append(Twin(pair[0], pair[1], "%d-%d" % (SEED, number)))
            deadline = time.monotonic() + float(os.environ.get("OSSFS2_TEST_SECONDS", "150"))
            done = [0]
            lock = threading.Lock()

            def work(twin):
                for _ in range(STEPS // THREADS // PHASES):
                    if time.monotonic() > deadline:
                        return
                    try:
                        twin.step()
                    except AssertionError as error:
                        raise AssertionError("seed %d: %s" % (SEED, error)) from None
                    with lock:
                        done[0] += 1

            for phase in range(PHASES):
                harness.in_threads(work, twins, limit=200)
                if phase % 2:
                    for twin in twins:
                        twin.close_all()
                    mount.remount()
                self.compare(mount.path, local, phase)
            for twin in twins:
                twin.close_all()
            self.compare(mount.path, local, "end")
            print("%d steps done" % done[0], flush=True)
            self.assertGreater(done[0], STEPS // 10, "too slow to say anything")

    def compare(self, mounted, local, phase):
        one, two = harness.tree_hashes(mounted), harness.tree_hashes(local)
        wrong = {k: (one.get(k), two.get(k)) for k in set(one) | set(two)
                 if one.get(k) != two.get(k)}
        self.assertEqual(wrong, {}, "seed %d, after phase %s (mount, local)" % (SEED, phase))


if __name__ == "__main__":
    harness.main()
