"""Loading models as the programs do that people serve them with."""
import os
import subprocess
import sys

from . import llama
from .scenario import MIB, WORKERS, RealFiles, Scenario, curl_ranges, worker

import harness


def python_with(module):
    """A Python that can import the module, or None: the one that runs this may not be Debian's."""
    probe = "import importlib.util as u; raise SystemExit(not u.find_spec('%s'))" % module
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([python, "-c", probe], env=harness.clean_environment(), timeout=60, check=False)
            if done.returncode == 0:
                return python
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


class Mapped(Scenario):
    """Ranks of a loader: each walks every shard through a private mapping (vLLM's default)."""

    def __init__(self, name, title, shards, size, ranks, apart=0.0, **more):
        super().__init__(name, title, **more)
        self.keys = {"model/shard-%02d" % n: size for n in range(shards)}
        self.ranks, self.apart = ranks, apart
        self.bytes = shards * size
        self.delivered = self.bytes * ranks
        self.delivered_by_http = self.bytes  # each file once

    def paths(self, target):
        return [os.path.join(target.path, key) for key in self.keys]

    def rank(self, number, target):
        """The command of one rank."""
        return worker("map", *self.paths(target))

    def commands(self, target):
        if target.kind == "http":
            each = max(1, self.connections() // len(self.keys))
            return [command for key, size in self.keys.items()
                    for command in curl_ranges(target.client.presigned(key), size, each)]
        return [(n * self.apart, self.rank(n, target)) for n in range(self.ranks)]


class Sliced(Mapped):
    """Tensor parallelism: each rank walks every shard and copies its share of each tensor."""
    python = None

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.delivered = self.bytes

    def absent(self):
        self.python = self.python or python_with("numpy")
        return "" if self.python else "python3-numpy is not installed (scripts/setup.sh --bench)"

    def rank(self, number, target):
        return worker("slices", number, self.ranks, *self.paths(target), python=self.python)


class WarmThenMapped(Mapped):
    """16 x cat, then the load: time of both."""

    def rank(self, number, target):
        script = ("printf '%s\\0' \"$@\" | xargs -0 -P16 -n1 cat >/dev/null && "
                  "exec {} {} map \"$@\"".format(sys.executable, WORKERS))
        return ["sh", "-c", script, "sh"] + self.paths(target)


class Eager(Mapped):
    """f.read() of each file, one after the other (vLLM's eager strategy)."""

    def rank(self, number, target):
        return worker("eager", *self.paths(target))


class Blocks(Mapped):
    """8 threads a rank read its share of the files in blocks of 16 MiB (vLLM prefetch, SGLang without mmap)."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.delivered = self.bytes  # the ranks share the files

    def rank(self, number, target):
        return worker("blocks", 8, *self.paths(target)[number::self.ranks])


class Window(Mapped):
    """SGLang: 8 threads map files ahead, the consumer faults them in; each rank begins at another file."""

    def rank(self, number, target):
        return worker("window", 8, number * len(self.keys) // self.ranks, *self.paths(target))


class TorchLoad(RealFiles):
    """torch.load of one checkpoint in the zip format. The import of torch is not timed."""
    python = None

    def __init__(self, name, title, size, **more):
        super().__init__(name, title, **more)
        self.size = size

    def absent(self):
        self.python = self.python or python_with("torch")
        return "" if self.python else "python3-torch is not installed (scripts/setup.sh --bench)"

    def make(self, folder):
        path = os.path.join(folder, "checkpoint.pt")
        subprocess.run(worker("torch-make", path, self.size, python=self.python), check=True, timeout=120)
        return [path]

    def commands(self, target):
        if target.kind == "http":
            return self.curl(target)
        return [worker("torch", os.path.join(target.path, "model", self.files[0]), python=self.python)]


class LlamaLoad(RealFiles):
    """llama.cpp loads a GGUF model of 4 parts by mmap. The start of node is not timed."""

    def __init__(self, name, title, size, **more):
        super().__init__(name, title, **more)
        self.size = size

    def absent(self):
        return llama.absent()

    def make(self, folder):
        from models import make_gguf
        return make_gguf.write_model(os.path.join(folder, "m.gguf"), self.size, "F16", 4)

    def commands(self, target):
        if target.kind == "http":
            return self.curl(target)
        return [llama.command(os.path.join(target.path, "model", self.files[0]))]



def ranks(shards, size, apart):
    """vLLM-like loads: 2, 4 and 8 ranks, started together and `apart` seconds apart."""
    total = shards * size // MIB
    found = []
    for count in (2, 4, 8):
        title = "%d ranks load %d shards, %d MiB in all, by mmap" % (count, shards, total)
        found.append(Mapped("mmap-%d" % count, title, shards, size, count))
        found.append(Mapped("mmap-%d-apart" % count, "%d ranks by mmap, started %.1f s apart" % (count, apart), shards,
                            size, count, apart=apart, weight=1.5))
    return found
