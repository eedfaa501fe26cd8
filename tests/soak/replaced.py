#!/usr/bin/env python3
"""Reading processes while another client, and programs of this mount, replace the objects: every byte belongs to a
version that the reader may see.

  tests/soak/replaced.py [SECONDS]     (20)

ESTALE (SIGBUS in a map) is right once another client has replaced the object after the open, never otherwise. A handle
that passes the page cache by, or is the only one of its file, sees one version only; other handles of a file share its
pages, which are those of the newest version that was opened here. A file that a program of this mount renames over the
name leaves the handles of the old one as they are; one that it writes anew in place is seen by all as it grows.
"""
import array
import errno
import mmap
import multiprocessing
import os
import random
import signal
import struct
import sys
import threading
import time

import common
from common import MIB, SEED, harness

PAGE = 4096
EDGES = (0, PAGE, 128 << 10, MIB, 8 * MIB)
SIZES = sorted({max(0, edge + k) for edge in EDGES for k in (-1, 0, 1)}) + [3 * MIB + 12345]
ALONE, READERS, WRITERS = 3, 8, 2  # each of the first files has one reading process of its own
# Who replaces each file.
FILES = ["other"] * ALONE + ["other", "other", "other rename", "rename", "rename", "other rewrite", "rewrite"]
OPTIONS = [["--memory_data_cache_size=16m"], ["--memory_data_cache_size=64m"], ["--total_mem_limit=64m"],
           ["--direct_io=true"], ["--prefetch_concurrency=0"], ["--cache_until_close=true"],
           ["--page_cache_fill_threads=2"], ["--prefetch_chunk_size=1m"], ["--verify_read_crc64=true"],
           ["--metadata_mem_limit=1m"], ["--read_ahead_kb=128"]]
FAULTS = ["op=get,rate=0.05,kind=status:503:SlowDown", "op=get,rate=0.05,kind=reset", "op=get,rate=0.05,kind=short",
          "op=get,rate=0.3,kind=delay:30", "op=head,rate=0.2,kind=late-answer:30", "op=get,rate=0.02,kind=no-range",
          "op=get,rate=0.3,kind=late-answer:50", "op=put,rate=0.3,kind=late-answer:50"]
VERSIONS, BLOCK = 4000, 100000


def content(number, version, offset, count):
    """Words of 8 bytes: version (2 bytes), file, and their place. Offsets are multiples of 8."""
    first, last = offset // 8, (offset + count + 7) // 8
    low = number << 16 | version
    return array.array("Q", range(first << 24 | low, last << 24 | low, 1 << 24)).tobytes()[:count]


class Versions:
    """Of one file, shared by all processes: which versions exist, and how large they are."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 16 + 16 * VERSIONS)  # begun, done, passes, refused ones; size and time of each

    def count(self, refused):
        """Nearly: processes count at once."""
        for place in (8, 12) if refused else (8,):
            struct.pack_into("<I", self.memory, place, struct.unpack_from("<I", self.memory, place)[0] + 1)

    def numbers(self):
        return struct.unpack_from("<II", self.memory, 0)

    def of(self, version):
        return struct.unpack_from("<Qd", self.memory, 16 + 16 * version)

    def begin(self, version, size):
        struct.pack_into("<Qd", self.memory, 16 + 16 * version, size, 0.0)
        struct.pack_into("<I", self.memory, 0, version)

    def end(self, version):
        struct.pack_into("<d", self.memory, 24 + 16 * version, time.monotonic())
        struct.pack_into("<I", self.memory, 4, version)

    def oldest(self, believed_s):
        """The oldest version that an open now may find."""
        version = self.numbers()[1]
        while version > 1 and believed_s > 0 and self.of(version)[1] > time.monotonic() - believed_s:
            version -= 1
        return version


class Pass:
    """One handle of one file, from its open to its close."""

    def __init__(self, number, versions, believed_s, strict):
        self.number, self.versions, self.ways = number, versions, FILES[number].split()
        self.strict = (strict or self.ways == ["rename"]) and "rewrite" not in self.ways
        if len(self.ways) > 1:  # what another client stores while the name is taken here is not asked for
            believed_s = max(believed_s, 1.3)
        self.oldest = versions.oldest(believed_s if "other" in self.ways else 0)
        self.candidates = None  # of a strict one

    def window(self):
        return range(self.oldest, self.versions.numbers()[0] + 1)

    def replaced(self):
        return len(self.window()) > 1 and "other" in self.ways

    def fits(self, version, offset, data, count):
        size = self.versions.of(version)[0]
        if not data:
            return count == 0 or offset >= size or ("rewrite" in self.ways and len(self.window()) > 1)
        return offset + len(data) <= size and data == content(self.number, version, offset, len(data))

    def check(self, offset, data, count):
        window = self.window()
        if self.strict:
            among = [v for v in (window if self.candidates is None else self.candidates | set(window))
                     if (self.candidates is None or v in self.candidates) and self.fits(v, offset, data, count)]
            # Those that begin later are candidates only as long as nothing was read.
            self.candidates = set(among)
            good = bool(among)
        else:
            edges = [0, *range(-offset % PAGE or PAGE, len(data), PAGE), len(data)]
            good = all(any(self.fits(v, offset + at, data[at:end], count) for v in window)
                       for at, end in zip(edges, edges[1:]))
        if not good:
            low = [struct.unpack_from("<H", data, at)[0] for at in range(0, len(data) - 1, PAGE)]
            raise AssertionError(
                "file %d at %d: %d bytes of %d are not those of %s (sizes %s); versions in its pages: %s, before %s"
                % (self.number, offset, len(data), count, window, [self.versions.of(v)[0] for v in window], low[:20],
                   self.candidates))


def open_to_read(path, more=0):
    """The kernel tries an open of what was just replaced once more itself; here names are replaced faster than that."""
    for _ in range(20):
        try:
            return os.open(path, os.O_RDONLY | more)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    raise AssertionError("cannot open " + path)


def read_pass(dice, path, one, way, end):
    handle = open_to_read(path, os.O_DIRECT if way == "direct" else 0)
    try:
        block, size, offset = dice.choice((PAGE, 65536, 128 << 10, MIB)), os.fstat(handle).st_size, 0
        buffer = mmap.mmap(-1, block)
        for _ in range(dice.choice((3, 40, 400))):
            if way == "scattered":
                offset = dice.randrange(size + 1) & ~7
            data = buffer[:os.preadv(handle, [buffer], offset)]
            one.check(offset, data, block)
            offset += len(data) & ~7 if way != "direct" else len(data) & ~(PAGE - 1)
            if len(data) < block and (not data or dice.random() < 0.5):
                break
            if time.monotonic() > end:
                break
            if dice.random() < 0.05:
                time.sleep(0.05)
        one.versions.count(False)
    except OSError as error:
        if error.errno != errno.ESTALE or not one.replaced():
            raise AssertionError("f%d, %s: %r" % (one.number, way, error)) from error
        one.versions.count(True)
    finally:
        os.close(handle)


def map_pass(dice, path, one):
    """In a process of its own: it may be ended by SIGBUS."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = ""
        try:
            handle = open_to_read(path)
            size = os.fstat(handle).st_size
            if size > 0:
                with mmap.mmap(handle, size, prot=mmap.PROT_READ) as view:
                    offsets = range(0, size, 65536) if dice.random() < 0.5 else \
                        [dice.randrange(size) & ~7 for _ in range(30)]
                    for offset in offsets:
                        data = view[offset:offset + 65536]
                        zeros = len(data.rstrip(b"\0"))
                        if zeros == len(data) or not one.replaced():  # behind the end of a shorter version
                            one.check(offset, data, 65536)
        except OSError as error:
            text = "" if error.errno == errno.ESTALE and one.replaced() else repr(error)
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode()[:4000])
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 4000).decode()
    os.close(reader)
    status = os.waitpid(pid, 0)[1]
    if text or (status != 0 and not (status == signal.SIGBUS and one.replaced())):
        raise AssertionError("map: %s, status %d" % (text, status))
    one.versions.count(status != 0)


def soak(dice):
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    options, faults = common.pick_options(dice, OPTIONS), dice.sample(FAULTS, dice.choice((0, 0, 1, 2)))
    time_option = dice.choice((["--close_to_open=true"], ["--close_to_open=true"], ["--attr_timeout=1"],
                               ["--attr_timeout=0"]))
    believed_s = 1.3 if "--attr_timeout=1" in time_option else 0
    pause_s = dice.choice((0.02, 0.3, 1))
    print("seed %d: %s, faults %s, a version each %.2f s" % (SEED, options + time_option, faults, pause_s), flush=True)
    files, locks = [Versions() for _ in FILES], [multiprocessing.Lock() for _ in FILES]
    with harness.Server() as server, harness.Mount(server, *(options + time_option)) as mount:
        client = server.client

        def put(number, version, size):
            client.put("f%d" % number, content(number, version, 0, size))

        def write(path, number, version, size):
            with open(path, "wb", buffering=0) as stream:
                for at in range(0, size, BLOCK):
                    harness.write_all(stream, content(number, version, at, min(BLOCK, size - at)))

        def write_in_place(number, version, size):
            write(os.path.join(mount.path, "f%d" % number), number, version, size)

        def write_and_rename(number, version, size):
            beside = os.path.join(mount.path, ".new%d" % number)
            write(beside, number, version, size)
            os.rename(beside, os.path.join(mount.path, "f%d" % number))

        def replace(mine, number, store):
            with locks[number]:
                version, size = files[number].numbers()[0] + 1, mine.choice(SIZES)
                if version < VERSIONS:
                    files[number].begin(version, size)
                    store(number, version, size)
                    files[number].end(version)

        for number in range(len(files)):
            replace(dice, number, put)
        common.set_faults(server, faults, 0)
        end, direct_io = time.monotonic() + seconds, "--direct_io=true" in options

        def read_here(mine, item):
            number = item if item < ALONE else mine.randrange(ALONE, len(FILES))
            way = mine.choice(("forward", "forward", "scattered", "direct", "map"))
            one = Pass(number, files[number], believed_s, item < ALONE or direct_io or way == "direct")
            path = os.path.join(mount.path, "f%d" % number)
            if way == "map" and "rewrite" not in one.ways:  # it may end anywhere
                map_pass(mine, path, one)
            else:
                read_pass(mine, path, one, way, end)

        def write_here(mine):
            number = mine.choice([number for number, ways in enumerate(FILES) if "re" in ways])
            replace(mine, number, write_in_place if "rewrite" in FILES[number] else write_and_rename)
            time.sleep(pause_s * mine.random())

        def work(item):
            mine = random.Random("%d-%d" % (SEED, item))
            while time.monotonic() < end:
                if item < ALONE + READERS:
                    read_here(mine, item)
                else:
                    write_here(mine)

        processes = harness.Processes(work, range(ALONE + READERS + WRITERS))
        stop, failed = threading.Event(), []

        def replacing():
            mine = random.Random("%d-versions" % SEED)
            try:
                while not stop.wait(pause_s * mine.random() * 2):
                    replace(mine, mine.choice([number for number, ways in enumerate(FILES) if "other" in ways]), put)
            except BaseException as error:
                failed.append(error)

        other = threading.Thread(target=replacing)
        other.start()
        try:
            processes.join(seconds + 180)
        finally:
            stop.set()
            other.join(60)
        if failed:
            raise failed[0]
        facts = [sum(column) for column in zip(*(struct.unpack_from("<IIII", f.memory, 0) for f in files))]
        print("%d versions, %d passes, %d of them refused" % tuple(facts[1:]), flush=True)
        server.clear_fault()
        time.sleep(believed_s)
        for number, versions in enumerate(files):
            version = versions.numbers()[1]
            told = content(number, version, 0, versions.of(version)[0])
            with open(os.path.join(mount.path, "f%d" % number), "rb") as stream:
                if stream.read() != told or client.get("f%d" % number) != told:
                    raise AssertionError("f%d is not version %d, of %d bytes" % (number, version, len(told)))
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
