#!/usr/bin/env python3
"""Requests of everyday work: what shell tools, git, archives and model caches cost at the service.

  bench/everyday_requests.py                            all work, ossfs2 only
  bench/everyday_requests.py --only git --only tar      the groups whose names contain one of these
  bench/everyday_requests.py --target s3fs --target rclone --target ossfs2 --out bench/out/requests.json

Every group of steps gets a fresh ossfs2-server, which waits --latency before each answer, and a fresh mount; `cold`
steps follow a new mount of the same bucket. A step's requests are those from its start until none came for --settle
seconds (attributes are stored 2 s after their change). Prints a line for each step: all requests, seconds, requests by
kind. Requests are exact; seconds are those of the program and show which requests wait for each other. As root (it
mounts). OSSFS2_BIN, OSSFS2_SERVER_BIN and OSSFS2_TEST_DIR as for the end-to-end tests.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "tests")]

import harness  # noqa: E402
from ossfs2_bench import targets  # noqa: E402
from ossfs2_bench.everyday import GROUPS  # noqa: E402

STEP_SECONDS_MAX = 240


class Work:
    """A bucket, a mount of it, and the steps that were counted."""

    def __init__(self, target, arguments, group):
        self.target, self.group, self.settle, self.rows = target, group, arguments.settle, []
        self.log = os.path.join(harness.temporary_folder("log"), "requests")
        self.server = harness.Server("--latency", arguments.latency, "--requests-log", self.log)
        self.verbose = arguments.verbose
        self.local = harness.temporary_folder("local")
        target.start(self.server)
        self.path = target.path

    def end(self):
        self.target.stop()
        self.server.destroy()

    def cold(self):
        self.quiet()
        self.target.stop()
        self.target.start(self.server)
        self.path = self.target.path

    def quiet(self):
        """Until no request came for a while."""
        size, since = -1, time.monotonic()
        while time.monotonic() - since < self.settle:
            time.sleep(0.05)
            now = os.path.getsize(self.log)
            if now != size:
                size, since = now, time.monotonic()

    def step(self, name, work):
        """`work`: a shell command, run in the mount, or a function. {local} in a command is a folder outside."""
        self.quiet()
        begin, start = os.path.getsize(self.log), time.monotonic()
        failed = None
        try:
            if callable(work):
                work()
            else:
                self.shell(work)
        except (OSError, subprocess.SubprocessError, AssertionError) as error:
            failed = str(error)
        seconds = time.monotonic() - start
        self.quiet()
        with open(self.log) as log:
            log.seek(begin)
            lines = [json.loads(line) for line in log]
        kinds = collections.Counter(line["op"] for line in lines)
        row = {"group": self.group, "step": name, "target": self.target.name, "requests": len(lines),
               "seconds": round(seconds, 2), "kinds": dict(kinds)}
        if failed:
            row["failed"] = failed[-200:].replace("\n", " ")
        self.rows.append(row)
        text = ", ".join("%s %d" % item for item in kinds.most_common())
        print("%-8s %-44s %6d %7.2f s  %s" % (row["target"], "%s: %s" % (self.group, name), row["requests"], seconds,
                                            "FAILED " + row["failed"] if failed else text), flush=True)
        if self.verbose:
            for line in lines:
                print("    %6d ms %-8s %3s %s" % (line["time_ms"] - lines[0]["time_ms"], line["op"], line["status"],
                                                line["key"]))

    def shell(self, command):
        harness.run(["sh", "-ec", command.format(local=self.local)], cwd=self.path, timeout=STEP_SECONDS_MAX,
                    env=harness.clean_environment(HOME=self.local, GIT_CONFIG_NOSYSTEM="1",
                                                  PYTHONDONTWRITEBYTECODE="", EDITOR="true"))


TARGETS = {"ossfs2": lambda: targets.ours("ossfs2", harness.OSSFS2), "s3fs": targets.S3fs, "rclone": targets.Rclone}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", action="append", choices=sorted(TARGETS))
    parser.add_argument("--only", action="append", metavar="GROUP")
    parser.add_argument("--latency", default="10ms")
    parser.add_argument("--settle", type=float, default=2.6)
    parser.add_argument("--out", metavar="FILE.json")
    parser.add_argument("--verbose", action="store_true", help="every request")
    arguments = parser.parse_args()
    harness.clean_up_at_end()
    rows = []
    for group, work in GROUPS.items():
        if arguments.only and not any(part in group for part in arguments.only):
            continue
        for name in arguments.target or ["ossfs2"]:
            w = Work(TARGETS[name](), arguments, group)
            try:
                work(w)
            except AssertionError as error:
                print("%s: %s" % (group, error))
            finally:
                w.end()
            rows += w.rows
            if arguments.out:
                with open(arguments.out, "w") as stream:
                    json.dump(rows, stream, indent=1)


if __name__ == "__main__":
    main()
