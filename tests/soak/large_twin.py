"""LargeTwin: Twin (tests/e2e/twin.py) with files of several parts, maps, copies, threads and half-done renames."""
import ctypes
import errno
import hashlib
import mmap
import os
import threading

from common import MIB, harness
from twin import Twin

SIZES = (0, 1, 10, 100, 4096, 5000, 70000, 300000, 300001, MIB, MIB + 1, 3 * MIB + 77, 6 * MIB)
ALONE = ("write", "write", "append", "patch", "patch", "unlink", "rename", "rename", "mkdir", "rmdir", "list",
         "exclusive", "copy_range", "copy_range", "pieces", "pieces", "sparse", "overwrite", "overwrite", "shrink",
         "shuffled", "truncate")
IN_STEPS = ("appenders", "mixture", "mixture")  # stored in between
WITH_HANDLES = ("read", "stat", "open", "open", "use", "use", "use", "use", "close", "close", "chmod", "chown",
                "utime", "setxattr", "symlink", "map_read", "map_write", "map_write", "allocate", "parallel",
                "rename_while_open", "tail")
MIXTURE = ("write", "write", "write", "read", "read", "read", "truncate", "sync", "map", "map", "punch", "keep_size",
           "copy", "reopen")
KEEP_SIZE, PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def fallocate(handle, mode, offset, count):
    if _libc.fallocate(handle, mode, ctypes.c_long(offset), ctypes.c_long(count)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


class LargeTwin(Twin):
    kinds = ALONE + IN_STEPS + WITH_HANDLES

    def step(self):
        getattr(self, "do_" + self.random.choice(self.kinds))()

    def data(self):
        size = self.random.choice(SIZES)
        self.counter += 1
        block = harness.block("p%d" % (self.counter % 8), self.counter, min(size, MIB) or 1)
        return (block * (size // MIB + 1))[:size]

    def on_file(self, what, name, mode, work):
        """`work` gets the open file, of each root."""
        def with_file(root):
            with open(os.path.join(root, name), mode, buffering=0) as stream:
                return work(stream)
        self.both("%s %s" % (what, name), with_file)

    def do_truncate(self):
        name, size = self.name(), self.random.choice((0, 1, 50, 4096, 60000, 200000, 2 * MIB))

        def work(root):
            path = os.path.join(root, name)
            # To the size that it has: whether that changes the time differs from one file system to the next.
            if not os.path.isfile(path) or os.stat(path).st_size != size:
                os.truncate(path, size)
        self.both("truncate %s %d" % (name, size), work)

    def do_map_read(self):
        place = self.random.random()

        def work(stream):
            size = os.fstat(stream.fileno()).st_size
            if size == 0:
                return b""
            with mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as view:
                at = int(place * size)
                return view[at:at + 50000], view[:10], view[-10:]
        self.on_file("map_read %.3f" % place, self.name(), "rb", work)

    def do_map_write(self):
        place, data, sync = self.random.random(), self.data()[:60000], self.random.random() < 0.5

        def work(stream):
            size = os.fstat(stream.fileno()).st_size
            if size > 0:
                with mmap.mmap(stream.fileno(), 0) as view:
                    at = int(place * size)
                    piece = data[:size - at]
                    view[at:at + len(piece)] = piece
                    if sync:
                        view.flush()
            return size
        self.on_file("map_write %.3f %d" % (place, len(data)), self.name(), "r+b", work)

    def do_copy_range(self):
        one, two = self.name(), self.name()
        start, count = self.random.random(), self.random.choice((10, 5000, MIB, 8 * MIB))
        target = self.random.choice((0, 0, 100, 4096, 300000))

        def work(root):
            paths = [os.path.join(root, name) for name in (one, two)]
            with open(paths[0], "rb", buffering=0) as source, open(paths[1], "r+b", buffering=0) as into:
                if os.path.samefile(*paths):
                    return None
                at = int(start * os.fstat(source.fileno()).st_size) if start > 0.5 else 0
                done = 0
                while done < count:
                    copied = os.copy_file_range(source.fileno(), into.fileno(), count - done, at + done, target + done)
                    if copied == 0:
                        break
                    done += copied
                return done
        self.both("copy_range %s %s %.2f %d %d" % (one, two, start, count, target), work)

    def do_allocate(self):
        size = self.random.choice((1, 5000, 200000, 2 * MIB))

        def work(stream):
            os.pwrite(stream.fileno(), b"f", 0)
            os.posix_fallocate(stream.fileno(), 0, size)
            return os.fstat(stream.fileno()).st_size
        self.on_file("allocate %d" % size, self.name(), "r+b", work)

    def do_parallel(self):
        """Four threads write stripes of one file in random order, through one handle or each through its own."""
        name, size, own = self.name(), self.random.choice((1000, 4096, 300000, MIB)), self.random.random() < 0.5
        orders = [self.random.sample(range(6), 6) for _ in range(4)]
        self.counter += 1
        tag = self.counter

        def work(root):
            path, failed = os.path.join(root, name), []
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

            def write(thread):
                try:
                    mine = os.open(path, os.O_RDWR) if own else handle
                    for k in orders[thread]:
                        stripe = harness.block("q%d" % thread, tag * 10 + k, size)
                        if os.pwrite(mine, stripe, (k * 4 + thread) * size) != size:
                            raise OSError(errno.EIO, "a short write")
                    if own:
                        os.close(mine)
                except OSError as error:
                    failed.append(error)

            threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            os.close(handle)
            if failed:
                raise failed[0]
            with open(path, "rb") as stream:
                return stream.read()
        self.both("parallel %s %d own=%s" % (name, size, own), work)

    def do_shuffled(self):
        size, order = self.random.choice((4096, 300000, MIB)), self.random.sample(range(8), 8)
        self.counter += 1
        tag = self.counter

        def work(stream):
            for k in order:
                os.pwrite(stream.fileno(), harness.block("s", tag * 10 + k, size), k * size)
                if k == 3:
                    os.pread(stream.fileno(), 100, 0)  # what was sent must be there to be read
        self.on_file("shuffled %d" % size, self.name(), "w+b", work)

    def do_pieces(self):
        size, count = self.random.choice((100, 4095, 4097, 65536, MIB + 1)), self.random.randrange(1, 6)
        piece = harness.block("pieces", count, min(size, MIB)).ljust(size, b"x")

        def work(stream):
            for _ in range(count):
                harness.write_all(stream, piece)
        self.on_file("pieces %d * %d" % (size, count), self.name(), "wb", work)

    def do_sparse(self):
        gap, data = self.random.choice((1, 5000, MIB, 5 * MIB + 3)), self.data()[:100000]
        self.on_file("sparse %d %d" % (gap, len(data)), self.name(), "r+b", lambda stream: os.pwrite(
            stream.fileno(), data, os.fstat(stream.fileno()).st_size + gap))

    def do_overwrite(self):
        data = self.data()

        def work(stream):
            harness.write_all(stream, data)
            os.ftruncate(stream.fileno(), len(data))
        self.on_file("overwrite %d" % len(data), self.name(), "r+b", work)

    def do_shrink(self):
        data = self.data()

        def work(stream):
            harness.write_all(stream, data)
            os.ftruncate(stream.fileno(), len(data) // 3)
            harness.write_all(stream, data[:1000])
            return os.fstat(stream.fileno()).st_size
        self.on_file("shrink %d" % len(data), self.name(), "wb", work)

    def do_rename_while_open(self):
        one, two, data = self.name(), self.name(), self.data()
        if one == two or one.startswith(two + "/") or two.startswith(one + "/"):
            return

        def work(root):
            with open(os.path.join(root, one), "wb", buffering=0) as stream:
                harness.write_all(stream, data[:len(data) // 2])
                try:
                    os.rename(os.path.join(root, one), os.path.join(root, two))
                    refused = 0
                except OSError as error:
                    refused = error.errno
                harness.write_all(stream, data[len(data) // 2:])
            return refused
        self.both("rename_while_open %s %s %d" % (one, two, len(data)), work)

    def do_tail(self):
        count = self.random.choice((1, 100, 5000, 200000))
        self.on_file("tail %d" % count, self.name(), "rb", lambda stream: self.read_all(
            stream.fileno(), count, max(0, os.fstat(stream.fileno()).st_size - count)))

    def do_appenders(self):
        """Threads append records of one size, each through a handle of its own: all are there, in some order."""
        name, size, count = self.name(), self.random.choice((10, 4096, 5000, 70000)), self.random.randrange(1, 9)
        self.counter += 1
        tag = self.counter

        def work(root):
            path = os.path.join(root, name)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
            start = os.stat(path).st_size

            def append(thread):
                handle = os.open(path, os.O_WRONLY | os.O_APPEND)
                for k in range(count):
                    os.write(handle, harness.block("r%d" % thread, tag * 10 + k, size))
                os.close(handle)

            harness.in_threads(append, range(4))
            with open(path, "rb") as stream:
                head = hashlib.md5(stream.read(start)).hexdigest()
                tail = sorted(hashlib.md5(record).hexdigest() for record in iter(lambda: stream.read(size), b""))
            os.truncate(path, start)
            return head, tail
        self.both("appenders %s %d * %d" % (name, size, count), work)

    def do_mixture(self):
        """Many small things of all kinds in one file, as fsx does them."""
        name, scale, dice = self.name(), self.random.choice((3000, 100000, MIB, 5 * MIB)), self.random
        steps = [(dice.choice(MIXTURE), dice.randrange(scale), dice.choice((1, 500, 4096, 60000, scale // 3)),
                  dice.randrange(scale)) for _ in range(dice.randrange(3, 30))]
        flags = dice.choice((0, 0, os.O_TRUNC))
        self.counter += 1
        tag = self.counter
        trace = []

        def work(root):
            results, path = [], os.path.join(root, name)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
            try:
                for number, (kind, at, count, other) in enumerate(steps):
                    data = harness.block("m", tag * 100 + number, MIB) * (count // MIB + 1)
                    size = os.fstat(handle).st_size
                    if kind == "reopen":
                        os.close(handle)
                        handle = os.open(path, os.O_RDWR)
                    results.append((kind, at, count, other, size,
                                    self.mix(handle, kind, at, count, other, data[:count], size)))
                results.append(hashlib.md5(self.read_all(handle, 1 << 30, 0)).hexdigest())
            finally:
                os.close(handle)
            trace.append(results)
        status = self.both("mixture %s %d %d" % (name, scale, flags), work)
        if status[0] == "ok" and trace[0] != trace[1]:
            wrong = [(i, pair) for i, pair in enumerate(zip(*trace)) if pair[0] != pair[1]]
            raise AssertionError("mixture %s: step %s (mount, local) of %s" % (name, wrong[0], trace[1]))

    def mix(self, handle, kind, at, count, other, data, size):
        if kind == "write":
            return os.pwrite(handle, data, at)
        if kind == "read":
            return hashlib.md5(self.read_all(handle, count, at)).hexdigest()
        if kind == "truncate":
            return os.ftruncate(handle, at)
        if kind == "sync":
            return os.fsync(handle)
        if kind == "punch":
            return fallocate(handle, PUNCH_HOLE | KEEP_SIZE, at, count)
        if kind == "keep_size":
            return fallocate(handle, KEEP_SIZE, at, count)
        if kind == "copy" and abs(other - at) >= count:
            return os.copy_file_range(handle, handle, count, at, other) if at < size else None
        if kind == "map" and at < size:
            with mmap.mmap(handle, size) as view:
                before = bytes(view[at:at + count])
                view[at:at + len(before)] = data[:len(before)]
                if count % 2:
                    view.flush()
                return hashlib.md5(before).hexdigest()
        return None
