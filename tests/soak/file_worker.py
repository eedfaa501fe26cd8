"""Worker: a program that opens, writes, syncs, renames and removes the files of one folder at random, and knows what
may be stored of them."""
import mmap
import os
import random
import time

from common import MIB, SEED, harness
import large_twin
from stored_model import File, Folder, Handle, Lost, SAME

NAMES, HANDLES = ("a", "b", "c", "d"), 4
COUNTS = (1, 700, 4096, 10000, 131072, 131073, 500000)  # of one write
SIZES = (0, 1, 5000, 70001, 300000, MIB, MIB + 1, 3 * MIB + 77, 6 * MIB, 12 * MIB)
KINDS = ("open", "open", "write", "write", "write", "in_order", "in_order", "rewrite", "shuffled", "far", "truncate",
         "truncate_path", "allocate", "map", "read", "read", "fsync", "fsync", "close", "close", "close", "duplicate",
         "child", "unlink", "rename", "rename", "chmod")


class Worker(Folder):
    def __init__(self, root, states, number, turn, killed):
        self.dice, self.tag, self.made = random.Random("%d-%d-%d" % (SEED, turn, number)), "%d-%d" % (turn, number), 0
        name = "w%d" % number
        super().__init__(os.path.join(root, name), os.path.join(states, name), NAMES, killed)

    def run(self, end):
        while time.monotonic() < end:
            kind = self.dice.choice(KINDS)
            try:
                getattr(self, "do_" + kind)()
                self.count(kind)
                self.busy = None
            except Lost as lost:
                self.look_again(lost.args[0])
            except OSError as error:
                if self.killed():
                    return
                raise AssertionError("%s: %s" % (kind, error)) from error

    def pick(self, writable=True):
        """An open handle."""
        found = [handle for file in self.all_files() for handle in file.handles if handle.writable or not writable]
        return self.dice.choice(found) if found else self.do_open()

    def data(self, count=None):
        count = count or self.dice.choice(COUNTS)
        self.made += 1
        return harness.block(self.tag, self.made, count)

    def do_open(self):
        name = self.dice.choice(NAMES)
        file, flags = self.files.get(name), self.dice.choice((os.O_RDWR, os.O_RDWR, os.O_RDONLY, os.O_WRONLY))
        flags |= os.O_APPEND if self.dice.random() < 0.2 else 0
        if file is None:
            flags = os.O_RDWR | os.O_CREAT | (os.O_EXCL if self.dice.random() < 0.5 else 0)
            file = File(name, b"")
        elif len(file.handles) >= HANDLES:
            return self.do_close()
        elif flags & os.O_ACCMODE != os.O_RDONLY and self.dice.random() < 0.3:
            flags |= os.O_TRUNC
        with self.on(file, "open %o" % flags):
            handle = Handle(os.open(self.path(name), flags, 0o644), file, flags)
        self.files[name] = file
        file.is_opened = file.is_opened or flags & (os.O_CREAT | os.O_TRUNC) != 0
        file.handles.append(handle)
        if flags & os.O_TRUNC:
            self.resized(file, 0)
            handle.unflushed = True
        return handle if handle.writable else None

    def do_write(self):
        if handle := self.pick():
            self.write(handle, self.dice.randrange(len(handle.file.content) + 1), self.data())

    def do_in_order(self):
        if handle := self.pick():
            size = self.dice.choice(SIZES)
            while size > 0:
                data = self.data(min(size, 300000))
                self.write(handle, len(handle.file.content), data)
                size -= len(data)

    def do_rewrite(self):
        if handle := self.pick():
            size = self.dice.choice(SIZES)
            self.truncate(handle, 0)
            for at in range(0, size, 300000):
                self.write(handle, at, self.data(min(size - at, 300000)))

    def do_shuffled(self):
        if handle := self.pick():
            count = self.dice.choice((4096, 100000, 262144))
            for k in self.dice.sample(range(12), 12):
                self.write(handle, k * count, self.data(count))

    def do_far(self):
        if handle := self.pick():
            self.write(handle, len(handle.file.content) + self.dice.choice((1, 5000, MIB)), self.data())

    def truncate(self, handle, size):
        file = handle.file
        with self.on(file, "ftruncate %d" % size, (size, None)):
            os.ftruncate(handle.number, size)
        handle.unflushed = True
        self.resized(file, size)

    def do_truncate(self):
        if handle := self.pick():
            size = len(handle.file.content)
            self.truncate(handle, self.dice.choice((0, 100, size // 2, max(0, size - 1), size + 1, size + 300000)))

    def do_truncate_path(self):
        file = self.files.get(self.dice.choice(NAMES))
        if file is None:
            return
        size = self.dice.choice((0, 1, len(file.content) // 3, len(file.content) + 4097))
        has_writers = any(handle.writable for handle in file.handles)
        content = bytes(file.content[:size]).ljust(size, b"\0")
        self.storing(file, content)
        with self.on(file, "truncate %d" % size, (size, None)):
            os.truncate(self.path(file.name), size)
        if size != len(file.content):
            self.resized(file, size)
            if not has_writers:
                self.confirmed(file)

    def do_allocate(self):
        if handle := self.pick():
            file, mode = handle.file, self.dice.choice((0, large_twin.KEEP_SIZE, 3))
            at = self.dice.randrange(len(file.content) + 1)
            count = self.dice.choice((1, 5000, 300000))
            with self.on(file, "fallocate %d %d+%d" % (mode, at, count)):
                large_twin.fallocate(handle.number, mode, at, count)
            if mode == 0:
                self.resized(file, max(len(file.content), at + count))
            elif mode == 3 and at < len(file.content):
                end = min(at + count, len(file.content))
                file.content[at:end] = bytes(end - at)
                file.written = max(file.written, end)
            handle.unflushed = True

    def do_map(self):
        handle = self.pick()
        if not handle or not handle.flags & os.O_RDWR or not handle.file.content:
            return
        file = handle.file
        at = self.dice.randrange(len(file.content))
        data = self.data()[:len(file.content) - at]
        with self.on(file, "map %d+%d" % (at, len(data))):
            view = mmap.mmap(handle.number, len(file.content))
            try:
                self.save_for_sigbus(file)
                view[at:at + len(data)] = data
                self.put(file, at, data)
                self.torn(file)  # each page is written by itself
                self.storing_synced(file)
                view.flush()
            finally:
                view.close()  # and a descriptor of its own
            self.confirmed(file)
            for other in file.handles:
                other.unflushed = other.unflushed and other is not handle

    def do_read(self):
        handle = self.pick(writable=False)
        if handle and handle.flags & os.O_ACCMODE != os.O_WRONLY:
            got = self.read_all(handle)
            if got != handle.file.content:
                wrong = next((k for k in range(min(len(got), len(handle.file.content)))
                              if got[k] != handle.file.content[k]), -1)
                raise AssertionError("%s reads otherwise: %d bytes, not %d, from %d on" % (
                    handle.file.name, len(got), len(handle.file.content), wrong))

    def do_fsync(self):
        if handle := self.pick(writable=False):
            self.storing_synced(handle.file)
            with self.on(handle.file, "fsync", SAME):
                os.fsync(handle.number)
            handle.unflushed = False
            if handle.file.written:  # a new file with nothing but allocated space is not stored
                self.confirmed(handle.file)

    def flushed(self, handle, what, work):
        """A close; another handle with something unflushed makes it one of nothing."""
        handle.unflushed = False
        if handle.writable:
            self.storing(handle.file)
        with self.on(handle.file, what, SAME):
            work()
        if handle.writable and not any(other.unflushed for other in handle.file.handles):
            self.confirmed(handle.file)

    def do_close(self):
        if handle := self.pick(writable=False):
            handle.file.handles.remove(handle)
            try:
                self.flushed(handle, "close", lambda: os.close(handle.number))
            finally:
                self.nameless = [file for file in self.nameless if file.handles]

    def do_duplicate(self):
        if handle := self.pick():
            other = os.dup(handle.number)
            self.flushed(handle, "close of a dup", lambda: os.close(other))

    def do_child(self):
        """A child process ends, which closes all that is open here; nobody learns what became of it."""
        for file in self.all_files():
            self.storing(file)
        self.note("child")
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        for file in self.all_files():
            for handle in file.handles:
                handle.unflushed = False

    def do_unlink(self):
        file = self.files.get(self.dice.choice(NAMES))
        if file is None:
            return
        self.stored[file.name].append(None)
        with self.on(file, "unlink"):
            os.unlink(self.path(file.name))
        self.confirmed(file)
        self.drop_name(file)

    def drop_name(self, file):
        del self.files[file.name]
        file.name = None
        if file.handles:
            self.nameless = self.nameless + [file]

    def do_rename(self):
        one, two = self.dice.sample(NAMES, 2)
        file, old = self.files.get(one), self.files.get(two)
        if file is None:
            return
        self.storing(file)
        new = self.stored[one][-1]
        self.moving = (one, two, list(self.stored[one]), list(self.stored[two]), new)
        self.stored[one].append(None)
        self.stored[two].append(new)
        try:
            with self.on(file, "rename to %s" % two):
                os.rename(self.path(one), self.path(two))
        except Lost:
            if old:
                self.look_again(old)
            self.settle(two)
            if not self.killed():
                self.moving = None
            raise
        self.moving = None
        self.stored[one], self.stored[two] = [None], [new]
        if old:
            self.drop_name(old)
        del self.files[one]
        file.name, self.files[two] = two, file

    def do_chmod(self):
        file = self.files.get(self.dice.choice(NAMES))
        if file:
            with self.on(file, "chmod", SAME):
                os.chmod(self.path(file.name), self.dice.choice((0o600, 0o644)))
