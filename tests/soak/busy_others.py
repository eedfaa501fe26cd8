"""What the other host does in busy_folders.py, which makes and removes names, and what the first must know of it."""
import errno
import mmap
import os
import random
import stat
import struct
import time

from busy_worker import ENDED, content, until_ended
from common import SEED, harness

SHARED, OTHERS = 4, 6  # folders that both hosts use, and names of the other host in each


class Others:
    """What the other host has made: (changes begun and done, when the last one began and was done, version) of each."""
    FORM = struct.Struct("<QddQ")
    FOLDER_BIT = 1 << 32

    def __init__(self):
        self.memory = mmap.mmap(-1, SHARED * OTHERS * self.FORM.size)

    def get(self, folder, k):
        return self.FORM.unpack_from(self.memory, (folder * OTHERS + k) * self.FORM.size)

    def change(self, folder, k, version, work):
        place = (folder * OTHERS + k) * self.FORM.size
        number, _, _, before = self.get(folder, k)
        self.FORM.pack_into(self.memory, place, number + 1, time.monotonic(), 0.0, before)
        work()
        self.FORM.pack_into(self.memory, place, number + 2, 0.0, time.monotonic(), version)


def text(folder, k, version):
    return content("other-%d-%d-%d" % (folder, k, version), 1000 + version % 5000)


def other_host(top, others, end):
    dice, version = random.Random("%d-other-%f" % (SEED, time.monotonic())), int(time.monotonic() * 1000) % 10**9
    while time.monotonic() < end:
        folder, k = dice.randrange(SHARED), dice.randrange(OTHERS)
        now, path = others.get(folder, k)[3], os.path.join(top, "x%d" % folder, "o%d" % k)
        version += 1

        def write():
            with open(path, "wb", buffering=0) as stream:
                harness.write_all(stream, text(folder, k, version))

        def make_folder():
            os.mkdir(path)
            with open(path + "/inside", "wb"):
                pass

        def remove_folder():
            os.unlink(path + "/inside")
            os.rmdir(path)
        if now & Others.FOLDER_BIT:
            others.change(folder, k, 0, remove_folder)
        elif now and dice.random() < 0.6:
            others.change(folder, k, 0, lambda: os.unlink(path))
        elif not now and dice.random() < 0.3:
            others.change(folder, k, version | Others.FOLDER_BIT, make_folder)
        else:
            others.change(folder, k, version, write)
        time.sleep(dice.choice((0, 0.05, 0.3)))


def check_others(top, others, end, believed_s, asks, ending):
    dice, checked = random.Random("%d-check-%f" % (SEED, time.monotonic())), [0, 0, 0]

    def look(folder, path, k):
        way, begun = dice.choice(("stat", "list", "read")), time.monotonic()
        before = [others.get(folder, n) for n in range(OTHERS)]
        found, size, data, error = None, None, None, None
        try:
            if way == "list":
                names = set(os.listdir(path))
            elif way == "stat":
                found = os.stat(path + "/o%d" % k)
            else:
                with open(path + "/o%d" % k, "rb", buffering=0) as stream:
                    data = stream.read()
        except OSError as failure:
            error = failure
            if failure.errno in ENDED + (errno.ENOENT,) and os.path.exists(ending):
                raise
        for n, (number, _, done, version) in enumerate(before):
            if number % 2 or others.get(folder, n)[0] != number or (way != "list" and n != k):
                continue
            old = begun - done > believed_s  # and so must be known
            what = "%s x%d/o%d, version %d for %.2f s (believed %.1f)" % (
                way, folder, n, version, begun - done, believed_s)
            if way == "list":
                good = error is None and (not old or (("o%d" % n) in names) == bool(version))
            elif not version:
                good = not old or error is not None
            elif version & Others.FOLDER_BIT:
                good = not old or (stat.S_ISDIR(found.st_mode) if way == "stat" else error is not None)
            elif way == "stat":
                good = found is not None and (not old or found.st_size == len(text(folder, n, version)))
            else:
                # What is believed to be a folder is not asked for.
                was_folder = error is not None and error.errno == errno.EISDIR
                good = not old and (was_folder or not asks) or data == text(folder, n, version)
            checked[0] += 1
            checked[1] += old
            if not good:
                raise AssertionError("%s: found %s, %s, %r" % (what, found, error, (data or b"")[:40]))

    while time.monotonic() < end:
        folder = dice.randrange(SHARED)
        if not until_ended(ending, lambda: look(folder, os.path.join(top, "x%d" % folder), dice.randrange(OTHERS))):
            break
    print("%d looks at names of the other host, %d at old ones" % tuple(checked[:2]), flush=True)
