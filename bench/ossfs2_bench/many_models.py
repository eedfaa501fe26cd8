"""ModelSections: the sections of bench/many_cores.py that load a model of safetensors files, with and without delay."""
import multiprocessing
import os
import tempfile
import time
import types

from . import processes
from .cpu_profile import CpuProfile
from .many_runs import GIB, MIB, FixedMount, dd, say

import harness
import make_safetensors
import model_load

DELAY = {"latency": "5ms", "rate": "100M"}


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


class ModelSections:
    """The model is made, and put to a server of its own, when the first section wants it."""

    def __init__(self, runs):
        self.runs = runs
        self.model_server = None

    def prepare(self):
        if self.model_server is None:
            self.local, self.model_bytes = make_model(self.runs.work, self.runs.sizes["model"])
            self.model_server = harness.Server(root=tempfile.mkdtemp(dir=self.runs.work))
            put_model(self.model_server, self.local)

    def model(self):
        self.models("model", {})

    def delayed(self):
        self.models("delayed", DELAY)
        size = self.runs.sizes["object"]
        with self.runs.synthetic("big", size, 2, "--latency", DELAY["latency"],
                                 "--rate-per-connection", DELAY["rate"]) as server:
            for trial in range(min(2, self.runs.sizes["trials"])):
                for what, setting in self.runs.settings():
                    self.runs.mounted(server, [lambda path, pids: self.runs.commands(
                        "delayed", "dd bs=1M, page cache" + what, [dd(path + "/big-000000")], size,
                        server, pids, trial == 1)], setting)

    def model_cases(self, delay):
        if not delay:
            yield model_load.Case("tmpfs (limit)", None)
        for what, setting in self.runs.settings():
            yield model_load.Case("cold" + what, FixedMount(setting))
            if not what:
                yield model_load.Case("memory_data_cache_size=16g",
                                      FixedMount("--memory_data_cache_size=16g"))
                yield model_load.Case("16 x cat, then load", FixedMount(""), warm=True)

    def models(self, section, delay):
        self.prepare()
        if delay:
            self.model_server.config(**delay)
        a = types.SimpleNamespace(ranks=2, method="mmap", with_torch=False,
                                  device=model_load.default_device())
        self.runs.facts["model loader"] = "2 ranks, " + a.device
        for case in [c for _ in range(self.runs.options.loads) for c in self.model_cases(delay)]:
            if self.runs.late():
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
                self.runs.profiles["%s: %s" % (section, case.name)] = observed[-1].summary()
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
            self.runs.add(section, case.name, row)
            if row.get("warm_up_seconds"):
                say("          warm-up %.2f s" % row["warm_up_seconds"])
