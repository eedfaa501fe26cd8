#!/usr/bin/env python3
"""Download programs that are killed with kill -9 and run again until they are through: the files must be right then,
in this mount, in another one, and in the bucket. In some runs the daemon is killed first, while all of them download.

  tests/soak/downloads.py [DOWNLOADS]     (6), each with up to four kills

What a killed program had written must be there for the next run: programs that go on at the end of a file find a
prefix of it.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import common
from common import MIB, ROOT, SEED, harness

SIZES = (0, 1, 4096, 100001, MIB, MIB + 1, 5 * MIB + 7, 9 * MIB, 24 * MIB + 4095, 41 * MIB)
ALWAYS = ["--file_mode=0644", "--dir_mode=0755"]
OPTIONS = common.OPTIONS + common.WRITE_OPTIONS + [["--upload_buffer_size=1m"], ["--total_mem_limit=64m"],
                                                   ["--enable_appendable_object=true"]]
ALLOCATIONS = ("none", "prealloc", "trunc", "falloc")  # of aria2c
NETWORKS = ([], [], ["--latency", "5ms"], ["--rate-per-connection", "30M"], ["--latency", "20ms"])
END_S = 200  # a run that nobody kills takes less


def replay(name, *more):
    return [sys.executable, os.path.join(ROOT, "tests", "clients", name + ".py"), *more]


class Job:
    """One download: folders of the origin and of the target, and the names to be there."""

    def __init__(self, dice, server, origin, target, notes):
        self.origin, self.target, self.notes = origin, target, notes
        self.names = sorted(os.listdir(origin))
        self.one = dice.choice(self.names)
        self.url = server.origin.presigned(self.one.replace("out", "file"))
        self.allocation = dice.choice(ALLOCATIONS)
        self.kind = dice.choice(KINDS)
        self.command = getattr(self, self.kind)()

    def only(self, command):
        self.names = [self.one]
        return command

    def pair(self):
        return os.path.join(self.origin, self.one), os.path.join(self.target, self.one)

    def modelscope_old(self):
        return replay("modelscope", self.origin, self.target, "old")

    def modelscope_new(self):
        return replay("modelscope", self.origin, self.target, "new")

    def modelscope_parallel(self):
        return replay("modelscope", self.origin, self.target, "parallel", "6")

    def huggingface_hub(self):
        return replay("huggingface_hub", self.origin, self.target)

    def hf_transfer(self):
        return self.only(replay("hf_transfer", *self.pair()))

    def hf_xet(self):
        return self.only(replay("hf_xet", *self.pair()))

    def ollama(self):
        return self.only(replay("ollama", *self.pair()))

    def ranges(self):
        return self.only(replay("ranges", *self.pair(), os.path.join(self.notes, "log")))

    def aria2c(self):
        return self.only(["aria2c", "-c", "-x8", "-s8", "-k1M", "--file-allocation=" + self.allocation,
                          "--auto-save-interval=1", "--console-log-level=warn", "--summary-interval=0", "--no-conf",
                          "--max-tries=50", "--retry-wait=1", "-d", self.target, "-o", self.one, self.url])

    def rclone(self):
        return self.only(["rclone", "copyurl", "--config", "/dev/null", "--multi-thread-cutoff=1M",
                          "--multi-thread-streams=8", self.url, self.pair()[1]])

    def wget(self):
        return self.only(["wget", "-q", "-c", "--tries=50", "-O", self.pair()[1], self.url])

    def curl(self):
        return self.only(["curl", "-sS", "-C", "-", "-o", self.pair()[1], self.url])

    def rsync(self):
        return ["rsync", "-a", self.origin + "/", self.target + "/"]

    def rsync_partial(self):
        return ["rsync", "-a", "--partial", "--append-verify", self.origin + "/", self.target + "/"]

    def rsync_inplace(self):
        return ["rsync", "-a", "--inplace", "--no-whole-file", self.origin + "/", self.target + "/"]

    def tar(self):
        archive = os.path.join(self.notes, "all.tar")
        subprocess.run(["tar", "-cf", archive, "-C", self.origin, "."], check=True)
        return ["tar", "-xf", archive, "-C", self.target]

    def copy(self):
        return ["cp", "-r", self.origin + "/.", self.target]

    def parts(self):
        """Files of this job that are there in part and are gone on with at their end."""
        if self.kind in ("modelscope_old", "modelscope_new", "wget", "curl"):
            for name in self.names:
                for form in ("%s", "%s.incomplete", "._____temp/%s"):
                    if os.path.exists(path := os.path.join(self.target, form % name)):
                        yield os.path.join(self.origin, name), path

    def check_parts(self):
        for origin, path in self.parts():
            with open(origin, "rb") as one, open(path, "rb") as two:
                got, wanted = two.read(), one.read()
            if got != wanted[:len(got)]:
                at = next(i for i in range(len(got)) if i >= len(wanted) or got[i] != wanted[i])
                raise AssertionError("%s, killed: %s (%d bytes) is wrong from %d on" % (self.kind, path, len(got), at))

    def drop_unmarked(self):
        """aria2c, killed before it has noted what is missing, takes the allocated file for a whole one, on any disk."""
        if self.kind == "aria2c" and not os.path.exists(self.pair()[1] + ".aria2"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.pair()[1])

    def check(self, root):
        for name in self.names:
            if harness.sha256(os.path.join(self.origin, name)) != harness.sha256(os.path.join(root, name)):
                raise AssertionError("%s: %s is wrong below %s" % (self.kind, name, root))


HELPERS = ("only", "pair", "parts", "check", "check_parts", "drop_unmarked")
KINDS = [name for name in vars(Job) if name[0] != "_" and name not in HELPERS]


# These believe notes of their own about bytes that they have not synced: a daemon that dies makes them wrong.
BELIEVERS = ("aria2c", "ollama", "ranges")


def start(job, log):
    with open(log, "ab") as output:
        return subprocess.Popen(job.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                env=harness.clean_environment(), start_new_session=True)


def kill(process):
    with contextlib.suppress(ProcessLookupError):  # it has ended, and so have those that it began
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(90)


def run(job, log, seconds):
    """The status, or None when it was killed after `seconds`."""
    process = start(job, log)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        return None


def crash(dice, mount, jobs):
    """kill -9 of the daemon while all jobs download; what is there at the next start is a part of the right file."""
    processes = [start(job, log) for job, log in jobs if job.kind not in BELIEVERS]
    time.sleep(dice.choice((0.3, 1, 3)) * dice.random() + 0.1)
    mount.process.kill()
    for process in processes:
        kill(process)
    mount.kill()
    mount.start()
    for job, _ in jobs:
        job.check_parts()


def download(dice, job, log):
    started, kills = time.monotonic(), 0
    for _ in range(dice.randrange(5)):
        if run(job, log, dice.choice((0.1, 0.3, 1, 2)) * dice.random() + 0.08) is not None:
            break  # its status is that of the last run
        kills += 1
        job.drop_unmarked()
        if dice.random() < 0.5:
            job.check_parts()
    status = run(job, log, END_S)
    if status == 0:
        return "%d kills, %.1f s" % (kills, time.monotonic() - started)
    # wget and curl refuse to go on with a file that is whole.
    if status is None or (job.kind, status) not in (("wget", 8), ("curl", 22), ("curl", 33)):
        raise AssertionError("%s ended with %s: %s" % (job.kind, status, harness.tail(log)))
    return "%d kills, then whole" % kills


def soak(dice):
    downloads = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    options, faults = common.pick_options(dice, OPTIONS), common.pick_faults(dice, common.FAULTS)
    network = dice.choice(NETWORKS)
    print("seed %d: %s, faults %s, %s" % (SEED, options, faults, network), flush=True)
    with harness.Server("--bucket", "origin", *network) as server, \
            harness.Mount(server, *(ALWAYS + options)) as mount:
        server.origin = harness.OssClient("127.0.0.1", server.port, "origin", harness.KEY_ID, harness.KEY_SECRET)
        for fault in faults:  # not those of the origin
            server.set_fault("%s,key=out,seed=%d" % (fault, SEED % 1000))
        jobs = []
        for number in range(downloads):
            origin, notes = harness.temporary_folder("origin"), harness.temporary_folder("notes")
            for k in range(dice.randrange(1, 5)):
                name = "out%d-%d.bin" % (number, k)
                harness.write_file(os.path.join(origin, name), "%d-%s" % (SEED, name), dice.choice(SIZES))
                os.utime(os.path.join(origin, name), (10**9, 10**9))  # for rsync, which believes times
                server.origin.put_file(name.replace("out", "file"), os.path.join(origin, name))
            target = os.path.join(mount.path, "out%d" % number)
            os.mkdir(target)
            jobs.append((Job(dice, server, origin, target, notes), os.path.join(notes, "output")))
        results = {}
        if not any("lost-answer" in fault for fault in faults):  # after those a kill leaves uploads for `ossfs2 gc`
            for _ in range(dice.choice((0, 0, 1, 2))):
                crash(dice, mount, jobs)

        def work(pair):
            results[pair[0]] = download(common.random.Random("%d-%s" % (SEED, pair[0].target[-3:])), *pair)

        harness.in_threads(work, jobs[:downloads // 2], limit=600)
        harness.in_threads(work, jobs[downloads // 2:], limit=600)
        for job, _ in jobs:
            print(job.kind, results[job], flush=True)
            job.check(job.target)
        mount.remount()
        server.clear_fault()
        for job, _ in jobs:
            job.check(job.target)
            for name in job.names:
                with open(os.path.join(job.origin, name), "rb") as stream:
                    if server.client.get("%s/%s" % (os.path.basename(job.target), name)) != stream.read():
                        raise AssertionError("%s: %s is wrong in the bucket" % (job.kind, name))
            shutil.rmtree(job.origin)
        mount.unmount()
        left = [key for key in server.client.keys() if ".ossfs2-" in key and key != ".ossfs2-attrs"]
        if left or server.client.uploads():
            raise AssertionError("left in the bucket: %s %s" % (left, server.client.uploads()))


if __name__ == "__main__":
    common.run(soak)
