"""One process of busy_folders.py: it makes, writes, renames, lists and removes names that only it changes, in folders
that it reaches by open directories, and must find exactly what it did."""
import errno
import os
import pickle
import random
import stat
import time

from common import MIB, SEED, harness

NAMES = 5  # of each worker in each folder
STATIC = ["s%d" % number for number in range(12)]  # what is in each folder from the start
SIZES = (0, 1, 100, 5000, 70000, MIB + 5, 3 * MIB)
ENDED = (errno.EIO, errno.ENOTCONN, errno.ECONNABORTED, errno.EINTR, errno.ENODEV)
FOLDER = "folder"


def content(seed, size):
    return (b"%s." % seed.encode() * (size // (len(seed) + 1) + 1))[:size]


def until_ended(ending, work):
    """Calls it; False when the daemon was told to end and has refused something."""
    try:
        work()
        return True
    except OSError as error:
        if error.errno in ENDED + (errno.ENOENT,) and os.path.exists(ending):  # the mount point is empty then
            return False
        raise


class Ended(Exception):
    """The daemon is gone."""


class Worker:
    """`ending`: a file that is there as soon as the daemon is told to end. The model is kept in `path`."""

    def __init__(self, number, path, ending=""):
        self.number, self.path, self.ending = number, path, ending
        self.dice = random.Random("%d-%d-%f" % (SEED, number, time.monotonic()))
        self.model, self.unsure, self.made = {}, set(), 0  # (folder, name) -> bytes or FOLDER; what an end has cut
        self.modes = {}
        if os.path.exists(path):
            with open(path, "rb") as stream:
                self.model, self.modes, self.made = pickle.load(stream)
        self.steps, self.trace, self.handles = 0, [], {}

    def save(self):
        with open(self.path + ".new", "wb") as stream:
            pickle.dump((self.model, self.modes, self.made), stream)
        os.rename(self.path + ".new", self.path)
        with open(self.path + ".unsure", "wb") as stream:
            pickle.dump(self.unsure, stream)

    def adopt(self, place, path):
        self.model.pop(place, None)
        self.modes.pop(place, None)
        if os.path.isdir(path):
            with open(path + "/inside", "wb") as stream:
                stream.write(b"inside")
            self.model[place] = FOLDER
        elif os.path.exists(path):
            with open(path, "rb") as stream:
                self.model[place] = stream.read()

    def names(self):
        return ["w%d-%d" % (self.number, k) for k in range(NAMES)]

    def pick(self, kind=None):
        places = [(f, n) for f in self.folders for n in self.names()]
        if kind == "absent":
            places = [p for p in places if p not in self.model]
        elif kind:
            places = [p for p in places if (self.model.get(p) == FOLDER) == (kind == FOLDER) and p in self.model]
        places = [p for p in places if p not in self.handles and p not in self.unsure]
        return self.dice.choice(places) if places else None

    def call(self, what, places, work, expect=0):
        """Does it; the errno must be the one that is expected, but for the end of the daemon."""
        try:
            result, told = work(), 0
        except OSError as error:
            result, told = None, error.errno
            if told in ENDED and os.path.exists(self.ending):
                self.unsure |= set(places)
                raise Ended from error
        self.trace.append("%s %s: %s" % (what, places, errno.errorcode.get(told, told)))
        if told != expect:
            raise AssertionError("%s %s gave %s, not %s; before: %s" % (
                what, places, errno.errorcode.get(told, told), errno.errorcode.get(expect, expect), self.trace[-12:]))
        return result

    def data(self):
        self.made += 1
        return content("%d-%d" % (self.number, self.made), self.dice.choice(SIZES))

    def do_create(self):
        place = self.pick("absent")
        if place is None:
            return
        data = self.data()

        def work():
            handle = os.open(place[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=self.folders[place[0]])
            self.write_and_close(handle, data)
        self.call("create", [place], work)
        self.model[place] = data

    @staticmethod
    def write_and_close(handle, data):
        try:
            harness.write_all(os.fdopen(os.dup(handle), "wb", 0), data)
        finally:
            os.close(handle)

    def do_overwrite(self):
        place = self.pick("file")
        if place is None:
            return
        data, append = self.data(), self.dice.random() < 0.3
        flags = os.O_WRONLY | (os.O_APPEND if append else os.O_TRUNC)
        self.call("append" if append else "overwrite", [place], lambda: self.write_and_close(
            os.open(place[1], flags, dir_fd=self.folders[place[0]]), data))
        self.model[place] = self.model[place] + data if append else data

    def do_hold(self):
        """A handle that stays open while folders get other names."""
        if self.handles and self.dice.random() < 0.5:
            place, (handle, data) = self.handles.popitem()
            self.model[place] = data
            self.call("close", [place], lambda: os.close(handle))
            return
        place = self.pick("file")
        if place is None or len(self.handles) > 2:
            return
        handle = self.call("open", [place], lambda: os.open(place[1], os.O_RDWR, dir_fd=self.folders[place[0]]))
        self.handles[place] = (handle, self.model[place])

    def do_use(self):
        if not self.handles:
            return
        place = self.dice.choice(sorted(self.handles))
        handle, data = self.handles[place]
        at, more = self.dice.randrange(len(data) + 1), self.data()[:200000]
        self.unsure.add(place)
        self.call("write", [place], lambda: os.pwrite(handle, more, at))
        self.handles[place] = (handle, data[:at] + more + data[at + len(more):])
        read = self.call("pread", [place], lambda: os.pread(handle, 10 * MIB, 0))
        self.same("pread", place, read, self.handles[place][1])
        self.unsure.discard(place)

    def same(self, what, place, found, told):
        if found != told:
            raise AssertionError("%s %s: %d bytes %r, not %d bytes %r; before: %s" % (
                what, place, len(found), found[:20], len(told), told[:20], self.trace[-12:]))

    def do_read(self):
        place = self.pick("file")
        if place is None:
            return

        def work():
            with os.fdopen(os.open(place[1], os.O_RDONLY, dir_fd=self.folders[place[0]]), "rb", 0) as stream:
                return stream.read()
        self.same("read", place, self.call("read", [place], work), self.model[place])

    def do_stat(self):
        place = self.pick()
        if place is None:
            return
        there = self.model.get(place)
        found = self.call("stat", [place], lambda: os.stat(place[1], dir_fd=self.folders[place[0]]),
                          0 if there is not None else errno.ENOENT)
        if there is not None and (stat.S_ISDIR(found.st_mode) != (there == FOLDER) or
                                  (there != FOLDER and found.st_size != len(there)) or
                                  found.st_mode & 0o777 != self.modes.get(place, found.st_mode & 0o777)):
            raise AssertionError("stat %s: %s, but %s %s: %s" % (place, found, len(there), self.modes.get(place),
                                                               self.trace[-12:]))

    def do_absent(self):
        folder, name = self.dice.choice(sorted(self.folders)), "none-%d" % self.dice.randrange(10**9)
        self.call("absent", [], lambda: os.stat(name, dir_fd=self.folders[folder]), errno.ENOENT)

    def do_rename(self):
        kind = self.dice.choice(("file", "file", FOLDER))
        source, target = self.pick(kind), self.pick("absent" if kind == FOLDER or self.dice.random() < 0.5 else "file")
        if source is None or target is None or source == target:
            return
        self.call("rename", [source, target], lambda: os.rename(
            source[1], target[1], src_dir_fd=self.folders[source[0]], dst_dir_fd=self.folders[target[0]]))
        self.model[target] = self.model.pop(source)
        self.modes.pop(target, None)
        if source in self.modes:
            self.modes[target] = self.modes.pop(source)

    def do_unlink(self):
        place = self.pick("file")
        if place is None:
            return
        self.call("unlink", [place], lambda: os.unlink(place[1], dir_fd=self.folders[place[0]]))
        self.forget(place)

    def forget(self, place):
        del self.model[place]
        self.modes.pop(place, None)

    def do_mkdir(self):
        place = self.pick("absent")
        if place is None:
            return
        self.call("mkdir", [place], lambda: os.mkdir(place[1], dir_fd=self.folders[place[0]]))
        self.model[place] = FOLDER
        inside = place[1] + "/inside"
        self.unsure.add(place)
        self.call("create inside", [place], lambda: self.write_and_close(
            os.open(inside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=self.folders[place[0]]), b"inside"))
        self.unsure.discard(place)

    def do_rmdir(self):
        place = self.pick(FOLDER)
        if place is None:
            return
        folder = self.folders[place[0]]
        self.call("rmdir full", [place], lambda: os.rmdir(place[1], dir_fd=folder), errno.ENOTEMPTY)
        self.unsure.add(place)
        self.call("unlink inside", [place], lambda: os.unlink(place[1] + "/inside", dir_fd=folder))
        self.call("rmdir", [place], lambda: os.rmdir(place[1], dir_fd=folder))
        self.unsure.discard(place)
        self.forget(place)

    def do_mode(self):
        place, mode = self.pick("file"), self.dice.choice((0o600, 0o640, 0o644, 0o700))
        if place is None:
            return
        self.call("chmod", [place], lambda: os.chmod(place[1], mode, dir_fd=self.folders[place[0]]))
        self.modes[place] = mode

    def do_list(self):
        folder = self.dice.choice(sorted(self.folders))
        fresh = self.dice.random() < 0.7

        def work():
            handle = self.folders[folder]
            if fresh:
                handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle)
            try:
                return os.listdir(handle)
            finally:
                if fresh:
                    os.close(handle)
        self.check_list(folder, self.call("list", [], work))

    def check_list(self, folder, names):
        told = {n for f, n in self.model if f == folder} | set(STATIC)
        mine = {n for n in names if n.startswith("w%d-" % self.number) or n in STATIC}
        skip = {n for f, n in self.unsure if f == folder}
        if mine - skip != told - skip or sum(n in mine for n in names) != len(mine):
            raise AssertionError("list %s: %s missing, %s too much, of %s; before: %s" % (
                folder, told - mine, mine - told, sorted(names), self.trace[-12:]))

    KINDS = ("create", "create", "create", "overwrite", "hold", "use", "use", "read", "read", "stat", "stat", "absent",
             "rename", "rename", "unlink", "mkdir", "rmdir", "mode", "list", "list")

    def run(self, folders, end):
        # Not those that it has inherited: processes would share the place in the listing.
        self.folders = {f: os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=handle) for f, handle in folders.items()}
        try:
            while time.monotonic() < end:
                getattr(self, "do_" + self.dice.choice(self.KINDS))()
                self.steps += 1
            while self.handles:
                self.do_hold()
        except Ended:
            self.unsure |= set(self.handles)
        print("%d steps of worker %d" % (self.steps, self.number), flush=True)
        self.save()
