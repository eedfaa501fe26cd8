#!/usr/bin/env python3
"""Readers of large objects in many ways at once, with random options, faults and delays: every byte is checked.

  tests/soak/readers.py [SECONDS]     (15)

The objects are synthetic (`ossfs2-server --help` says how their bytes are made). At the end no reader may hang, and the
daemon's memory must have stayed within its limit.
"""
import array
import mmap
import os
import random
import sys
import threading
import time

import common
from common import MIB, SEED, harness

PATTERN_BYTES = 4222976
BLOCKS = (4096, 10000, 65536, 131072, MIB, 3 * MIB)
SIZES = (1, 4095, MIB - 1, 5 * MIB + 7, 33 * MIB + 1, 120 * MIB, 200 * MIB + 4097)
OPTIONS = common.OPTIONS + [["--prefetch_concurrency=4"], ["--prefetch_chunk_size=1m"], ["--prefetch_chunks=2"],
                            ["--detect_whole_file=false"], ["--prefetch_next_shard=false"]]
FAULTS = ["op=get,rate=0.02,kind=status:503:SlowDown", "op=get,rate=0.02,kind=reset", "op=get,rate=0.02,kind=short",
          "op=get,rate=0.1,kind=delay:50", "op=get,rate=0.01,kind=html", "op=get,rate=0.01,kind=no-range"]
RSS_SLACK_MIB = 96
HANG_S = 180  # beyond the time of the run
PATTERN = array.array("Q", ((i + 1) * 0x9E3779B97F4A7C15 % 2**64 for i in range(PATTERN_BYTES // 8))).tobytes() * 2


def expected(key, offset, count):
    digest = 0xcbf29ce484222325  # FNV-1a, 64 bits
    for byte in key.encode():
        digest = (digest ^ byte) * 0x100000001b3 % 2**64
    at = (offset + 4096 * (digest % 1031)) % PATTERN_BYTES
    pieces = []
    while count > 0:
        pieces.append(PATTERN[at:at + min(count, PATTERN_BYTES)])
        count -= len(pieces[-1])
        at = (at + len(pieces[-1])) % PATTERN_BYTES
    return b"".join(pieces)


class Reader:
    """One thread: opens a file, reads it in one of the ways, and so on until `end`."""

    def __init__(self, root, sizes, end, seed):
        self.root, self.sizes, self.end = root, sizes, end
        self.dice = random.Random(seed)
        self.key = None

    def run(self):
        while time.monotonic() < self.end:
            self.key = self.dice.choice(list(self.sizes))
            way = self.dice.choice(("forward", "forward", "forward", "backward", "scattered", "direct", "whole",
                                    "map_forward", "map_scattered", "map_slices"))
            flags = os.O_RDONLY | (os.O_DIRECT if way == "direct" else 0)
            handle = os.open(os.path.join(self.root, self.key), flags)
            try:
                for offset, count, data in getattr(self, way)(handle, self.sizes[self.key], self.dice.choice(BLOCKS)):
                    self.check(way, offset, count, data)
                    if time.monotonic() > self.end + 20:
                        break
            finally:
                os.close(handle)

    def check(self, way, offset, count, data):
        count = max(0, min(count, self.sizes[self.key] - offset))
        if data == expected(self.key, offset, count):
            return
        raise AssertionError("%s of %s at %d: %d bytes of %d, or wrong ones"
                             % (way, self.key, offset, len(data), count))

    def forward(self, handle, size, block):
        start = 0 if self.dice.random() < 0.7 else self.dice.randrange(size)
        for offset in range(start, min(size, start + self.dice.choice((size, 8 * MIB))), block):
            yield offset, block, os.pread(handle, block, offset)

    def backward(self, handle, size, block):
        for end in range(size, max(0, size - 20 * MIB), -block):
            start = max(0, end - block)
            yield start, end - start, os.pread(handle, end - start, start)

    def scattered(self, handle, size, block):
        for _ in range(50):
            offset = self.dice.randrange(size)
            yield offset, block, os.pread(handle, block, offset)

    def direct(self, handle, size, _):
        buffer = mmap.mmap(-1, MIB)
        for offset in range(0, min(size, 60 * MIB), MIB):
            yield offset, MIB, buffer[:os.preadv(handle, [buffer], offset)]

    def whole(self, handle, size, _):
        with open(handle, "rb", closefd=False) as stream:
            yield 0, size, stream.read()

    def mapped(self, handle, ranges):
        with mmap.mmap(handle, 0, prot=mmap.PROT_READ) as view:
            for offset, count in ranges:
                yield offset, count, view[offset:offset + count]

    def map_forward(self, handle, size, block):
        return self.mapped(handle, ((offset, block) for offset in range(0, size, block)))

    def map_scattered(self, handle, size, _):
        return self.mapped(handle, [(self.dice.randrange(size), 9000) for _ in range(40)])

    def map_slices(self, handle, size, _):
        part = self.dice.randrange(4)  # as one of four ranks takes its quarter of each tensor
        return self.mapped(handle, ((min(size, at + part * 2 * MIB), 2 * MIB) for at in range(0, size, 8 * MIB)))


def memory_limit_mib(options):
    for option in options:
        if option.startswith("--total_mem_limit="):
            return int(option.split("=")[1].rstrip("m"))
    return None


def soak(dice):
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    options, faults = common.pick_options(dice, OPTIONS), dice.sample(FAULTS, dice.choice((0, 0, 1, 2)))
    sizes = {"a/model-%05d-of-00006.safetensors" % (i + 1): dice.choice(SIZES) for i in range(6)}
    sizes["b/one.gguf"] = 300 * MIB + 13
    network = dice.choice(([], [], ["--latency", "5ms"], ["--rate-per-connection", "40M"]))
    count = dice.choice((1, 2, 4, 8, 16))
    print("seed %d: %d readers, %s, faults %s, %s" % (SEED, count, options, faults, network), flush=True)
    synthetic = [word for key, size in sizes.items() for word in ("--synthetic", "%s=%d" % (key, size))]
    with harness.Server(*(synthetic + network)) as server, harness.Mount(server, *options) as mount:
        common.set_faults(server, faults, 0)
        end, failures = time.monotonic() + seconds, []

        def work(number):
            try:
                Reader(mount.path, sizes, end, "%d-%d" % (SEED, number)).run()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(1, end + HANG_S - time.monotonic()))
        if failures:
            raise failures[0]
        if any(thread.is_alive() for thread in threads):
            harness.show_threads(mount.pid)
            raise AssertionError("a reader hangs")
        limit, peak = memory_limit_mib(options), mount.resident_bytes(peak=True) / MIB
        if limit is not None and peak > limit + RSS_SLACK_MIB:
            raise AssertionError("%.0f MiB of memory with a limit of %d" % (peak, limit))
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
