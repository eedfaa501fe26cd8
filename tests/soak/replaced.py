#!/usr/bin/env python3
"""Reading processes while another client, and programs of this mount, replace the objects: every byte belongs to a
version that the reader may see.

  tests/soak/replaced.py [SECONDS]     (20)

ESTALE (SIGBUS in a map) is right once another client has replaced the object after the open, never otherwise. An
O_DIRECT handle, and the only one of its file, sees one version only; other handles share the file's pages, which are
those of the newest version that was opened here (on direct_io mounts too, since the files are mapped). A file that a
program of this mount renames over the name leaves the handles of the old one as they are; one that it writes anew in
place is seen by all as it grows.
"""
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
from versions import PAGE, VERSIONS, Pass, Versions, content

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
BLOCK = 100000


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


def map_of(handle, size):
    """Python asks for the size again; it may be smaller by now."""
    try:
        return mmap.mmap(handle, size, prot=mmap.PROT_READ)
    except ValueError as error:
        raise OSError(errno.ESTALE, "smaller than %d" % size) from error


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
                with map_of(handle, size) as view:
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


def write(path, number, version, size):
    with open(path, "wb", buffering=0) as stream:
        for at in range(0, size, BLOCK):
            harness.write_all(stream, content(number, version, at, min(BLOCK, size - at)))


class Soak:
    """Readers and writers of one mount, and another client; Versions says what each file may be."""

    def __init__(self, server, mount, believed_s, pause_s):
        self.server, self.mount, self.client = server, mount, server.client
        self.believed_s, self.pause_s = believed_s, pause_s
        self.files, self.locks = [Versions() for _ in FILES], [multiprocessing.Lock() for _ in FILES]
        self.end = 0

    def path(self, number):
        return os.path.join(self.mount.path, "f%d" % number)

    # --- storing a version ---

    def put(self, number, version, size):
        self.client.put("f%d" % number, content(number, version, 0, size))

    def write_in_place(self, number, version, size):
        write(self.path(number), number, version, size)

    def write_and_rename(self, number, version, size):
        beside = os.path.join(self.mount.path, ".new%d" % number)
        write(beside, number, version, size)
        os.rename(beside, self.path(number))

    def replace(self, mine, number, store):
        with self.locks[number]:
            version, size = self.files[number].numbers()[0] + 1, mine.choice(SIZES)
            if version < VERSIONS:
                self.files[number].begin(version, size)
                store(number, version, size)
                self.files[number].end(version)

    # --- in processes of their own ---

    def read_here(self, mine, item):
        number = item if item < ALONE else mine.randrange(ALONE, len(FILES))
        way = mine.choice(("forward", "forward", "scattered", "direct", "map"))
        one = Pass(number, FILES[number], self.files[number], self.believed_s,
                   item < ALONE or way == "direct")
        if way == "map" and "rewrite" not in one.ways:  # it may end anywhere
            map_pass(mine, self.path(number), one)
        else:
            read_pass(mine, self.path(number), one, way, self.end)

    def write_here(self, mine):
        number = mine.choice([number for number, ways in enumerate(FILES) if "re" in ways])
        self.replace(mine, number, self.write_in_place if "rewrite" in FILES[number] else self.write_and_rename)
        time.sleep(self.pause_s * mine.random())

    def work(self, item):
        mine = random.Random("%d-%d" % (SEED, item))
        while time.monotonic() < self.end:
            if item < ALONE + READERS:
                self.read_here(mine, item)
            else:
                self.write_here(mine)

    # --- all of it ---

    def keep_replacing(self, stop, failed):
        """The other client."""
        mine = random.Random("%d-versions" % SEED)
        others = [number for number, ways in enumerate(FILES) if "other" in ways]
        try:
            while not stop.wait(self.pause_s * mine.random() * 2):
                self.replace(mine, mine.choice(others), self.put)
        except BaseException as error:
            failed.append(error)

    def run(self, dice, seconds, faults):
        for number in range(len(self.files)):
            self.replace(dice, number, self.put)
        common.set_faults(self.server, faults, 0)
        self.end = time.monotonic() + seconds
        processes = harness.Processes(self.work, range(ALONE + READERS + WRITERS))
        stop, failed = threading.Event(), []
        other = threading.Thread(target=self.keep_replacing, args=(stop, failed))
        other.start()
        try:
            processes.join(seconds + 180)
        finally:
            stop.set()
            other.join(60)
        if failed:
            raise failed[0]

    def check_all(self):
        facts = [sum(column) for column in zip(*(struct.unpack_from("<IIII", f.memory, 0) for f in self.files))]
        print("%d versions, %d passes, %d of them refused" % tuple(facts[1:]), flush=True)
        self.server.clear_fault()
        time.sleep(self.believed_s)
        for number, versions in enumerate(self.files):
            version = versions.numbers()[1]
            told = content(number, version, 0, versions.of(version)[0])
            with open(self.path(number), "rb") as stream:
                if stream.read() != told or self.client.get("f%d" % number) != told:
                    raise AssertionError("f%d is not version %d, of %d bytes" % (number, version, len(told)))


def soak(dice):
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    options, faults = common.pick_options(dice, OPTIONS), dice.sample(FAULTS, dice.choice((0, 0, 1, 2)))
    time_option = dice.choice((["--close_to_open=true"], ["--close_to_open=true"], ["--attr_timeout=1"],
                               ["--attr_timeout=0"]))
    believed_s = 1.3 if "--attr_timeout=1" in time_option else 0
    pause_s = dice.choice((0.02, 0.3, 1))
    print("seed %d: %s, faults %s, a version each %.2f s" % (SEED, options + time_option, faults, pause_s), flush=True)
    with harness.Server() as server, harness.Mount(server, *(options + time_option)) as mount:
        replaced = Soak(server, mount, believed_s, pause_s)
        replaced.run(dice, seconds, faults)
        replaced.check_all()
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
