#!/usr/bin/env python3
"""Measures one machine with many cores; bench/many_cores.sh calls it (see there).

  many_cores.py --out DIR [--small] [--only SECTION]... [--limit SECONDS] [--variant OPTIONS]...

Sections: http (what the server can send), dd, cat, write, model, delayed, readers.
Each but http is run with the default options, and again with each --variant (options
of the mount), to see what a bottleneck depends on. All memory is touched once before
(machine.touch_memory says why). Results are written after each section, so that a run that
is cut short leaves what it has: many_cores.json (every trial), many_cores.md (medians) and
many_cores_profile.json (CPU profiles: bench/ossfs2_bench/cpu_profile.py).
Needs root. Sizes are decimal GB where a model is meant, else powers of two.
"""
import argparse
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "models")]

import harness  # noqa: E402
import make_safetensors  # noqa: E402
import model_load  # noqa: E402
from ossfs2_bench import machine, processes, targets, trials  # noqa: E402
from ossfs2_bench.cpu_profile import CpuProfile  # noqa: E402

MIB, GIB = 1 << 20, 1 << 30
SECTIONS = ["http", "dd", "cat", "write", "model", "delayed", "readers"]
FULL = {"model": 24 * GIB, "object": 4 * GIB, "shard": 1500 * MIB, "shards": 16,
        "write": 8 * GIB, "writer": 256 * MIB, "writers": 32, "reader": GIB,
        "readers": [1, 2, 4, 8, 16, 32, 64], "trials": 3}
SMALL = {"model": 64 * MIB, "object": 64 * MIB, "shard": 8 * MIB, "shards": 16,
         "write": 64 * MIB, "writer": 8 * MIB, "writers": 4, "reader": 16 * MIB,
         "readers": [1, 4], "trials": 1}
DELAY = {"latency": "5ms", "rate": "100M"}
MAX_SECONDS = 300  # of one command
LEAVE_GIB = 12  # of memory that is not touched first

# A client that does nothing but receive: run as `python3 -c RECEIVE HOST PORT PATH`.
RECEIVE = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(("GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n" % sys.argv[3]).encode())
b = bytearray(1 << 20)
while s.recv_into(b): pass
"""


def say(text):
    print(text, flush=True)


def dd(source, target="/dev/null", *more):
    return ["dd", "if=" + source, "of=" + target, "bs=1M", "status=none"] + list(more)


class FixedMount(targets.MountTarget):
    """Our mount, with the kernel's read-ahead as asked for, whatever the mount made of it."""
    lost = 0  # mounts that had another one

    def __init__(self, setting):
        super().__init__("many", targets.OURS.format(binary=harness.OSSFS2, more=setting))
        self.read_ahead_kb = next((w.split("=")[1] for w in setting.split()
                                   if w.startswith("--read_ahead_kb=")), "1024")

    def start(self, server):
        super().start(server)
        device = os.stat(self.path).st_dev
        name = "/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(device), os.minor(device))
        with open(name) as stream:
            if stream.read().strip() == self.read_ahead_kb:
                return
        FixedMount.lost += 1
        with open(name, "w") as stream:
            stream.write(self.read_ahead_kb)


class Bench:
    def __init__(self, options, sizes):
        self.options, self.sizes = options, sizes
        self.end = time.monotonic() + options.limit
        self.rows, self.profiles = [], {}
        self.facts = machine.describe(ROOT, harness.OSSFS2)
        self.work = harness.temporary_folder("many", options.work)

    def late(self):
        return time.monotonic() > self.end

    def add(self, section, case, row):
        row = dict({"section": section, "case": case}, **row)
        self.rows.append(row)
        if "failed" in row:
            say("%-9s %-34s failed: %s" % (section, case, row["failed"]))
            return
        say("%-9s %-34s %7.2f s %7.2f GB/s  CPU s/GiB daemon %.2f server %.2f reader %.2f  sent %.2fx"
            % (section, case, row["seconds"], row["GB_per_s"], row.get("daemon", 0),
               row.get("server", 0), row.get("reader", 0), row.get("sent", 0)))

    def commands(self, section, case, commands, moved, server, pids=(), profile=False):
        """Runs programs at once and notes what they took. `moved`: bytes that they handle."""
        try:
            server.reset()
            watched = {"server": [server.process.pid]}
            watched.update({"daemon": list(pids)} if pids else {})
            before = {n: sum(map(processes.cpu_seconds, p)) for n, p in watched.items()}
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            if profile:
                with CpuProfile(watched) as observed:
                    seconds, _ = trials.run_commands(commands, MAX_SECONDS)
            else:
                seconds, _ = trials.run_commands(commands, MAX_SECONDS)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            gib = moved / GIB
            row = {n: (sum(map(processes.cpu_seconds, p)) - before[n]) / gib
                   for n, p in watched.items()}
            row["reader"] = (after.ru_utime + after.ru_stime
                             - children.ru_utime - children.ru_stime) / gib
            stats = server.stats()
            row.update(seconds=seconds, bytes=moved, GB_per_s=moved / 1e9 / seconds,
                       sent=(stats.get_bytes + stats.put_bytes) / moved,
                       connections=stats.connections,
                       rss_mib=sum(map(processes.peak_bytes, pids)) / MIB)
            if profile:
                self.profiles["%s: %s" % (section, case)] = observed.summary()
        except (RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:
            row = {"failed": str(error).strip().replace("\n", " ")[:300]}
        self.add(section, case, row)

    def mounted(self, server, runs, more=""):
        """A fresh mount with cold caches for `runs`: functions of (folder, pids)."""
        target = FixedMount(more)
        try:
            target.start(server)
            processes.drop_caches()
            pids = target.processes()
            for run in runs:
                run(target.path, pids)
        except (RuntimeError, OSError, AssertionError) as error:
            say("mount failed: %s" % error)
            self.rows.append({"section": "mount", "case": more or "defaults", "failed": str(error)})
        finally:
            target.stop()

    def settings(self):
        """(text for the case's name, mount options) for the defaults and each variant."""
        return [("", "")] * (not self.options.only_variants) + [
            (" [%s]" % v.replace("--", ""), v) for v in self.options.variant]

    def synthetic(self, key, size, count, *more):
        return harness.Server("--synthetic", "%s=%dx%d" % (key, size, count), *more,
                              root=tempfile.mkdtemp(prefix="server-", dir=self.work))

    # --- sections ---

    def http(self):
        size = self.sizes["shard"]
        with self.synthetic("set/s", size, 16) as server:
            urls = [server.client.presigned("set/s-%06d" % n) for n in range(12)]
            prefix = server.endpoint
            for _ in range(self.sizes["trials"]):
                if shutil.which("curl"):
                    self.commands("http", "12 x curl", [["curl", "-sf", "-o", "/dev/null", u]
                                                        for u in urls], 12 * size, server)
                for count in (1, 12):
                    self.commands("http", "%d x bare receive" % count, [
                        [sys.executable, "-S", "-E", "-c", RECEIVE, "127.0.0.1", str(server.port),
                         u[len(prefix):]] for u in urls[:count]], count * size, server)

    def dd(self):
        size = self.sizes["object"]
        with self.synthetic("big", size, 2) as server:
            for trial in range(self.sizes["trials"]):
                for what, setting in self.settings():
                    for name, flags in (("page cache", []), ("iflag=direct", ["iflag=direct"])):
                        self.mounted(server, self.dd_runs(server, size, name, what, flags,
                                                          trial == 1), setting)

    def dd_runs(self, server, size, name, what, flags, profile):
        def once(number, order, watched=profile):
            return lambda path, pids: self.commands(
                "dd", "dd bs=1M, %s, %s%s" % (name, order, what),
                [dd(path + "/big-%06d" % number, "/dev/null", *flags)], size, server, pids, watched)
        runs = [once(0, "first after mount"), once(1, "second object")]
        if not flags and not what:
            runs.append(once(1, "again (page cache hit)", False))
        return runs

    def cat(self):
        size, count = self.sizes["shard"], self.sizes["shards"]
        with self.synthetic("set/s", size, count) as server:
            for trial in range(self.sizes["trials"]):
                for what, setting in self.settings():
                    def once(name, commands):
                        return lambda path, pids: self.commands(
                            "cat", name + what, commands(path), size * count, server, pids,
                            trial == 1)

                    def cats(path):
                        return [["sh", "-c", "exec cat \"$0\" > /dev/null", path + "/set/s-%06d" % n]
                                for n in range(count)]
                    self.mounted(server, [once("%d x cat" % count, cats)], setting)
                    self.mounted(server, [once("ossfs2 warmup", lambda path: [
                        [harness.OSSFS2, "warmup", path + "/set"]])], setting)
                    if not setting and trial < 2:
                        self.mounted(server, [once("%d x cat, direct_io mount" % count, cats)],
                                     "--direct_io")

    def write(self):
        size, one = self.sizes["write"], self.sizes["writer"]
        count = self.sizes["writers"]
        source = os.path.join(self.work, "source")
        make_file(source, size)
        rounds = [(trial, what, setting) for trial in range(self.sizes["trials"])
                  for what, setting in self.settings()]
        with harness.Server("--discard", root=tempfile.mkdtemp(dir=self.work)) as server:
            for trial, what, setting in rounds:
                def once(name, commands, moved, profile=False):
                    return lambda path, pids: self.commands(
                        "write", name + what, commands(path), moved, server, pids, profile)
                flags = "count=%d" % (size // MIB)
                self.mounted(server, [
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

    def model(self):
        self.models("model", {})

    def delayed(self):
        self.models("delayed", DELAY)
        size = self.sizes["object"]
        with self.synthetic("big", size, 2, "--latency", DELAY["latency"],
                            "--rate-per-connection", DELAY["rate"]) as server:
            for trial in range(min(2, self.sizes["trials"])):
                for what, setting in self.settings():
                    self.mounted(server, [lambda path, pids: self.commands(
                        "delayed", "dd bs=1M, page cache" + what, [dd(path + "/big-000000")], size,
                        server, pids, trial == 1)], setting)

    def model_cases(self, delay):
        if not delay:
            yield model_load.Case("tmpfs (limit)", None)
        for what, setting in self.settings():
            yield model_load.Case("cold" + what, FixedMount(setting))
            if not what:
                yield model_load.Case("memory_data_cache_size=16g",
                                      FixedMount("--memory_data_cache_size=16g"))
                yield model_load.Case("16 x cat, then load", FixedMount(""), warm=True)

    def models(self, section, delay):
        if not hasattr(self, "model_server"):
            self.local, self.model_bytes = make_model(self.work, self.sizes["model"])
            self.model_server = harness.Server(root=tempfile.mkdtemp(dir=self.work))
            put_model(self.model_server, self.local)
        if delay:
            self.model_server.config(**delay)
        a = types.SimpleNamespace(ranks=2, method="mmap", with_torch=False,
                                  device=model_load.default_device())
        self.facts["model loader"] = "2 ranks, " + a.device
        for case in [c for _ in range(self.options.loads) for c in self.model_cases(delay)]:
            if self.late():
                return
            observed = []

            def observe(pids):
                groups = {"server": [self.model_server.process.pid]}
                groups.update({"daemon": pids} if pids else {})
                observed.append(CpuProfile(groups))
                return observed[-1]
            try:
                row = model_load.measure_case(a, case, self.model_server, self.local, processes,
                                              self.model_bytes, observe)
                self.profiles["%s: %s" % (section, case.name)] = observed[-1].summary()
                gib = self.model_bytes / GIB
                row = {"seconds": row["seconds"], "bytes": self.model_bytes,
                       "GB_per_s": self.model_bytes / 1e9 / row["seconds"],
                       "daemon": row.get("daemon_cpu_s", 0) / gib,
                       "daemon_cpu_s": row.get("daemon_cpu_s", 0),
                       "sent": row.get("amplification", 0),
                       "connections": self.model_server.stats().connections, "rss_mib": row.get("peak_rss_mib", 0),
                       "warm_up_seconds": row.get("warm_up_seconds", 0), "ranks": row["ranks"]}
            except (RuntimeError, OSError, AssertionError) as error:
                row = {"failed": str(error)[:300]}
            self.add(section, case.name, row)
            if row.get("warm_up_seconds"):
                say("          warm-up %.2f s" % row["warm_up_seconds"])

    def readers(self):
        size = self.sizes["reader"]
        rounds = [(count, how, setting) for count in self.sizes["readers"]
                  for setting in self.settings()
                  for how in (("page cache", []), ("direct", ["iflag=direct"]))]
        with self.synthetic("r", size, max(self.sizes["readers"])) as server:
            for count, (name, flags), (what, setting) in rounds:
                if self.late():
                    return
                self.mounted(server, [lambda path, pids: self.commands(
                    "readers", "%2d readers, %s%s" % (count, name, what),
                    [dd(path + "/r-%06d" % n, "/dev/null", *flags) for n in range(count)],
                    size * count, server, pids, count in (4, 16, 64))], setting)

    # --- report ---

    def save(self):
        self.facts["mounts whose read_ahead_kb was not as asked for (repaired here)"] = FixedMount.lost
        os.makedirs(self.options.out, exist_ok=True)
        with open(os.path.join(self.options.out, "many_cores.json"), "w") as stream:
            json.dump({"machine": self.facts, "rows": self.rows}, stream, indent=0, default=rounded)
        with open(os.path.join(self.options.out, "many_cores_profile.json"), "w") as stream:
            json.dump(self.profiles, stream, indent=0)
        with open(os.path.join(self.options.out, "many_cores.md"), "w") as stream:
            stream.write(self.report())

    def report(self):
        lines = ["# Many cores", ""] + ["- %s: %s" % item for item in self.facts.items()]
        lines += ["", "Medians; CPU in seconds per GiB that the programs handled.", "",
                  "| section | case | trials | s | GB/s | min–max GB/s | daemon | server | programs | "
                  "bytes over network | peak RSS MiB |", "|---|---|---|---|---|---|---|---|---|---|---|"]
        for section, case in dict.fromkeys((r["section"], r["case"]) for r in self.rows):
            found = [r for r in self.rows if (r["section"], r["case"]) == (section, case)]
            good = [r for r in found if "failed" not in r]
            if not good:
                lines.append("| %s | %s | failed: %s |" % (section, case, found[0]["failed"][:120]))
                continue

            def middle(key):
                return statistics.median(r.get(key, 0) for r in good)
            speeds = [r["GB_per_s"] for r in good]
            lines.append("| %s | %s | %d | %.2f | %.2f | %.2f–%.2f | %.2f | %.2f | %.2f | %.2fx | %.0f |" % (
                section, case, len(good), middle("seconds"), middle("GB_per_s"), min(speeds),
                max(speeds), middle("daemon"), middle("server"), middle("reader"), middle("sent"),
                middle("rss_mib")))
            if good[0].get("warm_up_seconds"):
                lines[-1] += " (warm-up %.2f s before it) |" % middle("warm_up_seconds")
        return "\n".join(lines) + "\n"


def rounded(value):
    return str(value)


def make_file(path, size):
    block = os.urandom(4 * MIB)
    with open(path, "wb", buffering=0) as stream:
        for _ in range(size // len(block)):
            harness.write_all(stream, block)


def in_processes(work, items):
    with multiprocessing.get_context("fork").Pool(min(16, len(items))) as pool:
        return pool.map(work, items, chunksize=1)


def write_shard(item):
    path, group = item
    with open(path, "wb", buffering=0) as stream:
        for piece in make_safetensors.shard_pieces(group, "BF16", "0"):
            harness.write_all(stream, piece)
    return os.path.getsize(path)


def make_model(work, size):
    """The files of make_safetensors.write_model, but all shards at once. (folder, bytes)"""
    folder = os.path.join(work, "model")
    os.mkdir(folder)
    groups = make_safetensors.plan(size, max(1, min(16, size // (4 * MIB))), "BF16", 0)[0]
    items = [(os.path.join(folder, "model-%05d-of-%05d.safetensors" % (n, len(groups))),
              sorted(group)) for n, group in enumerate(groups, 1)]
    begun = time.monotonic()
    total = sum(in_processes(write_shard, items))
    say("model: %.2f GB in %d shards, made in %.1f s" % (total / 1e9, len(items),
                                                         time.monotonic() - begun))
    return folder, total


def put_one(item):
    client, path = item
    client.put_file("model/" + os.path.basename(path), path)


def put_model(server, folder):
    begun = time.monotonic()
    in_processes(put_one, [(server.client, path) for path in model_load.shards(folder)])
    say("model put to the server in %.1f s" % (time.monotonic() - begun))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out", "many-cores"))
    parser.add_argument("--small", action="store_true", help="tiny sizes: does it work at all")
    parser.add_argument("--only", action="append", choices=SECTIONS, default=[])
    parser.add_argument("--limit", type=float, default=480, help="seconds; later sections are left out")
    parser.add_argument("--work", default="/dev/shm", help="folder for model and server files")
    parser.add_argument("--variant", action="append", default=[], metavar="OPTIONS",
                        help="mount options to measure beside the defaults")
    parser.add_argument("--only-variants", action="store_true", help="not with the defaults")
    parser.add_argument("--trials", type=int, help="how often (3; loads of the model: --loads)")
    parser.add_argument("--touched", action="store_true", help="all memory was touched already")
    parser.add_argument("--loads", type=int, default=1)
    options = parser.parse_args()
    harness.clean_up_at_end()
    bench = Bench(options, SMALL if options.small else FULL)
    if options.trials:
        bench.sizes = dict(bench.sizes, trials=options.trials)
    if not options.small and not options.touched:
        bench.facts["touching all memory"] = machine.touch_memory(int(machine.free_gib()) - LEAVE_GIB)
    for item in bench.facts.items():
        say("%s: %s" % item)
    begun = time.monotonic()
    try:
        for section in options.only or SECTIONS:
            if bench.late():
                say("no time left for " + section)
                continue
            say("--- %s, at %.0f s" % (section, time.monotonic() - begun))
            getattr(bench, section)()
            bench.save()
    finally:
        bench.save()
    say(bench.report())


if __name__ == "__main__":
    main()
