"""Runs: what the sections of bench/many_cores.py share: a server, mounts, and programs at once with what they took."""
import os
import resource
import subprocess
import tempfile
import time

from . import machine, processes, targets, trials
from .cpu_profile import CpuProfile

import harness

MIB, GIB = 1 << 20, 1 << 30
MAX_SECONDS = 300  # of one command


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


class Runs:
    """Rows and CPU profiles, and what makes them. `root`: of the repository."""

    def __init__(self, root, options, sizes):
        self.options, self.sizes = options, sizes
        self.end = time.monotonic() + options.limit
        self.rows, self.profiles = [], {}
        self.facts = machine.describe(root, harness.OSSFS2)
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
