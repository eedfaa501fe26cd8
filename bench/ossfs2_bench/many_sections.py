"""The sections of bench/many_cores.py that read and write files: each takes the Runs that it adds its rows to."""
import os
import shutil
import sys
import tempfile

from .many_runs import MIB, dd

import harness

# A client that does nothing but receive: run as `python3 -c RECEIVE HOST PORT PATH`.
RECEIVE = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(("GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n" % sys.argv[3]).encode())
b = bytearray(1 << 20)
while s.recv_into(b): pass
"""


def make_file(path, size):
    block = os.urandom(4 * MIB)
    with open(path, "wb", buffering=0) as stream:
        for _ in range(size // len(block)):
            harness.write_all(stream, block)


def http(bench):
    size = bench.sizes["shard"]
    with bench.synthetic("set/s", size, 16) as server:
        urls = [server.client.presigned("set/s-%06d" % n) for n in range(12)]
        prefix = server.endpoint
        for _ in range(bench.sizes["trials"]):
            if shutil.which("curl"):
                bench.commands("http", "12 x curl", [["curl", "-sf", "-o", "/dev/null", u]
                                                     for u in urls], 12 * size, server)
            for count in (1, 12):
                bench.commands("http", "%d x bare receive" % count, [
                    [sys.executable, "-S", "-E", "-c", RECEIVE, "127.0.0.1", str(server.port),
                     u[len(prefix):]] for u in urls[:count]], count * size, server)


def dd_section(bench):
    size = bench.sizes["object"]
    with bench.synthetic("big", size, 2) as server:
        for trial in range(bench.sizes["trials"]):
            for what, setting in bench.settings():
                for name, flags in (("page cache", []), ("iflag=direct", ["iflag=direct"])):
                    bench.mounted(server, dd_runs(bench, server, size, name, what, flags, trial == 1), setting)


def dd_runs(bench, server, size, name, what, flags, profile):
    def once(number, order, watched=profile):
        return lambda path, pids: bench.commands(
            "dd", "dd bs=1M, %s, %s%s" % (name, order, what),
            [dd(path + "/big-%06d" % number, "/dev/null", *flags)], size, server, pids, watched)
    runs = [once(0, "first after mount"), once(1, "second object")]
    if not flags and not what:
        runs.append(once(1, "again (page cache hit)", False))
    return runs


def cat(bench):
    size, count = bench.sizes["shard"], bench.sizes["shards"]
    with bench.synthetic("set/s", size, count) as server:
        for trial in range(bench.sizes["trials"]):
            for what, setting in bench.settings():
                def once(name, commands):
                    return lambda path, pids: bench.commands(
                        "cat", name + what, commands(path), size * count, server, pids,
                        trial == 1)

                def cats(path):
                    return [["sh", "-c", "exec cat \"$0\" > /dev/null", path + "/set/s-%06d" % n]
                            for n in range(count)]
                bench.mounted(server, [once("%d x cat" % count, cats)], setting)
                bench.mounted(server, [once("ossfs2 warmup", lambda path: [
                    [harness.OSSFS2, "warmup", path + "/set"]])], setting)
                if not setting and trial < 2:
                    bench.mounted(server, [once("%d x cat, direct_io mount" % count, cats)], "--direct_io")


def write(bench):
    size, one = bench.sizes["write"], bench.sizes["writer"]
    count = bench.sizes["writers"]
    source = os.path.join(bench.work, "source")
    make_file(source, size)
    rounds = [(trial, what, setting) for trial in range(bench.sizes["trials"])
              for what, setting in bench.settings()]
    with harness.Server("--discard", root=tempfile.mkdtemp(dir=bench.work)) as server:
        for trial, what, setting in rounds:
            def once(name, commands, moved, profile=False):
                return lambda path, pids: bench.commands(
                    "write", name + what, commands(path), moved, server, pids, profile)
            flags = "count=%d" % (size // MIB)
            bench.mounted(server, [
                once("dd of /dev/zero", lambda p: [dd("/dev/zero", p + "/zero", flags)], size),
                once("dd of a file in memory", lambda p: [dd(source, p + "/file")], size,
                     trial == 1),
                once("%d writers at once" % count, lambda p: [
                    dd(source, p + "/w%d" % n, "count=%d" % (one // MIB),
                       "skip=%d" % (n * (one // MIB) % (size // MIB))) for n in range(count)],
                    one * count, trial == 1),
                once("dd of a file in memory, oflag=direct",
                     lambda p: [dd(source, p + "/direct", "oflag=direct")], size, trial == 1)],
                setting)
    os.unlink(source)


def readers(bench):
    size = bench.sizes["reader"]
    rounds = [(count, how, setting) for count in bench.sizes["readers"]
              for setting in bench.settings()
              for how in (("page cache", []), ("direct", ["iflag=direct"]))]
    with bench.synthetic("r", size, max(bench.sizes["readers"])) as server:
        for count, (name, flags), (what, setting) in rounds:
            if bench.late():
                return
            bench.mounted(server, [lambda path, pids: bench.commands(
                "readers", "%2d readers, %s%s" % (count, name, what),
                [dd(path + "/r-%06d" % n, "/dev/null", *flags) for n in range(count)],
                size * count, server, pids, count in (4, 16, 64))], setting)


SECTIONS = {"http": http, "dd": dd_section, "cat": cat, "write": write, "readers": readers}
