#!/usr/bin/env python3
"""Writers while the disk of staging_dir fills up and gets room again: what a write, a close or an fsync took must be
there, and what one refused with ENOSPC is wholly old or new, byte by byte, and the same for all who look. Root only
(a tmpfs).

  tests/soak/full_staging.py [SECONDS]     (30)
"""
import errno
import os
import random
import shutil
import subprocess
import sys
import threading
import time

import common
from common import MIB, SEED, harness

WRITERS = 6
DISK_MIB = 128
ALWAYS = ["--temp_dir_free_bytes=64m", "--oss_request_timeout_ms=3000"]
OPTIONS = [["--total_mem_limit=64m"], ["--total_mem_limit=96m"], ["--memory_data_cache_size=16m"],
           ["--direct_io=true"], ["--close_to_open=true"], ["--upload_concurrency=2"], ["--upload_buffer_size=1m"],
           ["--staging_size_max=40m"], ["--page_cache_fill_threads=0"], ["--prefetch_concurrency=0"]]
FAULTS = ["rate=0.02,kind=status:503:SlowDown", "rate=0.02,kind=reset", "rate=0.05,kind=late-answer:40",
          "op=part|put,rate=0.3,kind=delay:60", "op=get,rate=0.1,kind=short"]
SIZES = (0, 5000, 70001, MIB, 5 * MIB + 3, 12 * MIB)
COUNTS = (1, 700, 4096, 10000, 131072, 131073, MIB + 5, 2 * MIB)


class Model:
    """A file as its one writer knows it. `unsure`: ranges of refused writes, with what they were to bring."""

    def __init__(self, path, number):
        self.path, self.number = path, number
        self.bytes, self.unsure, self.longest = bytearray(), [], 0

    def check(self, offset, data, count):
        """What was read there; settles what was unsure."""
        end = offset + len(data)
        if len(data) < count:  # the end of the file
            is_behind = not data and offset >= len(self.bytes)
            if not is_behind and not len(self.bytes) <= end <= max(self.longest, len(self.bytes)):
                raise AssertionError("%s ends at %d, not %d" % (self.path, end, len(self.bytes)))
        if bytes(self.bytes[offset:end]) == data:
            return
        told = bytearray(self.bytes[offset:end].ljust(len(data), b"\0"))
        if end > max(self.longest, len(self.bytes)):
            raise AssertionError("%s is longer than %d: %d" % (self.path, self.longest, end))
        for begin, new in self.unsure:
            low, high = max(begin, offset), min(begin + len(new), end)
            for at in range(low, high):
                if data[at - offset] == new[at - begin]:
                    told[at - offset] = data[at - offset]
        if bytes(told) != data:
            wrong = [at for at in range(len(data)) if told[at] != data[at]]
            raise AssertionError("%s at %d: %d bytes of %d differ, from %d to %d; size %d, unsure %s" % (
                self.path, offset, len(wrong), len(data), offset + wrong[0], offset + wrong[-1], len(self.bytes),
                [(begin, len(new)) for begin, new in self.unsure]))
        if end > len(self.bytes):
            self.bytes.extend(bytes(end - len(self.bytes)))
        self.bytes[offset:end] = data

    def settle_size(self, size):
        if not len(self.bytes) <= size <= max(self.longest, len(self.bytes)):
            raise AssertionError("%s has %d bytes, not %d" % (self.path, size, len(self.bytes)))
        self.bytes.extend(bytes(size - len(self.bytes)))


class Writer:
    def __init__(self, folder, number, counters):
        self.dice = random.Random("%d-%d" % (SEED, number))
        self.folder, self.number, self.counters = folder, number, counters
        self.files, self.handle, self.made = [], None, 0
        self.log = []

    def data(self, count):
        self.made += 1
        return (harness.block("w%d" % self.number, self.made, min(count, MIB)) * (count // MIB + 1))[:count]

    def note(self, text):
        self.log.append(text)
        del self.log[:-40]

    def refused(self, error):
        if error.errno != errno.ENOSPC:
            raise error
        self.counters["refused"] += 1

    def write(self, model, handle, offset, data):
        model.longest = max(model.longest, len(model.bytes), offset + len(data))
        try:
            done = os.pwrite(handle, data, offset)
            error = None
        except OSError as caught:
            done, error = 0, caught
        self.note("write %s %d+%d: %s" % (model.path[-4:], offset, len(data), error or done))
        if done > 0:
            model.bytes.extend(bytes(max(0, offset + done - len(model.bytes))))
            model.bytes[offset:offset + done] = data[:done]
        if done < len(data):
            model.unsure.append((offset + done, data[done:]))
        if error:
            self.refused(error)
        self.counters["writes"] += 1
        if error or done < len(data):
            self.read(model, handle, max(0, offset - 4096), len(data) + 8192)
            size = os.fstat(handle).st_size
            model.settle_size(size)
            self.read_all(model, handle)
            model.unsure.clear()
            model.longest = len(model.bytes)

    def read(self, model, handle, offset, count):
        data = os.pread(handle, count, offset)
        while 0 < len(data) < count:
            more = os.pread(handle, count - len(data), offset + len(data))
            if not more:
                break
            data += more
        self.note("read %s %d+%d" % (model.path[-4:], offset, count))
        model.check(offset, data, count)

    def read_all(self, model, handle):
        for offset in range(0, len(model.bytes) + 1, MIB):
            self.read(model, handle, offset, MIB)

    def stored(self, model, handle, work):
        """fsync; a refusal may be repeated."""
        for _ in range(60):
            try:
                work(handle)
                self.note("stored %s" % model.path[-4:])
                return True
            except OSError as error:
                self.note("store %s: %s" % (model.path[-4:], error))
                self.refused(error)
                time.sleep(0.2)
        return False

    def turn(self):
        dice = self.dice
        if len(self.files) < 3:
            model = Model(os.path.join(self.folder, "f%d" % len(self.files)), self.number)
            self.files.append(model)
            flags = os.O_RDWR | os.O_CREAT
        else:
            model, flags = dice.choice(self.files), os.O_RDWR
        if dice.random() < 0.1:
            flags |= os.O_TRUNC
        handle = os.open(model.path, flags, 0o644)
        try:
            if flags & os.O_TRUNC:
                model.bytes, model.unsure, model.longest = bytearray(), [], 0
            self.note("open %s %o" % (model.path[-4:], flags))
            if not model.bytes:
                size = dice.choice(SIZES)
                for offset in range(0, size, MIB):
                    if offset == len(model.bytes):
                        self.write(model, handle, offset, self.data(min(MIB, size - offset)))
            for _ in range(dice.randrange(12)):
                size, kind = len(model.bytes), dice.random()
                count = dice.choice(COUNTS)
                if kind < 0.5:
                    self.write(model, handle, dice.randrange(size + 1), self.data(count))
                elif kind < 0.6:
                    self.write(model, handle, size, self.data(count))
                elif kind < 0.65:
                    self.write(model, handle, size + dice.choice((1, 5000, MIB)), self.data(count))
                elif kind < 0.85:
                    self.read(model, handle, dice.randrange(size + 1), count)
                elif kind < 0.9:
                    self.stored(model, handle, os.fsync)
                elif kind < 0.95:
                    self.truncate(model, handle, dice.choice((0, 100, size // 2, size, size + 4097)))
                else:
                    time.sleep(0.05)
            if not self.stored(model, handle, os.fsync):
                raise AssertionError("%s could not be stored for 12 s" % model.path)
        finally:
            os.close(handle)
        self.counters["stored"] += 1
        if dice.random() < 0.5:
            with open(model.path, "rb", buffering=0) as stream:
                self.read_all(model, stream.fileno())

    def truncate(self, model, handle, size):
        try:
            os.ftruncate(handle, size)
            self.note("truncate %s %d" % (model.path[-4:], size))
        except OSError as error:
            self.note("truncate %s %d: %s" % (model.path[-4:], size, error))
            self.refused(error)
            return
        if size <= len(model.bytes):
            del model.bytes[size:]
        else:
            model.bytes.extend(bytes(size - len(model.bytes)))
        model.longest = len(model.bytes)


def fill(disk, stop, dice):
    path = os.path.join(disk, "fill")
    while not stop.wait(dice.random() * 1.5):
        with open(path, "ab", buffering=0) as stream:
            try:
                while True:
                    stream.write(b"x" * MIB)
            except OSError:
                pass
            size = stream.tell()
            if dice.random() < 0.7:
                os.truncate(path, max(0, size - dice.choice((4096, 300000, MIB, 4 * MIB))))
        stop.wait(dice.random() * 1.5)
        os.truncate(path, 0)
    if os.path.exists(path):
        os.unlink(path)


def soak(dice):
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    options, faults = common.pick_options(dice, OPTIONS), common.pick_faults(dice, FAULTS)
    print("seed %d: %s, faults %s" % (SEED, options, faults), flush=True)
    disk = harness.temporary_folder("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MIB, "none", disk], check=True)
    try:
        with harness.Server() as server, \
                harness.Mount(server, *ALWAYS, *options, "--staging_dir=" + os.path.join(disk, "staging")) as mount:
            common.set_faults(server, faults, 0)
            end = time.monotonic() + seconds

            def work(number):
                folder = os.path.join(mount.path, "w%d" % number)
                os.mkdir(folder)
                counters = {"refused": 0, "writes": 0, "stored": 0}
                writer = Writer(folder, number, counters)
                try:
                    while time.monotonic() < end:
                        writer.turn()
                except BaseException as error:
                    raise AssertionError("%r after %s" % (error, "; ".join(writer.log))) from error
                print("writer %d: %s" % (number, counters), flush=True)
                with open(os.path.join(local, "w%d" % number), "wb") as stream:
                    for model in writer.files:
                        stream.write(len(model.bytes).to_bytes(8, "little") + model.bytes)

            local = harness.temporary_folder("models")
            processes = harness.Processes(work, range(WRITERS))
            stop = threading.Event()
            filler = threading.Thread(target=fill, args=(disk, stop, random.Random("%d-fill" % SEED)))
            filler.start()
            try:
                processes.join(seconds + 180)
            finally:
                stop.set()
                filler.join(30)
            server.clear_fault()
            harness.wait_until(lambda: shutil.disk_usage(disk).used < MIB, 20, "the disk to be empty")
            mount.unmount()
            for number in range(WRITERS):
                with open(os.path.join(local, "w%d" % number), "rb") as stream:
                    place = 0
                    while head := stream.read(8):
                        told = stream.read(int.from_bytes(head, "little"))
                        if server.client.get("w%d/f%d" % (number, place)) != told:
                            raise AssertionError("object w%d/f%d is not what was stored" % (number, place))
                        place += 1
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


if __name__ == "__main__":
    common.run(soak)
