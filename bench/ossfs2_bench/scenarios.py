"""What is done, and what counts as its result.

A scenario says which server it needs (objects, delay), prepares local copies for
the tmpfs limit, and gives the commands to run at once. All processes of a trial
start together; the trial ends with the last one.
"""
import os
import sys

WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers.py")
MIB, GIB = 1 << 20, 1 << 30
DELAY = ("--latency", "10ms", "--rate-per-connection", "80M")


def worker(*arguments):
    return [sys.executable, WORKERS] + [str(a) for a in arguments]


def dd_read(path, count=None):
    more = ["count=%d" % count] if count else []
    return ["dd", "if=" + path, "of=/dev/null", "bs=1M", "status=none"] + more


class Scenario:
    """Base. `keys` maps object names to sizes; `bytes` is what the workload must move."""
    writes = False
    skip = ()  # names of targets that cannot do it
    local_bytes_max = 64 * GIB  # of a file for the tmpfs limit

    def __init__(self, name, title, delayed=False, unit="MiB/s"):
        self.name, self.title, self.delayed, self.unit = name, title, delayed, unit
        self.keys, self.bytes, self.setting = {}, 0, None

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

    def prepare(self, server):
        """Objects that cannot be synthetic."""

    def warm(self, target):
        """Done before the clock starts."""

    def commands(self, target):
        """Lists of arguments, or (delay in seconds, arguments)."""
        raise NotImplementedError


class Sequential(Scenario):
    def __init__(self, name, title, size, readers=1, apart=0.0, head=0, **more):
        super().__init__(name, title, **more)
        self.keys = {"big.bin": size}
        self.readers, self.apart, self.head = readers, apart, head
        self.bytes = head or size
        self.delivered = self.bytes * readers

    def commands(self, target):
        if target.kind == "http":
            url = target.client.presigned("big.bin")
            if self.readers > 1:
                return [["curl", "-sSf", "-o", "/dev/null", url] for _ in range(self.readers)]
            share = self.bytes // 4
            return [["curl", "-sSf", "-r", "%d-%d" % (n * share, (n + 1) * share - 1), "-o",
                     "/dev/null", url] for n in range(4)]
        path = os.path.join(target.path, "big.bin")
        count = self.head // MIB if self.head else None
        return [(n * self.apart, dd_read(path, count)) for n in range(self.readers)]


class Random(Scenario):
    local_bytes_max = GIB

    def __init__(self, name, title, size, jobs, seconds, **more):
        super().__init__(name, title, unit="IOPS", **more)
        self.keys, self.jobs, self.seconds = {"big.bin": size}, jobs, seconds

    def commands(self, target):
        if target.kind == "http":
            return None
        return [worker("random", os.path.join(target.path, "big.bin"), self.jobs, self.seconds,
                       131072)]


class Mapped(Scenario):
    """Ranks of a loader: each walks every shard through a private mapping."""

    def __init__(self, name, title, shards, size, ranks, apart=0.0, warm_up=False, **more):
        super().__init__(name, title, **more)
        self.keys = {"model/shard-%02d" % n: size for n in range(shards)}
        self.ranks, self.apart, self.warm_up = ranks, apart, warm_up
        self.bytes = shards * size
        self.delivered = self.bytes * ranks
        self.delivered_by_http = self.bytes  # each file once

    def paths(self, target):
        return [os.path.join(target.path, key) for key in self.keys]

    def commands(self, target):
        if target.kind == "http":
            return [["curl", "-sSf", "-o", "/dev/null", target.client.presigned(k)]
                    for k in self.keys]
        return [(n * self.apart, worker("map", *self.paths(target))) for n in range(self.ranks)]


class WarmThenMapped(Mapped):
    """16 x cat, then the load: time of both."""

    def commands(self, target):
        if target.kind == "http":
            return None
        script = "printf '%s\\0' \"$@\" | xargs -0 -P16 -n1 cat >/dev/null && exec {} {} map \"$@\"".format(
            sys.executable, WORKERS)
        return [["sh", "-c", script, "sh"] + self.paths(target)]


class WholeFiles(Mapped):
    """Several files at once, each read whole (SGLang without mmap, vLLM eager)."""

    def commands(self, target):
        if target.kind == "http":
            return None
        return [worker("whole", 8, *self.paths(target)) for _ in range(self.ranks)]


class Streams(Scenario):
    def __init__(self, name, title, size, streams, **more):
        super().__init__(name, title, **more)
        self.keys, self.streams, self.bytes = {"big.bin": size}, streams, size

    def commands(self, target):
        if target.kind == "http":
            return None
        return [worker("streams", os.path.join(target.path, "big.bin"), self.streams)]


class SmallFiles(Scenario):
    def __init__(self, name, title, count, size, threads, **more):
        super().__init__(name, title, unit="files/s", **more)
        self.keys, self.count, self.threads = {"small/f": "%dx%d" % (size, count)}, count, threads
        self.bytes, self.urls = count * size, None

    def commands(self, target):
        if target.kind == "http":
            if self.urls is None:
                path = "/dev/shm/ossfs2-bench-urls-%d" % os.getpid()
                with open(path, "w") as stream:
                    for key in target.client.keys("small"):
                        stream.write('url = "%s"\noutput = "/dev/null"\n'
                                     % target.client.presigned(key))
                self.urls = path
            return [["curl", "-sSf", "--parallel", "--parallel-max", str(self.threads), "-K",
                     self.urls]]
        return [worker("small", os.path.join(target.path, "small"), self.threads)]


class Write(Scenario):
    writes = True

    def __init__(self, name, title, size, writers=1, **more):
        super().__init__(name, title, **more)
        self.size, self.writers, self.bytes = size, writers, size * writers

    def server_options(self):
        return super().server_options() + ["--discard"]

    def commands(self, target):
        if target.kind == "http":
            half = self.bytes // 2
            return [["sh", "-c", "head -c %d /dev/zero | curl -sSf -X PUT -H Expect: "
                     "-H Content-Length:%d -H Transfer-Encoding: -T - '%s'"
                     % (half, half, target.client.presigned("put%d" % n, method="PUT"))]
                    for n in range(2)]
        if self.writers == 1:
            return [["dd", "if=/dev/zero", "of=" + os.path.join(target.path, "out.bin"), "bs=1M",
                     "count=%d" % (self.size // MIB), "status=none"]]
        return [worker("write", target.path, self.writers, self.size)]


class Listing(Scenario):
    def __init__(self, name, title, count, how, **more):
        super().__init__(name, title, unit="files/s", **more)
        self.keys, self.how, self.count = {"many/f": "0x%d" % count}, how, count

    def server_options(self):
        return ["--latency", "10ms"] + super().server_options()

    def commands(self, target):
        if target.kind == "http":
            e2e = os.path.join(os.path.dirname(WORKERS), "..", "..", "tests", "e2e")
            client = target.client
            code = ("import sys; sys.path.insert(0, sys.argv[1]); from oss_client import OssClient; "
                    "c = OssClient(sys.argv[2], int(sys.argv[3]), *sys.argv[4:7]); c.keys('many')")
            return [[sys.executable, "-c", code, e2e, client.host, str(client.port), client.bucket,
                     client.key_id, client.key_secret.decode()]]
        return [worker("list", os.path.join(target.path, "many"), self.how)]


class Download(Scenario):
    """ModelScope's calls: many files of mixed sizes, renamed, read again for the hash."""
    writes = True

    def __init__(self, name, title, files, total, workers, **more):
        super().__init__(name, title, **more)
        self.files, self.total, self.workers, self.source = files, total, workers, None

    def prepare(self, server):
        import tempfile
        if self.source is None:
            self.source = tempfile.mkdtemp(prefix="ossfs2-bench-source-", dir="/dev/shm")
            block, big = os.urandom(MIB), max(1, self.files // 5)
            for number in range(self.files):
                size = self.total // big // MIB if number < big else 0
                with open(os.path.join(self.source, "f%04d" % number), "wb") as stream:
                    for _ in range(size):
                        stream.write(block)
                    stream.write(block[:4000])
                    self.bytes += size * MIB + 4000

    def clean(self):
        import shutil
        if self.source:
            shutil.rmtree(self.source, ignore_errors=True)

    def commands(self, target):
        if target.kind == "http":
            return None
        return [worker("download", self.source, os.path.join(target.path, "model"), self.workers)]


def all_scenarios(quick):
    """The list, for a run of some minutes or for the full one."""
    big = GIB if quick else 4 * GIB
    shard, shards = (64 * MIB, 8) if quick else (256 * MIB, 12)
    seconds = 4 if quick else 10
    found = [
        Sequential("seq-read", "one sequential reader, dd bs=1M", big),
        Sequential("seq-read-delayed", "the same, server 10 ms + 80 MB/s a connection", big,
                   delayed=True),
        Sequential("readers-2", "2 readers of one file at once", big // 2, readers=2),
        Sequential("readers-4", "4 readers of one file at once", big // 2, readers=4),
        Sequential("readers-8-apart", "8 readers of one file, 0.5 s apart", big // 2, readers=8,
                   apart=0.5),
        Sequential("head", "the first 64 MiB of a file of 1 GiB", GIB, head=64 * MIB),
        Random("random-1", "random 128 KiB, 1 job", 16 * GIB, 1, seconds),
        Random("random-16", "random 128 KiB, 16 jobs", 16 * GIB, 16, seconds),
        Random("random-16-delayed", "random 128 KiB, 16 jobs, server 10 ms", 16 * GIB, 16, seconds,
               delayed=True),
        Mapped("mmap-4", "4 ranks load every shard by mmap", shards, shard, 4),
        Mapped("mmap-4-delayed", "the same, server 10 ms + 80 MB/s a connection", shards, shard, 4,
               delayed=True),
        Mapped("mmap-4-apart", "4 ranks by mmap, 1 s apart", shards, shard, 4, apart=1.0),
        WarmThenMapped("cat-then-mmap", "16 x cat, then one load by mmap", shards, shard, 1),
        WholeFiles("whole-files", "2 ranks, 8 whole-file reads at once", shards, shard, 2),
        Streams("streams-16", "16 sequential streams inside one file (RunAI)", big, 16),
        SmallFiles("small-files", "128 threads read small files of 128 KiB",
                   1000 if quick else 10000, 131072, 128),
        Write("seq-write", "one sequential writer, dd bs=1M", GIB if quick else 2 * GIB),
        Write("seq-write-delayed", "the same, server 10 ms + 80 MB/s a connection",
              GIB if quick else 2 * GIB, delayed=True),
        Write("writers-32", "32 writers at once, each file renamed",
              16 * MIB if quick else 64 * MIB, writers=32),
        Listing("list", "ls -f of one folder, server 10 ms", 10000 if quick else 100000, "short"),
        Listing("list-long", "ls -l of one folder, server 10 ms", 10000 if quick else 100000,
                "long"),
        Download("download", "ModelScope download, hashed after the rename",
                 60 if quick else 200, GIB // 2 if quick else 2 * GIB, 32),
    ]
    if not quick:
        found[11:11] = [Mapped("mmap-2", "2 ranks load every shard by mmap", shards, shard, 2),
                        Mapped("mmap-8", "8 ranks load every shard by mmap", shards, shard, 8)]
    return found
