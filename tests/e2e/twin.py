"""Twin: random operations on the mount and on a local folder at once, which must have the same results."""
import errno
import os
import random
import stat
import time

import harness


def own_xattrs(path):
    """Name -> value of what programs set (a local folder may have others)."""
    return {name: os.getxattr(path, name) for name in sorted(os.listxattr(path))
            if name.startswith("user.")}


def attributes(root):
    """Relative path -> what chmod, chown, utimens and setxattr set."""
    now, result = time.time(), {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            if stat.S_ISLNK(facts.st_mode):
                continue
            when = None
            if stat.S_ISREG(facts.st_mode):  # written some seconds ago, or set by utimens
                when = "now" if abs(facts.st_mtime - now) < 1000 else int(facts.st_mtime)
            result[os.path.relpath(path, root)] = ("%o" % facts.st_mode, facts.st_uid, facts.st_gid,
                                                   when, own_xattrs(path))
    return result


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
                 "open", "use", "use", "use", "close", "symlink", "exclusive", "utime", "noreplace",
                 "chown", "setxattr", "setxattr", "removexattr", "listxattr")
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

    def do_chown(self):
        name, owner = self.name(), self.random.randrange(1, 2000)
        if os.geteuid() != 0:
            return

        def work(root):
            path = os.path.join(root, name)
            os.chown(path, owner, owner + 1)
            facts = os.stat(path)
            return facts.st_uid, facts.st_gid
        self.both("chown %s %d" % (name, owner), work)

    def do_setxattr(self):
        name, key = self.name(), "user.k%d" % self.random.randrange(3)
        value = self.data()[:200]
        flags = self.random.choice((0, 0, 0, os.XATTR_CREATE, os.XATTR_REPLACE))

        def work(root):
            path = os.path.join(root, name)
            os.setxattr(path, key, value, flags)
            return os.getxattr(path, key)
        self.both("setxattr %s %s %d" % (name, key, flags), work)

    def do_removexattr(self):
        name, key = self.name(), "user.k%d" % self.random.randrange(3)
        self.both("removexattr %s %s" % (name, key),
                  lambda root: os.removexattr(os.path.join(root, name), key))

    def do_listxattr(self):
        name = self.name()
        self.both("listxattr " + name, lambda root: own_xattrs(os.path.join(root, name)))

    def do_symlink(self):
        name, target = self.name(), "a%d" % self.random.randrange(4)

        def work(root):
            os.symlink(target, os.path.join(root, name))
            return os.readlink(os.path.join(root, name))
        self.both("symlink %s" % name, work)

    def do_exclusive(self):
        name = self.name()
        self.both("exclusive " + name, lambda root: os.close(
            os.open(os.path.join(root, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)))

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
        self.both("use #%d %s %.3f %d" % (local, kind, place, len(data)), work)

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
