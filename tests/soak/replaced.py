#!/usr/bin/env python3
"""Reading processes while another client replaces the objects: every byte belongs to a version that the reader may see.

  tests/soak/replaced.py [SECONDS]     (20)

ESTALE (SIGBUS in a map) is right once the object was replaced after the open, never otherwise. A handle that passes the
page cache by, or is the only one of its file, sees one version only; other handles of a file share its pages, which
are those of the newest version that was opened here.
"""
import array
import errno
import mmap
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
SHARED, ALONE, READERS = 3, 3, 8  # files; each of ALONE has one process of its own
OPTIONS = [["--memory_data_cache_size=16m"], ["--memory_data_cache_size=64m"], ["--total_mem_limit=64m"],
           ["--direct_io=true"], ["--prefetch_concurrency=0"], ["--cache_until_close=true"],
           ["--page_cache_fill_threads=2"], ["--prefetch_chunk_size=1m"], ["--verify_read_crc64=true"],
           ["--metadata_mem_limit=1m"], ["--read_ahead_kb=128"]]
FAULTS = ["op=get,rate=0.05,kind=status:503:SlowDown", "op=get,rate=0.05,kind=reset", "op=get,rate=0.05,kind=short",
          "op=get,rate=0.3,kind=delay:30", "op=head,rate=0.2,kind=late-answer:30", "op=get,rate=0.02,kind=no-range",
          "op=get,rate=0.3,kind=late-answer:50", "op=put,rate=0.3,kind=late-answer:50"]
VERSIONS = 4000


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
        self.number, self.versions, self.strict = number, versions, strict
        self.oldest = versions.oldest(believed_s)
        self.candidates = None  # of a strict one

    def window(self):
        return range(self.oldest, self.versions.numbers()[0] + 1)

    def replaced(self):
        return len(self.window()) > 1

    def fits(self, version, offset, data, count):
        size = self.versions.of(version)[0]
        if not data:
            return count == 0 or offset >= size
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
            pieces = [data[at:at + PAGE] for at in range(0, len(data), PAGE)] or [data]
            good = all(any(self.fits(v, offset + at * PAGE, piece, count) for v in window)
                       for at, piece in enumerate(pieces))
        if not good:
            low = [struct.unpack_from("<H", data, at)[0] for at in range(0, len(data) - 1, PAGE)]
            raise AssertionError(
                "file %d at %d: %d bytes of %d are not those of %s (sizes %s); versions in its pages: %s, before %s"
                % (self.number, offset, len(data), count, window, [self.versions.of(v)[0] for v in window], low[:20],
                   self.candidates))


def read_pass(dice, path, one, way, end):
    handle = os.open(path, os.O_RDONLY | (os.O_DIRECT if way == "direct" else 0))
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
            raise
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
            handle = os.open(path, os.O_RDONLY)
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
    files = [Versions() for _ in range(SHARED + ALONE)]
    with harness.Server() as server, harness.Mount(server, *(options + time_option)) as mount:
        client = server.client

        def replace(number, size):
            version = files[number].numbers()[0] + 1
            files[number].begin(version, size)
            client.put("f%d" % number, content(number, version, 0, size))
            files[number].end(version)
            return version

        for number in range(len(files)):
            replace(number, dice.choice(SIZES))
        common.set_faults(server, faults, 0)
        end, direct_io = time.monotonic() + seconds, "--direct_io=true" in options

        def work(item):
            mine = random.Random("%d-%d" % (SEED, item))
            while time.monotonic() < end:
                number = item if item < ALONE else ALONE + mine.randrange(SHARED)
                way = mine.choice(("forward", "forward", "scattered", "direct", "map"))
                one = Pass(number, files[number], believed_s, item < ALONE or direct_io or way == "direct")
                path = os.path.join(mount.path, "f%d" % number)
                if way == "map":
                    map_pass(mine, path, one)
                else:
                    read_pass(mine, path, one, way, end)

        processes = harness.Processes(work, range(ALONE + READERS))
        stop, failed = threading.Event(), []

        def replacing():
            mine = random.Random("%d-versions" % SEED)
            try:
                while not stop.wait(pause_s * mine.random() * 2):
                    if replace(mine.randrange(len(files)), mine.choice(SIZES)) >= VERSIONS - 1:
                        return
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
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
