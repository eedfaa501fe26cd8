#!/usr/bin/env python3
"""Processes that make, rename, list and remove names in folders which others rename meanwhile, and a second host that
makes and removes names beside them.

  tests/soak/busy_folders.py [SECONDS]     (15) for each of two phases

Each process has names of its own in every folder (busy_worker.py) and finds them as it left them, whatever the folders
are called: in listings too, at once. Names of the other host are found at once, and listed after what docs/semantics.md
lets a host believe. A phase ends with a remount, or with SIGTERM while all go on: what was told to be done is there
then.
"""
import errno
import os
import pickle
import random
import signal
import stat
import sys
import time

import common
from busy_others import SHARED, Others, check_others, other_host
from busy_worker import FOLDER, STATIC, Worker, until_ended
from common import SEED, harness

MOVED, WORKERS, WALKERS = 5, 4, 2  # folders that are renamed, and processes
OPTIONS = [["--readdirplus=false"], ["--metadata_mem_limit=4m"], ["--page_cache_fill_threads=0"],
           ["--close_to_open=true"], ["--total_mem_limit=128m"], ["--fuse_threads=2"]]
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]
FAULTS = ["op=list,rate=0.5,kind=delay:60", "op=list,rate=0.5,kind=late-answer:80",
          "op=head,rate=0.3,kind=late-answer:60", "op=copy,rate=0.5,kind=late-answer:60",
          "op=delete|delete_many,rate=0.3,kind=late-answer:60", "op=put,rate=0.3,kind=late-answer:60",
          "rate=0.02,kind=status:503:SlowDown", "rate=0.02,kind=lost-answer"]
SLACK_S = 1.5  # requests and the kernel's answers take a while on a loaded host


class Mover:
    """Gives the folders other names, and moves them between the root and two folders, which it renames as well."""

    def __init__(self, top, path):
        self.top, self.path, self.number = top, path, 0
        self.names = {"b0": "box0", "b1": "box1"}
        self.names.update(("m%d" % k, "m%d" % k) for k in range(MOVED))
        self.inside = {"m%d" % k: None for k in range(MOVED)}
        self.cut = None  # (names, inside) of a rename that may be done

    def path_of(self, folder, names=None, inside=None):
        names, inside = names or self.names, inside or self.inside
        box = inside.get(folder)
        return os.path.join(self.top, *([names[box]] if box else []), names[folder])

    def step(self, dice):
        folder, box = dice.choice(sorted(self.names)), dice.choice((None, None, "b0", "b1"))
        self.number += 1
        names, inside = dict(self.names), dict(self.inside)
        names[folder] = "%s-%d" % (folder, self.number)
        if folder in inside:
            inside[folder] = box
        self.cut = (names, inside)
        os.rename(self.path_of(folder), self.path_of(folder, names, inside))
        self.names, self.inside, self.cut = names, inside, None

    def save(self):
        with open(self.path, "wb") as stream:
            pickle.dump((self.names, self.inside, self.number, self.cut), stream)

    def load(self):
        with open(self.path, "rb") as stream:
            self.names, self.inside, self.number, self.cut = pickle.load(stream)


def walk(top, end, ending):
    """Reads everything again and again, as find, ls -lR and du do; folders get other names meanwhile."""
    dice, seen = random.Random("%d-walk-%f" % (SEED, time.monotonic())), [0, 0]

    def look(path):
        try:
            for entry in os.scandir(path):
                seen[0] += 1
                if dice.random() < 0.5:
                    entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    look(entry.path)
        except OSError as error:  # ESTALE: a folder of the other host that went while it was open
            gone = error.errno in (errno.ENOENT, errno.ENOTDIR) or (error.errno == errno.ESTALE and "/o" in path)
            if not gone:
                raise
            seen[1] += 1

    while time.monotonic() < end and until_ended(ending, lambda: look(top)):
        pass
    print("%d entries walked over, %d were gone" % tuple(seen), flush=True)


def verify(mount, mover, workers_path, phase):
    """By a mount that has seen nothing yet."""
    top = os.path.join(mount.path, "t")
    files = folders = 0
    for number in range(WORKERS):
        worker = Worker(number, "%s%d" % (workers_path, number))
        with open(worker.path + ".unsure", "rb") as stream:
            unsure = pickle.load(stream)
        for folder in ["m%d" % k for k in range(MOVED)] + ["x%d" % k for k in range(SHARED)]:
            path = os.path.join(top, folder) if folder[0] == "x" else mover.path_of(folder)
            names = set(os.listdir(path))
            told = {n for f, n in worker.model if f == folder}
            mine = {n for n in names if n.startswith("w%d-" % number)}
            skip = {n for f, n in unsure if f == folder}
            if mine - skip != told - skip or not set(STATIC) <= names:
                raise AssertionError("phase %d, %s: missing %s, too much %s" % (phase, path, told - mine - skip,
                                                                                mine - told - skip))
            for (f, name), data in worker.model.items():
                if f != folder or name in skip:
                    continue
                inside = os.path.join(path, name)
                if data == FOLDER:
                    folders += 1
                    data, inside = b"inside", inside + "/inside"
                with open(inside, "rb") as stream:
                    worker.same("phase %d" % phase, inside, stream.read(), data)
                mode = worker.modes.get((folder, name))
                if mode is not None and stat.S_IMODE(os.stat(inside).st_mode) != mode:
                    raise AssertionError("phase %d, %s: %s, not mode %o" % (phase, inside, os.stat(inside), mode))
                files += 1
        for place in unsure:  # done or not: from now on it is what it is
            path = os.path.join(top, place[0]) if place[0][0] == "x" else mover.path_of(place[0])
            worker.adopt(place, os.path.join(path, place[1]))
        worker.save()
    print("phase %d: %d files and %d folders are as they were told" % (phase, files, folders), flush=True)


def settle(mover, top):
    """After an end in the middle of a rename: what it is called now."""
    mover.top = top
    if mover.cut is None:
        return
    folder = next(f for f in mover.names if mover.names[f] != mover.cut[0][f])
    paths = mover.path_of(folder), mover.path_of(folder, *mover.cut)
    there = [os.path.exists(path) for path in paths]
    if all(there):
        raise AssertionError("both names are there after SIGTERM: %s, %s" % paths)
    if there[1]:
        mover.names, mover.inside = mover.cut
    mover.cut = None


def run_phase(dice, seconds, mount, other, mover, others, workers_path, end_ways):
    top, ending = os.path.join(mount.path, "t"), workers_path + "ending"
    sigterm = end_ways == "term"
    end = time.monotonic() + seconds + (60 if sigterm else 0)
    paths = {f: mover.path_of(f) for f in mover.inside}
    paths.update(("x%d" % k, os.path.join(top, "x%d" % k)) for k in range(SHARED))
    folders = {f: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for f, path in paths.items()}
    workers = [Worker(number, "%s%d" % (workers_path, number), ending) for number in range(WORKERS)]
    believed_s = SLACK_S + max(float(o.split("=")[1]) for o in mount.options if o.startswith("--attr_timeout="))
    asks = "--close_to_open=true" in mount.options

    def move():
        mine = random.Random("%d-move-%f" % (SEED, time.monotonic()))
        while time.monotonic() < end and until_ended(ending, lambda: mover.step(mine)):
            time.sleep(mine.choice((0, 0.05, 0.5)))
        print("%d renames of folders" % mover.number, flush=True)
        mover.save()

    jobs = [lambda w=w: w.run(folders, end) for w in workers] + [move] + \
        [lambda: walk(top, end, ending)] * WALKERS + [lambda: check_others(top, others, end, believed_s, asks, ending)]
    processes = harness.Processes(lambda job: jobs[job](), range(len(jobs)))
    for handle in folders.values():
        os.close(handle)
    harness.Processes(lambda _: other_host(os.path.join(other.path, "t"), others, time.monotonic() + seconds),
                      [0]).join(seconds + 120)
    if sigterm:
        with open(ending, "wb"):
            pass
        mount.process.send_signal(signal.SIGTERM)
    processes.join(seconds + 240)
    mover.load()
    if sigterm:
        code = mount.process.wait(120)
        if code != 0:
            raise AssertionError("the daemon ended with %d after SIGTERM" % code)
        mount.detach()
        os.unlink(ending)
        mount.start()
    else:
        mount.remount()


def check_logs(mounts):
    for mount in mounts:
        with open(mount.log, errors="replace") as stream:
            text_of_log = stream.read()
        for word in ("Sanitizer", "runtime error:"):
            if word in text_of_log:
                at = text_of_log.index(word)
                raise AssertionError("%s: %s" % (mount.log, text_of_log[max(0, at - 200):at + 6000]))


def soak(dice):
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15
    attr_timeout = dice.choice((0, 1, 2, 11, 11, 60))
    options = common.pick_options(dice, OPTIONS) + ["--attr_timeout=%d" % attr_timeout]
    faults = dice.sample(FAULTS, dice.choice((0, 1, 2, 3)))
    end_ways = [dice.choice(("remount", "term")) for _ in range(2)]
    print("seed %d: %s, faults %s, ends %s" % (SEED, options, faults, end_ways), flush=True)
    workers_path = harness.temporary_folder("workers") + "/w"
    with harness.Server() as server, harness.Mount(server, *(ALWAYS + options)) as mount:
        mover, others = Mover(os.path.join(mount.path, "t"), workers_path + "mover"), Others()
        for folder in sorted(mover.names) + ["x%d" % k for k in range(SHARED)]:
            for name in STATIC:
                server.client.put("t/%s/%s" % (mover.names.get(folder, folder), name), b"static")
        with harness.Mount(server, *(ALWAYS + ["--attr_timeout=%d" % attr_timeout])) as other:
            common.set_faults(server, faults, 0)
            for phase, way in enumerate(end_ways):
                run_phase(dice, seconds, mount, other, mover, others, workers_path, way)
                settle(mover, os.path.join(mount.path, "t"))
                verify(mount, mover, workers_path, phase)
            server.clear_fault()
            for each in (mount, other):
                each.unmount()
            left = [key for key in server.client.keys() if ".ossfs2-" in key and not key.endswith(".ossfs2-attrs")]
            if left or server.client.uploads():
                raise AssertionError("left: %s %s" % (left, server.client.uploads()))
            check_logs((mount, other))


if __name__ == "__main__":
    common.run(soak)
