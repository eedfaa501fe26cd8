#!/usr/bin/env python3
"""Several processes write their stripes of shared files at once, as aria2c and multi-threaded downloaders do: through
handles, with O_DIRECT, or through shared maps, with fsync in between, while others read here and on another host, the
file is renamed, the service fails, and the daemon is killed.

  tests/soak/stripes.py [ROUNDS]     (5), each of some seconds

What an fsync has promised is there after a kill -9 and in the bucket; every other block is as it was or as it was
written since.
"""
import array
import errno
import mmap
import os
import random
import struct
import sys
import time

import common
from common import MIB, SEED, harness

WRITERS, READERS, FILES, BLOCKS_MAX = 8, 2, 2, 2048
BLOCKS = (1000, 4096, 16384, 65536, 100008, 300000, MIB)
SIZES = (30000, 300000, MIB, 5 * MIB + 8, 12 * MIB, 24 * MIB, 40 * MIB)
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]
OPTIONS = common.OPTIONS + common.WRITE_OPTIONS
SHORT = ["--oss_request_timeout_ms=1500", "--stall_timeout_ms=1000"]  # programs see errors then
# Not lost answers: see kill_anywhere.py.
FAULTS = ["rate=0.3,kind=delay:20", "rate=0.2,kind=late-answer:40", "rate=0.05,kind=reset",
          "op=part|put,rate=0.2,kind=reset", "rate=0.05,kind=status:503:SlowDown", "op=get,rate=0.2,kind=short",
          "op=part|put,rate=0.1,kind=corrupt", "op=copy_part|complete,rate=0.2,kind=status:500:InternalError"]
PERMITTED = {errno.EIO, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.ECONNRESET, errno.ESTALE, errno.ENOSPC}


def content(number, block, generation, count):
    """Words of 8 bytes: file, generation, block, place. Generation 0: nothing was written."""
    if generation == 0:
        return bytes(count)
    first, words = number | generation << 8 | block << 24, (count + 7) // 8
    return array.array("Q", range(first, first + (words << 40), 1 << 40)).tobytes()[:count]


def generations(data, number, block):
    """The generations that the words of a block show; raises for what nobody has written."""
    words, found = array.array("Q", data[:len(data) // 8 * 8]), set()
    for place, word in enumerate(words):
        generation = word >> 8 & 0xffff
        if word != (generation and (number | generation << 8 | block << 24 | place << 40)):
            raise AssertionError("file %d, block %d, byte %d: nobody has written %x" % (number, block, place * 8, word))
        found.add(generation)
    return found


class Known:
    """Of one file, seen by all processes: of each block the generation begun, written, and stored by each writer."""

    def __init__(self, dice, number, name):
        self.memory = mmap.mmap(-1, 2 * BLOCKS_MAX * (WRITERS + 3))
        self.number, self.name = number, name
        self.block = dice.choice(BLOCKS)
        self.count = max(WRITERS, min(dice.choice(SIZES) // self.block, BLOCKS_MAX))
        self.size = self.count * self.block
        self.interleaved = dice.random() < 0.4
        self.begin = dice.choice(("ftruncate", "allocate", "last byte", "nothing"))
        ways = (("write",), ("write",), ("write", "map"), ("map",), ("write", "direct"))
        self.through = ways[0] if self.block % 4096 else dice.choice(ways)

    def get(self, row, block):
        return struct.unpack_from("<H", self.memory, 2 * (row * BLOCKS_MAX + block))[0]

    def set(self, row, block, value):
        struct.pack_into("<H", self.memory, 2 * (row * BLOCKS_MAX + block), value)

    def begun(self, block):
        return self.get(0, block)

    def written(self, block):
        return self.get(1, block)

    def stored(self, block):
        return max(self.get(2 + writer, block) for writer in range(WRITERS + 1))

    def promise(self, writer, blocks):
        for block, generation in blocks.items():
            self.set(2 + writer, block, generation)

    def own(self, writer):
        each = self.count // WRITERS
        if self.interleaved:
            return range(writer, self.count, WRITERS)
        return range(writer * each, (writer + 1) * each if writer < WRITERS - 1 else self.count)

    def check(self, block, data, low, high, where):
        found = generations(data.ljust(self.block, b"\0"), self.number, block)
        if min(found) < low or max(found) > high:
            raise AssertionError("%s: file %d (%s), block %d of %d bytes (%d there): generations %s, not %d to %d" % (
                where, self.number, self.name, block, self.block, len(data), sorted(found), low, high))
        return min(found)


class Worker:
    def __init__(self, soak, item):
        self.soak, self.item = soak, item
        self.dice = random.Random("%d-%d-%d" % (SEED, soak.round, item))

    def run(self):
        work = self.write if self.item < WRITERS else self.read if self.item < WRITERS + READERS else self.rename
        while time.monotonic() < self.soak.end:
            try:
                work(self.dice.choice(self.soak.files))
            except OSError as error:
                if self.soak.memory[-1]:  # the daemon was killed
                    return
                if not self.soak.hard or error.errno not in PERMITTED:
                    raise
                time.sleep(0.05)
        self.soak.memory[self.item] = 1

    def open(self, root, one, flags):
        """By either name; the renames move on beside it."""
        for turn in range(400):
            try:
                return os.open(os.path.join(root, one.name + ".moved" * (turn % 2)), flags)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ESTALE):
                    raise
                time.sleep(0.001 * turn)
        raise AssertionError("%s has no name" % one.name)

    def write(self, one):
        way, blocks = self.dice.choice(one.through), list(one.own(self.item))
        if self.dice.random() < 0.3:
            self.dice.shuffle(blocks)
        elif self.dice.random() < 0.5:
            blocks = blocks[self.dice.randrange(len(blocks)):]
        handle, mine = self.open(self.soak.root, one, os.O_RDWR | (os.O_DIRECT if way == "direct" else 0)), {}
        try:
            view = None
            if way == "map":
                if os.fstat(handle).st_size < one.size:
                    os.ftruncate(handle, one.size)
                view = mmap.mmap(handle, one.size)
            for block in blocks[:self.dice.choice((1, 5, 50, 1000))]:
                self.write_block(one, handle, view, block)
                mine[block] = one.begun(block)
                if self.dice.random() < 0.05:
                    self.sync(one, handle, view, mine)
                if time.monotonic() > self.soak.end:
                    break
            if view is not None and self.soak.hard:
                view.flush()
            if self.dice.random() < 0.3:
                self.sync(one, handle, view, mine)
        finally:
            os.close(handle)

    def write_block(self, one, handle, view, block):
        generation = one.begun(block) + 1
        data, offset = content(one.number, block, generation, one.block), block * one.block
        one.set(0, block, generation)
        if view is not None:
            view[offset:offset + one.block] = data
        else:
            buffer = mmap.mmap(-1, one.block)  # aligned
            buffer[:] = data
            done = 0
            while done < one.block:
                done += os.pwrite(handle, memoryview(buffer)[done:], offset + done)
        one.set(1, block, generation)

    def sync(self, one, handle, view, mine):
        """Where errors are expected, data of others may have been given up with their handles."""
        before = mine.copy() if self.soak.hard else {block: one.written(block) for block in range(one.count)}
        if view is not None and self.dice.random() < 0.5:
            view.flush()
        os.fsync(handle)
        one.promise(self.item, before)

    def read(self, one):
        there = self.soak.other is not None and self.dice.random() < 0.4
        low = one.stored if there or self.soak.hard else one.written
        # What another host sees is at least what was stored before the open. It may be replaced meanwhile.
        lows, root = [low(block) for block in range(one.count)], self.soak.other if there else self.soak.root
        handle = self.open(root, one, os.O_RDONLY)
        try:
            for _ in range(self.dice.choice((1, 10, 60))):
                block = self.dice.randrange(one.count)
                lowest = lows[block] if there else low(block)
                data = b""
                while len(data) < one.block and (more := os.pread(handle, one.block - len(data),
                                                                  block * one.block + len(data))):
                    data += more
                one.check(block, data, lowest, one.begun(block), "other host" if there else "read")
        except OSError as error:
            if error.errno != errno.ESTALE or not there:
                raise
        finally:
            os.close(handle)

    def rename(self, one):
        time.sleep(self.dice.random())
        if self.soak.renames:
            names = [os.path.join(self.soak.root, one.name + more) for more in ("", ".moved")]
            os.rename(*(names if os.path.exists(names[0]) else reversed(names)))


class Soak:
    def __init__(self, dice):
        self.dice, self.round, self.end, self.other = dice, 0, 0.0, None
        self.memory = mmap.mmap(-1, WRITERS + READERS + 2)  # who came to the end; last: the daemon was killed
        self.hard, self.renames = dice.random() < 0.3, dice.random() < 0.4
        self.options = ALWAYS + common.pick_options(dice, OPTIONS) + (SHORT if self.hard else [])
        self.faults = dice.sample(FAULTS, dice.choice((0, 1, 2, 3)))
        self.number = 0  # of files made

    def make(self):
        self.number += 1
        one = Known(self.dice, self.number % 200 + 1, "f%d" % self.number)
        handle = os.open(os.path.join(self.root, one.name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if one.begin == "ftruncate":
            os.ftruncate(handle, one.size)
        elif one.begin == "allocate":
            os.posix_fallocate(handle, 0, one.size)
        elif one.begin == "last byte":
            os.pwrite(handle, b"\0", one.size - 1)
        os.close(handle)
        return one

    def check_all(self, server, killed):
        """Takes what is there as the new state of all."""
        where = "killed" if killed else "end"
        for one in self.files:
            names = [n for n in (one.name, one.name + ".moved") if os.path.exists(os.path.join(self.root, n))]
            if len(names) != 1:
                raise AssertionError("%s is there as %s" % (one.name, names))
            path = os.path.join(self.root, names[0])
            if not killed:
                with open(path, "r+b") as stream:
                    os.fsync(stream.fileno())
            with open(path, "rb") as stream:
                data = stream.read()
            if server.client.get(names[0]) != data:
                raise AssertionError("%s differs in the bucket" % names[0])
            for block in range(one.count):
                low = one.stored(block) if killed or self.hard else one.written(block)
                low = one.check(block, data[block * one.block:(block + 1) * one.block], low, one.begun(block), where)
                one.set(1, block, low)
                one.promise(WRITERS, {block: low})
                one.set(0, block, max(low, one.begun(block)))

    def run(self):
        rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
        print("seed %d: %s, faults %s, hard %s, renames %s" % (SEED, self.options[len(ALWAYS):], self.faults, self.hard,
                                                              self.renames), flush=True)
        with harness.Server() as server, harness.Mount(server, *self.options) as mount, \
                harness.Mount(server, "--close_to_open=true", "--ro") as other:
            self.root, self.other = mount.path, other.path
            self.files = [self.make() for _ in range(FILES)]
            for self.round in range(rounds):
                self.one_round(server, mount)
            other.unmount()
            mount.unmount()
            left = [key for key in server.client.keys() if ".ossfs2-" in key] + list(server.client.uploads())
            if left:
                raise AssertionError("left in the bucket: %s" % left)

    def one_round(self, server, mount):
        seconds, kill = self.dice.choice((1.5, 4, 8)), self.dice.random() < 0.6
        self.memory[:] = bytes(len(self.memory))
        common.set_faults(server, self.faults, self.round)
        self.end = time.monotonic() + seconds
        processes = harness.Processes(lambda item: Worker(self, item).run(), range(WRITERS + READERS + 1))
        if kill:
            time.sleep(self.dice.random() * seconds)
            self.memory[-1] = 1
            mount.process.kill()
            mount.process.wait()
        processes.join(seconds + 150)
        server.clear_fault()
        if kill:
            mount.detach()
            mount.start()
        elif bytes(self.memory[:-1]) != b"\1" * (len(self.memory) - 1):
            raise AssertionError("ended early: %s" % bytes(self.memory).hex())
        self.check_all(server, kill)
        print("round %d: killed %s; %s" % (self.round, kill, [
            "%d x %d %s %s: %d blocks written, %d stored" % (
                one.count, one.block, one.begin, "+".join(one.through), sum(map(one.begun, range(one.count))),
                sum(map(one.stored, range(one.count)))) for one in self.files]), flush=True)
        for place, one in enumerate(self.files):
            if self.dice.random() < 0.4:
                for name in (one.name, one.name + ".moved"):
                    if os.path.exists(os.path.join(self.root, name)):
                        os.unlink(os.path.join(self.root, name))
                self.files[place] = self.make()


if __name__ == "__main__":
    common.run(lambda dice: Soak(dice).run())
