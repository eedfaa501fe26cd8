"""Whole workloads, each run in a local folder and in the mount: what they print, raise and leave must be the same."""
import fcntl
import hashlib
import mmap
import os
import shutil
import signal
import struct
import subprocess
import unittest

import harness
from harness import MIB, MountCase, Processes, in_threads

try:
    import numpy
except ImportError:
    numpy = None


def hub_cache(top):
    """A cache of huggingface_hub: blobs behind relative links, a lock for each, downloads that go on."""
    root = os.path.join(top, "hub/models--org--m")

    def download(number):
        data = b"%d-" % number * (100_000 + number)
        digest = hashlib.sha256(data).hexdigest()
        blob = os.path.join(root, "blobs", digest)
        link = os.path.join(root, "snapshots/abc/sub%d/model-%d" % (number % 3, number))
        lock = os.path.join(top, "hub/.locks", digest + ".lock")
        for path in (blob, link, lock):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(lock, "w") as held:
            os.fchmod(held.fileno(), 0o664)
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for begin, end in ((0, 150_000), (150_000, len(data))):
                with open(blob + ".incomplete", "ab") as stream:
                    assert stream.tell() == begin, stream.tell()
                    stream.write(data[begin:end])
            os.chmod(blob + ".incomplete", 0o644)
            os.replace(blob + ".incomplete", blob)
            os.symlink(os.path.relpath(blob, os.path.dirname(link)), link)
        assert os.path.realpath(link) == blob and os.path.getsize(link) == len(data)
    in_threads(download, range(8))
    shutil.copytree(os.path.join(root, "snapshots"), os.path.join(top, "materialized"))


def checkpoints(top):
    """As trainers do: a folder is filled under another name and renamed with a file in it open, the oldest goes."""
    for step in range(1, 5):
        temporary = os.path.join(top, "tmp-checkpoint-%d" % step)
        final = os.path.join(top, "checkpoint-%d" % step)
        os.mkdir(temporary)
        with open(os.path.join(temporary, "events"), "ab", buffering=0) as events:
            events.write(b"begin\n")
            in_threads(lambda n, to=temporary, s=step: harness.write_file("%s/model-%d" % (to, n), s, MIB + n), range(3))
            os.rename(temporary, final)
            events.write(b"renamed\n")
        with open(os.path.join(top, "latest.tmp"), "w") as stream:
            stream.write(os.path.basename(final))
        os.replace(os.path.join(top, "latest.tmp"), os.path.join(top, "latest"))
        if step > 2:
            shutil.rmtree(os.path.join(top, "checkpoint-%d" % (step - 2)))


def odd_names(top):
    """Names with bytes that XML, URLs and shells treat in their own ways: made, renamed with their folder, removed."""
    names = ["a b", "line\nbreak", "tab\t", "\x01", "\x1f", "\x7f", "\r", "\ufffe", "\u200b", "*?[x]", "back\\slash",
             "<&>", "'\"", "%41", "a+b", "a%2Fb", "a?b=c&d", "#", " lead", "trail ", "trail.", "...", "-rf", "日本語", "e\u0301"]
    os.mkdir(os.path.join(top, "one"))
    for name in names:
        os.mkdir(os.path.join(top, "one", name))
        with open(os.path.join(top, "one", name, name), "w", newline="") as stream:
            stream.write(name)
        os.symlink(name, os.path.join(top, "one", name, "link"))
    os.rename(os.path.join(top, "one"), os.path.join(top, "two"))
    shutil.copytree(os.path.join(top, "two"), os.path.join(top, "three"), symlinks=True)
    subprocess.run(["rm", "-rf", os.path.join(top, "two")], check=True)


def counters(top):
    """Processes that add up under flock, fcntl locks and lock files, and that append to one log."""
    def add(path):
        with open(path, "r+") as stream:
            value = int(stream.read())
            stream.seek(0)
            stream.write(str(value + 1))

    def work(rank):
        for step in range(10):
            for kind, lock in (("flock", fcntl.flock), ("posix", fcntl.lockf)):
                with open(os.path.join(top, kind + ".lock"), "w") as held:
                    lock(held, fcntl.LOCK_EX)
                    add(os.path.join(top, kind))
            while True:
                try:
                    os.close(os.open(os.path.join(top, "exclusive.lock"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                    break
                except FileExistsError:
                    pass
            add(os.path.join(top, "exclusive"))
            os.unlink(os.path.join(top, "exclusive.lock"))
            with open(os.path.join(top, "log"), "a") as stream:
                stream.write("%d %d\n" % (rank, step))
    for kind in ("flock", "posix", "exclusive"):
        with open(os.path.join(top, kind), "w") as stream:
            stream.write("0")
    Processes(work, range(4)).join()
    with open(os.path.join(top, "log")) as stream:
        lines = sorted(stream)
    os.unlink(os.path.join(top, "log"))
    return lines


def followers(top):
    """A log of events that grows while others read on from where they were."""
    path = os.path.join(top, "events")
    open(path, "w").close()

    def work(rank):
        with open(path, "ab" if rank == 0 else "rb", buffering=0) as stream:
            for number in range(150):
                record = struct.pack("<I", number) + bytes([number]) * 96
                if rank == 0:
                    stream.write(record)
                    continue
                got = b""
                while len(got) < len(record):
                    got += stream.read(len(record) - len(got))
                assert got == record, number
    Processes(work, range(4)).join()


def handles(top):
    """A mapping that is cut, holes beside a second handle, a child that writes on after its parent has closed."""
    path = os.path.join(top, "cut")
    with open(path, "wb") as stream:
        stream.write(b"x" * 100_000)
    child = os.fork()
    if child == 0:
        with open(path, "r+b") as stream:
            mapping = mmap.mmap(stream.fileno(), 0)
            stream.truncate(4096)
            signal.signal(signal.SIGBUS, signal.SIG_DFL)
            os._exit(mapping[50_000])
    seen = [os.WTERMSIG(os.waitpid(child, 0)[1])]
    with open(os.path.join(top, "holes"), "wb", buffering=0) as far, open(os.path.join(top, "holes"), "r+b", buffering=0) as near:
        far.seek(3_000_000)
        far.write(b"end")
        seen.append(len(near.read()))
        near.seek(10)
        near.write(b"start")
    with open(os.path.join(top, "inherited"), "wb", buffering=0) as stream:
        stream.write(b"parent\n")
        with subprocess.Popen(["sh", "-c", "read x; echo child"], stdin=subprocess.PIPE, stdout=stream) as process:
            stream.close()
            process.communicate(b"go\n")
    return seen


def numpy_maps(top):
    """Arrays that are made, changed and read through maps of all modes."""
    path, seen = os.path.join(top, "a.dat"), []
    for mode, place in (("w+", 0), ("r+", 777), ("c", 1000), ("r", None)):
        array = numpy.memmap(path, dtype="f4", mode=mode, shape=(700, 1000))
        if place is not None:
            array[place % 700, place % 1000] = 5
        seen.append(float(array.sum()))
        del array
    array = numpy.lib.format.open_memmap(os.path.join(top, "b.npy"), mode="w+", dtype="i8", shape=(1 << 17,))
    array[:] = numpy.arange(1 << 17)
    array.flush()
    numpy.savez(os.path.join(top, "c.npz"), a=array, b=numpy.ones(5))
    with numpy.load(os.path.join(top, "c.npz")) as both:
        seen.append(int(both["a"].sum()))
    os.unlink(os.path.join(top, "c.npz"))  # it has the time in it
    return seen


class Workloads(MountCase):
    def same(self, workload):
        local, mounted = self.local(), self.folder()
        self.assertEqual(workload(local), workload(mounted))
        self.assertEqual(harness.tree_hashes(local), harness.tree_hashes(mounted))

    def test_hub_cache(self):
        self.same(hub_cache)

    def test_checkpoints(self):
        self.same(checkpoints)

    def test_odd_names(self):
        self.same(odd_names)

    def test_counters(self):
        self.same(counters)

    def test_followers(self):
        self.same(followers)

    def test_handles(self):
        self.same(handles)

    @unittest.skipIf(numpy is None, "python3-numpy is not installed")
    def test_numpy_maps(self):
        self.same(numpy_maps)


if __name__ == "__main__":
    harness.main()
