"""What an object may hold after its daemon was killed, as the one program knows that writes the file.

A version is (low, high, checksum): the bytes up to `low` are known, zeros may follow up to `high` (fsync leaves out
what was only allocated). None: there is no object.
"""
import contextlib
import errno
import hashlib
import os
import pickle
import time

ANY = "some bytes of what was refused"
SAME = (0, b"")  # pending: a write of nothing


def version(content, low=None):
    if content is None:
        return None
    low = len(content) if low is None else low
    return low, len(content), hashlib.md5(memoryview(content)[:low]).digest()


def fits(data, told):
    if told == ANY or told is None or data is None:
        return told == ANY or told is data
    low, high, digest = told
    return low <= len(data) <= high and not any(data[low:]) and hashlib.md5(memoryview(data)[:low]).digest() == digest


def is_half_done(data, content, pending):
    """Whether an operation under way, a write of some bytes or a truncate, made `data` of `content`."""
    at, new = pending
    if new is None:
        return data in (content, content[:at].ljust(at, b"\0"))
    for count in (len(data) - at, len(new)):  # it was the last one, or there are old bytes behind
        count = max(0, min(count, len(new)))
        while count and data[at:at + count] != new[:count]:
            count = next((k for k in range(count) if data[at + k:at + k + 1] != new[k:k + 1]), count)
        made = bytearray(content.ljust(at if count else 0, b"\0"))
        made[at:at + count] = new[:count]
        if made == data:
            return True
    return data == content


class Lost(Exception):
    """A file's handles are closed, and what it holds has to be looked at."""


class File:
    """What a program knows of a file: `written` is where the last byte lies that was not only allocated."""

    def __init__(self, name, content):
        self.name, self.content, self.written, self.handles = name, bytearray(content), len(content), []
        self.is_opened = self.has_failed = False  # nothing but an open has changed it; nobody knows what it holds


class Handle:
    def __init__(self, number, file, flags):
        self.number, self.file, self.flags, self.unflushed = number, file, flags, False
        self.writable = flags & os.O_ACCMODE != os.O_RDONLY


class Folder:
    """The files of one folder, which nobody else changes. `stored`: of each name what its object may be, the last
    confirmed version first. `killed()`: the daemon is gone."""

    def __init__(self, folder, state, names, killed):
        self.folder, self.state, self.killed = folder, state, killed
        self.log, self.counts, self.moving = [], {}, None
        self.busy, self.pending = None, None  # the file that an operation is on, and what that would write to it
        self.nameless = []  # open files that have lost their names
        self.files, self.stored = {}, {name: [None] for name in names}
        for name in os.listdir(folder):
            self.adopt(name)

    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def path(self, name):
        return os.path.join(self.folder, name)

    def there(self, name):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path(name), "rb", buffering=0) as stream:
                # Pages of a map that could not be stored stay in the page cache.
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return stream.read()
        return None

    def adopt(self, name):
        """Takes what is there; it must be one of what may be there."""
        data = self.there(name)
        if self.stored[name] != [None] or self.log:
            self.check(name, data)
        self.stored[name] = [version(data)]
        self.files.pop(name, None)
        if data is not None:
            self.files[name] = File(name, data)

    def check(self, name, data):
        if not any(fits(data, told) for told in self.stored[name]):
            raise AssertionError("%s is %s; may be %s" % (name, version(data), self.stored[name]))

    def at_end(self, file):
        """What SIGTERM may store."""
        if file.has_failed:
            return [ANY]
        return (self.stored[file.name] if file.is_opened else []) + [version(file.content)]

    def save(self):
        """For who looks at the files after the kill."""
        now = {file.name: self.at_end(file) for file in self.files.values() if file is not self.busy}
        busy = self.busy and self.busy.name and (self.busy.name, bytes(self.busy.content), self.pending)
        with open(self.state, "wb") as stream:
            pickle.dump((self.stored, self.moving, now, busy, self.log, self.counts), stream)

    def save_for_sigbus(self, file):
        """A map of a file whose daemon is killed: this process may die, which closes all files."""
        before = {name: list(told) for name, told in self.stored.items()}
        for other in self.all_files():
            self.storing(other)
        self.save()
        self.stored = before

    def note(self, text):
        self.log.append(text)
        del self.log[:-150]

    def storing(self, file, content=None):
        """A store of the file begins."""
        if file.name:
            self.stored[file.name].append(version(file.content if content is None else content))

    def storing_synced(self, file):
        if file.name:
            self.stored[file.name].append(version(file.content, min(file.written, len(file.content))))

    def torn(self, file):
        if file.name:
            self.stored[file.name].append(ANY)

    def confirmed(self, file):
        if file.name:
            del self.stored[file.name][:-1]

    @contextlib.contextmanager
    def on(self, file, what, pending=None):
        """An operation on a file. After an error that is not ENOSPC nobody knows what it holds."""
        self.note("%s %s" % (file.name, what))
        self.busy, self.pending = file, pending
        try:
            yield
        except OSError as error:
            self.note("  %s" % errno.errorcode.get(error.errno))
            self.count("errors")
            if self.killed():
                raise
            raise Lost(file) from error

    def look_again(self, file):
        """The last close gives up what could not be stored, some time after close(2)."""
        file.has_failed = True
        for handle in file.handles:
            self.storing(file)
            with contextlib.suppress(OSError):
                os.close(handle.number)
        file.handles.clear()
        self.nameless = [other for other in self.nameless if other.handles]
        if file.name:
            self.settle(file.name)

    def settle(self, name):
        told = list(self.stored[name])
        for _ in range(200):
            if self.killed():
                return
            with contextlib.suppress(OSError):
                before = self.there(name)
                time.sleep(0.3)
                if before == self.there(name):
                    self.adopt(name)
                    self.stored[name] = told + self.stored[name]
                    return
            time.sleep(0.05)
        raise AssertionError("%s cannot be read for long" % name)

    def all_files(self):
        return list(self.files.values()) + self.nameless

    # --- what a program does by a handle ---

    def resized(self, file, size):
        if size < len(file.content):
            del file.content[size:]
            file.written = min(file.written, size)
        file.content.extend(bytes(size - len(file.content)))

    def put(self, file, at, data):
        file.content.extend(bytes(max(0, at - len(file.content))))
        file.content[at:at + len(data)] = data
        file.written, file.is_opened = max(file.written, at + len(data)), False

    def write(self, handle, at, data):
        file = handle.file
        at = len(file.content) if handle.flags & os.O_APPEND else at
        self.note("%s write %d+%d of %d" % (file.name, at, len(data), len(file.content)))
        self.busy, self.pending = file, (at, data)
        try:
            done = os.write(handle.number, data) if handle.flags & os.O_APPEND else os.pwrite(handle.number, data, at)
        except OSError as error:
            self.count("refused")
            self.note("  %s" % errno.errorcode.get(error.errno))
            if self.killed():
                raise
            if error.errno != errno.ENOSPC or handle.flags & os.O_ACCMODE != os.O_RDWR:
                self.torn(file)
                raise Lost(file) from error
            return self.half_written(handle, at, data)
        handle.unflushed = True
        self.put(file, at, data[:done])
        if done < len(data):  # what the kernel asked next was refused
            if self.killed():
                raise OSError(errno.EIO, "a short write")
            if handle.flags & os.O_ACCMODE != os.O_RDWR:
                self.torn(file)
                raise Lost(file)
            self.half_written(handle, at + done, data[done:])

    def half_written(self, handle, at, data):
        """Each byte of a refused write is old or new."""
        file, there = handle.file, self.read_all(handle)
        new = bytearray(file.content)
        new.extend(bytes(max(0, at + len(data) - len(new))))
        new[at:at + len(data)] = data
        old = bytes(file.content).ljust(len(new), b"\0")
        if not len(file.content) <= len(there) <= len(new):
            raise AssertionError("%s has %d bytes after ENOSPC" % (file.name, len(there)))
        if there != old[:len(there)]:
            wrong = [k for k in range(len(there)) if there[k] not in (old[k], new[k])]
            if wrong:
                raise AssertionError("%s: %d bytes wrong from %d on after ENOSPC" % (file.name, len(wrong), wrong[0]))
        file.content[:] = there
        file.written = max(file.written, min(at + len(data), len(there)))

    def read_all(self, handle):
        with self.on(handle.file, "read", SAME):
            got = bytearray()
            while more := os.pread(handle.number, 1 << 20, len(got)):
                got += more
        return bytes(got)
