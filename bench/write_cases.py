#!/usr/bin/env python3
"""Two promises of the write side at their real size, through a mount, counted at the server.

  bench/write_cases.py            1 GiB by aria2c in random order; 1 MiB in the middle of 2 GiB
  bench/write_cases.py --small    the same with 64 and 128 MiB
  bench/write_cases.py --only random-order

random-order: aria2c downloads over 8 connections, pieces of 1 MiB in random order, into the mount. Up go 1.0
times the file's bytes; the time is printed as a ratio to a download in order (curl), taken in turn.
patch: 1 MiB in the middle of a stored object is changed in place. Two parts at most are uploaded.
Prints one line for each trial and the verdicts; ends with 1 when a bound is broken. As root (it mounts).
OSSFS2_BIN, OSSFS2_SERVER_BIN and OSSFS2_TEST_DIR as for the end-to-end tests. Needs aria2c and curl, and
disk for three copies of the file.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "tests")]

import harness  # noqa: E402
from harness import MIB, Mount, Server  # noqa: E402

BYTES_UP_MAX = 1.01  # of the file's
TIME_RATIO_MAX = 2.0
PARTS_MAX = 2


def say(text):
    print(text, flush=True)


def make_file(path, size):
    with open(path, "wb", buffering=0) as stream:
        for piece in harness.content("bench", size):
            harness.write_all(stream, piece)


def timed(command):
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    return time.monotonic() - started


def random_order(server, mount, size, trials):
    """Whether the bounds hold."""
    local = os.path.join(harness.temporary_folder("source"), "file")
    make_file(local, size)
    server.client.put_file("source", local)
    wanted = harness.sha256(local)
    os.unlink(local)
    url = server.client.presigned("source")
    ways = {
        "in order": ["curl", "-sSf", "-o", "{}", url],
        "random": ["aria2c", "-x8", "-s8", "-k1M", "--stream-piece-selector=random",
                   "--file-allocation=none", "--console-log-level=error", "--summary-interval=0",
                   "--allow-overwrite=true", "--auto-file-renaming=false", "-d", mount.path, "-o", "{name}", url],
    }
    seconds = {way: [] for way in ways}
    good = True
    for trial in range(trials):
        for way, command in ways.items():
            name = "%s-%d" % (way.replace(" ", "-"), trial)
            path = os.path.join(mount.path, name)
            server.reset()
            took = timed([word.replace("{name}", name).replace("{}", path) for word in command])
            up = server.stats().put_bytes / size
            seconds[way].append(took)
            say("random-order: %-8s %.2f s, %.0f MiB/s, %.3f of its bytes up" % (way, took, size / MIB / took, up))
            good &= up <= BYTES_UP_MAX
            if harness.sha256(path) != wanted:
                say("random-order: %s: WRONG BYTES" % way)
                good = False
            os.unlink(path)
    ratio = min(seconds["random"]) / min(seconds["in order"])
    say("random-order: time %.2f of the download in order (at most %.1f), bytes up %s" % (
        ratio, TIME_RATIO_MAX, "good" if good else "TOO MANY or wrong"))
    return good and ratio <= TIME_RATIO_MAX


def patch(server, mount, size, trials):
    local = os.path.join(harness.temporary_folder("source"), "file")
    make_file(local, size)
    good = True
    for trial in range(trials):
        name = "patched-%d" % trial
        server.client.put_file(name, local)
        change = harness.block("change", trial)
        offset = size // 2 + 12345
        server.reset()
        started = time.monotonic()
        handle = os.open(os.path.join(mount.path, name), os.O_RDWR)
        os.pwrite(handle, change, offset)
        os.close(handle)
        took = time.monotonic() - started
        stats = server.stats()
        parts = stats.requests("part", "put")
        say("patch: %.2f s, %d parts uploaded (at most %d) of %.1f MiB in all, %d copied on the server, %.1f MiB down"
            % (took, parts, PARTS_MAX, stats.put_bytes / MIB, stats.requests("copy_part"), stats.get_bytes / MIB))
        with open(local, "r+b", buffering=0) as stream:
            stream.seek(offset)
            before = stream.read(MIB)
            stream.seek(offset)
            harness.write_all(stream, change)
        right = harness.sha256(local) == harness.sha256(os.path.join(mount.path, name))
        with open(local, "r+b", buffering=0) as stream:
            stream.seek(offset)
            harness.write_all(stream, before)
        if not right:
            say("patch: WRONG BYTES")
        good &= right and parts <= PARTS_MAX
        os.unlink(os.path.join(mount.path, name))
    return good


CASES = {"random-order": (random_order, 1024), "patch": (patch, 2048)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a sixteenth of the sizes")
    parser.add_argument("--only", choices=sorted(CASES), help="this one only")
    parser.add_argument("--trials", type=int, default=2)
    a = parser.parse_args()
    missing = [p for p in ("aria2c", "curl") if shutil.which(p) is None]
    if missing:
        sys.exit("not installed: " + ", ".join(missing))
    bad = []
    harness.clean_up_at_end()
    for name, (case, mebibytes) in CASES.items():
        if a.only in (None, name):
            with Server() as server, Mount(server) as mount:
                if not case(server, mount, mebibytes * MIB // (16 if a.small else 1), a.trials):
                    bad.append(name)
    say("broken: " + ", ".join(bad) if bad else "all bounds hold")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
