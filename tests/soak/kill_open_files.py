#!/usr/bin/env python3
"""kill -9 of the daemon, or SIGTERM, while programs have files open and half written, the disk of staging_dir fills up
(root only), memory is short and the service fails: what a close or an fsync has confirmed is in the object after the
next start. Else it is whole and old, or as it was when a later close, fsync or rename began to store it.

  tests/soak/kill_open_files.py [ROUNDS]     (6), each of some seconds
"""
import contextlib
import mmap
import os
import pickle
import random
import subprocess
import sys
import threading
import time

import common
from common import SEED, harness
from file_worker import NAMES, Worker
import full_staging
from stored_model import fits, is_half_done, version

WORKERS = 4
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]
OPTIONS = common.OPTIONS + common.WRITE_OPTIONS + [["--total_mem_limit=64m"]] * 3
SHORT = ["--oss_request_timeout_ms=1500", "--stall_timeout_ms=1000"]  # programs see errors then
FAULTS = ["rate=0.3,kind=delay:20", "rate=0.2,kind=late-answer:40", "rate=0.05,kind=reset",
          "op=part|put,rate=0.2,kind=reset", "rate=0.05,kind=status:503:SlowDown", "op=get,rate=0.2,kind=short",
          "rate=0.05,kind=status:500:InternalError", "op=part|put,rate=0.1,kind=corrupt",
          "op=copy_part|complete|copy,rate=0.2,kind=status:500:InternalError"]
HARD = ["rate=0.4,kind=status:503:SlowDown", "op=part|put|complete,rate=0.5,kind=reset",
        "op=copy|copy_part|complete,rate=0.6,kind=status:500:InternalError"]


class Soak:
    def __init__(self, dice):
        self.dice, self.killed, self.round = dice, mmap.mmap(-1, 1 + WORKERS), 0
        self.hard, self.full = dice.random() < 0.3, os.geteuid() == 0 and dice.random() < 0.5
        self.options = ALWAYS + common.pick_options(dice, OPTIONS) + (SHORT if self.hard else [])
        self.faults = dice.sample(FAULTS, dice.choice((0, 1, 2)))
        self.server_options = [o for o in common.SERVER_OPTIONS if dice.random() < 0.2]
        self.states, self.both = harness.temporary_folder("states"), 0

    def work(self, number):
        worker = Worker(self.mount.path, self.states, number, self.round, lambda: self.killed[0] != 0)
        self.killed[number + 1] = 1
        try:
            worker.run(self.end)
        except BaseException as error:
            raise AssertionError("%r after %s" % (error, "; ".join(worker.log))) from error
        worker.save()

    def disturb(self, stop):
        """The service fails more for a while, now and then."""
        while not stop.wait(self.dice.random()):
            self.server.set_fault("%s,seed=%d" % (self.dice.choice(HARD), SEED % 1000))
            stop.wait(self.dice.choice((0.3, 1, 3)))
            self.server.clear_fault()
            common.set_faults(self.server, self.faults, self.round)

    def check(self, number, is_strict):
        with open(os.path.join(self.states, "w%d" % number), "rb") as stream:
            stored, moving, now, busy, log, counts = pickle.load(stream)
        if is_strict:  # ended by SIGTERM, and nothing could not be saved
            stored.update(now)
        there = {}
        for name in NAMES:
            path, data = os.path.join(self.mount.path, "w%d" % number, name), None
            with contextlib.suppress(FileNotFoundError):
                with open(path, "rb", buffering=0) as stream:
                    data = stream.read()
                if self.server.client.get("w%d/%s" % (number, name)) != data:
                    raise AssertionError("%s differs in the bucket" % path)
            there[name] = data
            if is_strict and busy and busy[0] == name and data is not None:
                if busy[2] is None or is_half_done(data, *busy[1:]):
                    continue
            if not any(fits(data, told) for told in stored[name]):
                with open(os.path.join(self.states, "got"), "wb") as stream:
                    stream.write(data or b"")
                raise AssertionError("%s of worker %d is %s, may be %s, strict %s, moving %s; %s" % (
                    name, number, version(data), stored[name], is_strict, moving, "; ".join(log)))
        if moving:
            one, two, of_one, of_two, new = moving
            if there[one] is None and None not in of_one and not fits(there[two], new):
                raise AssertionError("worker %d lost %s, moved to %s; %s" % (number, one, two, "; ".join(log)))
            both = there[one] is not None and fits(there[two], new) and not any(fits(there[two], t) for t in of_two)
            self.both += both
        return counts

    def one_round(self, seconds):
        stop, term = threading.Event(), self.dice.random() < 0.25
        self.killed[:], self.end = bytes(1 + WORKERS), time.monotonic() + 60
        common.set_faults(self.server, self.faults, self.round)
        processes = harness.Processes(self.work, range(WORKERS))
        threads = [threading.Thread(target=self.disturb, args=(stop,))] if self.hard else []
        if self.full:
            threads.append(threading.Thread(target=full_staging.fill, args=(self.disk, stop, random.Random(SEED))))
        for thread in threads:
            thread.start()
        try:
            harness.wait_until(lambda: self.killed[1:] == b"\1" * WORKERS, 60, "the programs")
            time.sleep(seconds)
            if term:
                stop.set()
                for thread in threads:
                    thread.join(30)
                self.server.clear_fault()
            self.killed[0] = 1
            (self.mount.process.terminate if term else self.mount.process.kill)()
            code = self.mount.process.wait(90)
            time.sleep(0.15)
            self.mount.detach()
            processes.join(60)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        self.server.clear_fault()
        with open(self.mount.log, errors="replace") as log:
            if wrong := [line for line in log if "removed or replaced in the bucket" in line]:
                raise AssertionError("nobody else changes the bucket: %s" % wrong)
        self.mount.start()
        counts = {}
        for number in range(WORKERS):
            for kind, count in self.check(number, term and code == 0).items():
                counts[kind] = counts.get(kind, 0) + count
        print("round %d: %s, status %s, %s" % (self.round, "SIGTERM" if term else "killed", code, counts), flush=True)

    def run(self):
        rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
        self.disk = harness.temporary_folder("disk") if self.full else None
        if self.full:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "none", self.disk], check=True)
            self.options += ["--temp_dir_free_bytes=64m", "--staging_dir=" + os.path.join(self.disk, "staging")]
        print("seed %d: %s, faults %s, hard %s, server %s" % (SEED, self.options[len(ALWAYS):], self.faults, self.hard,
                                                             self.server_options), flush=True)
        try:
            with harness.Server(*self.server_options) as self.server, \
                    harness.Mount(self.server, *self.options) as self.mount:
                for number in range(WORKERS):
                    os.mkdir(os.path.join(self.mount.path, "w%d" % number))
                for self.round in range(rounds):
                    self.one_round(self.dice.choice((0.5, 1.5, 4)) * self.dice.random() + 0.3)
                self.mount.remount()  # what could not be ended under faults
                self.mount.unmount()
                left = [key for key in self.server.client.keys() if ".ossfs2-" in key and key != ".ossfs2-attrs"]
                if left or self.server.client.uploads():
                    raise AssertionError("left in the bucket: %s %s" % (left, list(self.server.client.uploads())))
                print("%d files with both names after a rename that was cut off" % self.both, flush=True)
        finally:
            if self.full:
                subprocess.run(["umount", "-l", self.disk], check=False)


if __name__ == "__main__":
    common.run(lambda dice: Soak(dice).run())
