#!/usr/bin/env python3
"""Processes that append records with O_APPEND to shared files and to files of their own, while they, or the daemon, are
killed: every record that was stored is there once, whole, and in its writer's order. Only the one that a writer
was about to write when it was killed may be cut at the end of a page, and so may the last one of a file after a kill of
the daemon: the kernel sends a write in two when it does not have the page at the file's end.

  tests/soak/appenders.py [ROUNDS]     (4), each of some seconds; the daemon is killed with -9 after some of them
"""
import mmap
import os
import random
import signal
import struct
import sys
import time
import zlib

import common
from common import MIB, SEED, harness

WRITERS, SHARED = 5, 2
LENGTHS = (0, 1, 30, 100, 4000, 4096 - 20, 9000, 60000)
HEAD = struct.Struct("<4sIIII")  # mark, writer, number, length, crc of all that and the text
MARK = b"rEc!"
OPTIONS = common.OPTIONS + common.WRITE_OPTIONS + [
    ["--upload_buffer_size=1m"], ["--enable_appendable_object=true"],
    ["--enable_appendable_object=true", "--appendable_object_autoswitch_threshold=1m"]]
FAULTS = ["rate=0.3,kind=delay:20", "rate=0.1,kind=late-answer:40", "rate=0.02,kind=reset",
          "rate=0.03,kind=status:503:SlowDown", "op=append,rate=0.2,kind=late-answer:60"]


def record(writer, number, length):
    text = harness.block("r%d" % writer, number, length)
    head = struct.pack("<4sIII", MARK, writer, number, length)
    return head + struct.pack("<I", zlib.crc32(text, zlib.crc32(head))) + text


def parse(data, name, may_be_cut):
    """[(writer, number)], in order; raises for what is no record. may_be_cut(writer, number, is_last)."""
    found, at = [], 0
    while at < len(data):
        head = bytes(data[at:at + HEAD.size]).ljust(HEAD.size, b"\0")
        mark, writer, number, length, crc = HEAD.unpack(head)
        text = data[at + HEAD.size:at + HEAD.size + length]
        end = at + HEAD.size + length
        if mark != MARK or len(text) != length or zlib.crc32(text, zlib.crc32(head[:16])) != crc:
            end = data.find(MARK, at + 4) if MARK in data[at + 4:] else len(data)
            if not record_begins(data[at:end], end == len(data), may_be_cut):
                raise AssertionError("%s: no record at %d of %d (after %s): %r, %d of %d bytes" % (
                    name, at, len(data), found[-3:], head, len(text), length))
        else:
            found.append((writer, number))
        at = end
    return found


def record_begins(data, is_last, may_be_cut):
    if len(data) < HEAD.size:
        return True
    mark, writer, number, length, _ = HEAD.unpack_from(data)
    return mark == MARK and may_be_cut(writer, number, is_last) and record(writer, number, length).startswith(data)


class Progress:
    """Of a writer in a file, seen by all processes: the last number begun, written, and stored."""

    def __init__(self, memory, place):
        self.memory, self.place = memory, 12 * place

    def set(self, which, number):
        struct.pack_into("<I", self.memory, self.place + 4 * which, number)

    def get(self):
        return struct.unpack_from("<III", self.memory, self.place)


def check(name, found, progress, killed):
    """`progress` of all its writers. After a kill of the daemon what was not stored may be absent."""
    for writer, one in progress.items():
        begun, written, stored = one.get()
        numbers = [number for who, number in found if who == writer]
        # One that was begun when its program was killed may be there or not.
        if sorted(set(numbers)) != numbers or (numbers and numbers[-1] > begun):
            raise AssertionError("%s: writer %d is out of order, or twice: %s" % (name, writer, numbers[-20:]))
        absent = set(range(1, (stored if killed else written) + 1)) - set(numbers) - one.skipped
        if absent:
            raise AssertionError("%s: writer %d misses %s (begun %d, written %d, stored %d; %d there)" % (
                name, writer, sorted(absent)[:20], begun, written, stored, len(numbers)))


class Soak:
    """Rounds of writers on one mount. What they have done is kept in memory that all processes share."""

    def __init__(self, server, mount, faults):
        self.server, self.mount, self.faults = server, mount, faults
        self.names = ["shared%d" % n for n in range(SHARED)] + ["own%d" % n for n in range(WRITERS)]
        self.memory = mmap.mmap(-1, 12 * (WRITERS * (SHARED + 1) + 1))
        self.progress = {name: {} for name in self.names}
        self.round_number, self.seconds = 0, 0
        place = 0
        for name in self.names:
            for writer in range(WRITERS):
                if name.startswith("shared") or name == "own%d" % writer:
                    self.progress[name][writer] = Progress(self.memory, place)
                    self.progress[name][writer].skipped, self.progress[name][writer].cut = set(), set()
                    place += 1

    # --- in the writers' processes ---

    def append(self, mine, writer, name, end):
        """One open, some records, and perhaps an fsync between them; the close stores."""
        one = self.progress[name][writer]
        handle = os.open(os.path.join(self.mount.path, name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        number = 0
        try:
            for _ in range(mine.choice((1, 1, 5, 40))):
                number = one.get()[0] + 1
                data = record(writer, number, mine.choice(LENGTHS))
                one.set(0, number)
                if os.write(handle, data) != len(data):
                    raise AssertionError("a short write to " + name)
                one.set(1, number)
                if mine.random() < 0.1:
                    os.fsync(handle)
                    one.set(2, number)
                if time.monotonic() > end:
                    break
        finally:
            os.close(handle)
        # A close beside other writers need not store: only one's own file is surely stored by it.
        if name.startswith("own"):
            one.set(2, number)

    def work(self, writer):
        mine = random.Random("%d-%d-%d" % (SEED, self.round_number, writer))
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            name = mine.choice(["own%d" % writer] + ["shared%d" % n for n in range(SHARED)])
            try:
                self.append(mine, writer, name, end)
            except OSError:
                if not self.is_going_down():
                    raise
                return

    def is_going_down(self):
        return self.memory[-1] != 0

    # --- between the rounds ---

    def look(self, name):
        try:
            with open(os.path.join(self.mount.path, name), "rb", buffering=0) as stream:
                return b"".join(iter(lambda: stream.read(MIB), b""))
        except FileNotFoundError:
            return b""

    def check_file(self, name, killed):
        def may_be_cut(writer, number, is_last):
            one = self.progress[name][writer]
            begun, written, stored = one.get()
            if begun == number > written or (killed and is_last and number > stored):
                one.cut.add(number)
            return number in one.cut

        data = self.look(name)
        found = parse(data, name, may_be_cut)
        check(name, found, self.progress[name], killed)
        kept = self.server.client.get(name) if data else b""
        if kept != data:
            raise AssertionError("%s: %d bytes in the mount, %d in the bucket" % (name, len(data), len(kept)))
        for writer, one in self.progress[name].items():
            there = {number for who, number in found if who == writer}
            one.skipped |= set(range(1, one.get()[0] + 1)) - there
            for which in range(3):
                one.set(which, one.get()[0])

    def check_all(self, killed):
        self.server.clear_fault()
        for name in self.names:
            self.check_file(name, killed)

    def store_all(self):
        for name in self.names:
            path = os.path.join(self.mount.path, name)
            if os.path.exists(path):
                handle = os.open(path, os.O_WRONLY | os.O_APPEND)
                os.fsync(handle)
                os.close(handle)

    def kill(self, dice, way, processes):
        if way == "writers":
            for pid in dice.sample(sorted(processes.children), 3):
                time.sleep(dice.random() * self.seconds / 4)
                os.kill(pid, signal.SIGKILL)
        elif way == "daemon":
            time.sleep(dice.random() * self.seconds)
            self.memory[-1] = 1
            self.mount.process.kill()
            self.mount.process.wait()

    def run_round(self, dice, number):
        self.round_number = number
        self.seconds, way = dice.choice((1.5, 3, 5)), dice.choice(("writers", "writers", "daemon", "nobody"))
        self.memory[-1] = 0
        common.set_faults(self.server, self.faults, number)
        started = time.monotonic()
        processes = harness.Processes(self.work, range(WRITERS))
        self.kill(dice, way, processes)
        processes.join(self.seconds + 120)
        print("round %d: %s, %.1f s" % (number, way, time.monotonic() - started), flush=True)
        if way == "daemon":
            self.mount.detach()
            self.mount.start()
        else:
            self.store_all()
        self.check_all(way == "daemon")


def soak(dice):
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    options, faults = common.pick_options(dice, OPTIONS), common.pick_faults(dice, FAULTS)
    print("seed %d: %s, faults %s" % (SEED, options, faults), flush=True)
    with harness.Server() as server, harness.Mount(server, *options) as mount:
        appenders = Soak(server, mount, faults)
        for number in range(rounds):
            appenders.run_round(dice, number)
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
