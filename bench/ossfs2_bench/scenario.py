"""What a scenario is, and the commands that many of them share.

A scenario says which server it needs (objects, delay), prepares local copies for the tmpfs
limit, and gives the commands to run at once. All processes of a trial start together; the
trial ends with the last one. A process may print JSON lines; these fields mean something:
  own_seconds      the part of its time that counts (an interpreter's start does not)
  delivered_bytes  bytes that it was given, where the scenario cannot know
  read_bytes       bytes that it needed; iops, files_per_s, latencies_ms: as they are named
"""
import os
import shutil
import sys

import harness  # tests/e2e, put on the path by run.py

WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers.py")
MEMORY = "/dev/shm"  # sources of uploads and the tmpfs limit lie here
MIB, GIB = 1 << 20, 1 << 30
DELAY = ("--latency", "10ms", "--rate-per-connection", "80M")


def worker(*arguments, python=sys.executable):
    return [python, WORKERS] + [str(a) for a in arguments]


READ_FILES = os.path.join(os.path.dirname(harness.OSSFS2), "bench", "read_files")  # as CMake builds it


def small_files_reader():
    """The one in C++; beside binaries of a bundle the one in Python, which takes as long as the file system."""
    return "read_files" if os.access(READ_FILES, os.X_OK) else "workers.py"


def read_files(folder, threads):
    if small_files_reader() == "read_files":
        return [READ_FILES, folder, str(threads)]
    return worker("small", folder, threads)


def dd_read(path, count=None):
    more = ["count=%d" % count] if count else []
    return ["dd", "if=" + path, "of=/dev/null", "bs=1M", "status=none"] + more


def curl_all(transfers, parallel):
    """One curl for many transfers, `parallel` at once. Each is a dictionary of curl's own options."""
    path = os.path.join(harness.temporary_folder("curl"), "transfers")
    with open(path, "w") as stream:
        for place, transfer in enumerate(transfers):
            stream.write("next\n" if place else "")
            for name, value in dict({"output": "/dev/null"}, **transfer).items():
                stream.write('%s = "%s"\n' % (name, value))
            stream.write("fail\n")
    command = ["curl", "-sS", "-K", path]
    return command + (["--parallel", "--parallel-max", str(parallel)] if parallel > 1 else [])


def curl_ranges(url, size, count):
    """`count` curls, each an equal part of one object."""
    share = -(-size // count)
    return [["curl", "-sSf", "-r", "%d-%d" % (n * share, min(size, (n + 1) * share) - 1), "-o", "/dev/null", url]
            for n in range(count)]


def curl_put_zeros(client, size, count=2):
    """`count` uploads at once, `size` bytes in all."""
    share = size // count
    return [["sh", "-c", "head -c %d /dev/zero | curl -sSf -X PUT -H Expect: -H Content-Length:%d "
             "-H Transfer-Encoding: -T - '%s'" % (share, share, client.presigned("put%d" % n, method="PUT"))]
            for n in range(count)]


class Scenario:
    """Base. `keys` maps object names to sizes (or "SIZExCOUNT"); `bytes` is what the workload must move."""
    writes = False
    local_bytes_max = 64 * GIB  # of a file for the tmpfs limit

    def __init__(self, name, title, delayed=False, unit="MiB/s", weight=1.0):
        self.name, self.title, self.delayed, self.unit = name, title, delayed, unit
        self.weight = weight  # its share of the run's time, against the others
        self.keys, self.bytes = {}, 0

    def server_options(self):
        options = list(DELAY) if self.delayed else []
        for key, size in self.keys.items():
            options += ["--synthetic", "%s=%s" % (key, size)]
        return options

    def fill_local(self, folder):
        """The same files for the tmpfs limit; the content does not matter there."""
        block = os.urandom(MIB)
        for key, size in self.keys.items():
            if "x" in str(size):
                size, count = (int(n) for n in str(size).split("x"))
                os.makedirs(os.path.dirname(os.path.join(folder, key)), exist_ok=True)
                for number in range(count):
                    with open(os.path.join(folder, "%s-%06d" % (key, number)), "wb") as stream:
                        stream.write(block[:size])
                continue
            path = os.path.join(folder, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                for _ in range(min(size, self.local_bytes_max) // MIB):
                    stream.write(block)

    def connections(self):
        """Of raw HTTP: a delayed server needs many to be at its limit."""
        return 32 if self.delayed else 4

    def absent(self):
        """Why this machine cannot run it at all (a program is missing), or an empty text."""
        return ""

    def prepare(self, server):
        """Objects that cannot be synthetic."""

    def reset(self, server):
        """Before each trial: the bucket as it was."""

    def clean(self):
        """After the last trial: local files go."""

    def commands(self, target):
        """Lists of arguments, or (delay in seconds, arguments); None when it has no meaning there."""
        raise NotImplementedError

    def settings(self):
        """What decides its result; part of the configuration hash of a report."""
        return {name: value for name, value in vars(self).items()
                if isinstance(value, (str, int, float, bool, dict)) and name != "source"}


class RealFiles(Scenario):
    """Objects with content that a program understands, made once in memory and uploaded."""
    source = None

    def server_options(self):
        return list(DELAY) if self.delayed else []

    def make(self, folder):
        """Writes the files; returns their paths."""
        raise NotImplementedError

    def prepare(self, server):
        if self.source is None:
            self.source = harness.temporary_folder("source", MEMORY)
            self.files = [os.path.basename(path) for path in self.make(self.source)]
            self.bytes = sum(os.path.getsize(os.path.join(self.source, name)) for name in self.files)
        for name in self.files:
            server.client.put_file("model/" + name, os.path.join(self.source, name))

    def fill_local(self, folder):
        os.mkdir(os.path.join(folder, "model"))
        for name in self.files:
            os.link(os.path.join(self.source, name), os.path.join(folder, "model", name))

    def curl(self, target):
        if len(self.files) == 1:
            return curl_ranges(target.client.presigned("model/" + self.files[0]), self.bytes, 4)
        return [["curl", "-sSf", "-o", "/dev/null", target.client.presigned("model/" + name)]
                for name in self.files]

    def clean(self):
        if self.source:
            shutil.rmtree(self.source, ignore_errors=True)
            self.source = None
