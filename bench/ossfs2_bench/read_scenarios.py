"""Reading: sequential, several readers, heads, random, small files, fio's lines, names."""
import os
import random
import shutil

from .scenario import GIB, MIB, Scenario, curl_all, curl_ranges, dd_read, read_files, small_files_reader, worker

BLOCK = 128 * 1024  # of random reads, and the size of small files


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
            return curl_ranges(url, self.bytes, self.connections())
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
            # A count instead of a time: what the jobs can do at most in that time with the delay.
            self.count = min(2000, 90 * self.jobs) * self.seconds if self.delayed else 2000 * self.seconds
            source, blocks = random.Random(1), self.keys["big.bin"] // BLOCK
            url = target.client.presigned("big.bin")
            places = [source.randrange(blocks) * BLOCK for _ in range(self.count)]
            return [curl_all(({"url": url, "range": "%d-%d" % (at, at + BLOCK - 1)} for at in places), self.jobs)]
        return [worker("random", os.path.join(target.path, "big.bin"), self.jobs, self.seconds, BLOCK)]


class Streams(Scenario):
    def __init__(self, name, title, size, streams, **more):
        super().__init__(name, title, **more)
        self.keys, self.streams, self.bytes = {"big.bin": size}, streams, size

    def commands(self, target):
        if target.kind == "http":
            return curl_ranges(target.client.presigned("big.bin"), self.bytes, self.streams)
        return [worker("streams", os.path.join(target.path, "big.bin"), self.streams)]


class SmallFiles(Scenario):
    """The clock of a mount starts when the folder is listed; that of raw HTTP with curl, which first reads its list."""

    def __init__(self, name, title, count, size, threads, **more):
        super().__init__(name, title, unit="files/s", **more)
        self.keys, self.count, self.threads = {"small/f": "%dx%d" % (size, count)}, count, threads
        self.bytes, self.reader = count * size, small_files_reader()

    def commands(self, target):
        if target.kind == "http":
            urls = (target.client.presigned("small/f-%06d" % n) for n in range(self.count))
            return [curl_all(({"url": url} for url in urls), self.threads)]
        return [read_files(os.path.join(target.path, "small"), self.threads)]


class FirstBytes(Scenario):
    """One program opens large files in turn and reads one byte of each. Needed is what the kernel asks for: 128 KiB."""

    def __init__(self, name, title, count, size, **more):
        super().__init__(name, title, unit="files/s", **more)
        self.keys, self.count = {"first/f": "%dx%d" % (size, count)}, count
        self.bytes = count * BLOCK

    def commands(self, target):
        if target.kind == "http":
            urls = (target.client.presigned("first/f-%06d" % n) for n in range(self.count))
            return [curl_all(({"url": url, "range": "0-%d" % (BLOCK - 1)} for url in urls), 1)]
        return [worker("first", os.path.join(target.path, "first"))]


class FioRead(Scenario):
    """fio as in the existing ossfs2's published tests: libaio, direct=1, bs=1M; several jobs read for a time.

    With a time the files are 16 GiB each, so that no byte is read twice and no cache of a client can help.
    """
    local_bytes_max = 256 * MIB

    def __init__(self, name, title, size, jobs=1, seconds=0, **more):
        super().__init__(name, title, **more)
        self.jobs, self.seconds, self.size = jobs, seconds, size
        self.keys = {"fio/read.%d" % n: 16 * GIB if seconds else size for n in range(jobs)}
        self.bytes = size * jobs

    def absent(self):
        return "" if shutil.which("fio") else "fio is not installed (scripts/setup.sh --bench)"

    def commands(self, target):
        if target.kind == "http":
            urls = [target.client.presigned(key) for key in self.keys]
            if self.jobs == 1:
                return curl_ranges(urls[0], self.size, 4)
            return [["curl", "-sSf", "-r", "0-%d" % (self.size - 1), "-o", "/dev/null", url] for url in urls]
        size = min(self.size, self.local_bytes_max) if target.kind == "local" else next(iter(self.keys.values()))
        timed = ["--time_based", "--runtime=%d" % self.seconds] if self.seconds else []
        return [worker("fio", "--name=read", "--ioengine=libaio", "--rw=read", "--bs=1M", "--iodepth=1", "--thread",
                       "--readonly", "--allow_file_create=0", "--numjobs=%d" % self.jobs, "--size=%d" % size,
                       "--directory=" + os.path.join(target.path, "fio"), "--filename_format=read.$jobnum",
                       # tmpfs of older kernels refuses O_DIRECT
                       "--direct=%d" % (target.kind != "local"), *timed)]


class Listing(Scenario):
    """Names of one folder: "short" is ls -f, "long" ls -l, "stat" ls and then stat in another order."""

    def __init__(self, name, title, count, how, **more):
        super().__init__(name, title, unit="files/s", **more)
        self.keys, self.how, self.count = {"many/f": "0x%d" % count}, how, count

    def server_options(self):
        return ["--latency", "10ms"] + super().server_options()

    def commands(self, target):
        if target.kind == "http":  # the list requests alone, one after the other
            client = target.client
            return [worker("pages", "many", client.host, client.port, client.bucket, client.key_id,
                           client.key_secret.decode())]
        return [worker("list", os.path.join(target.path, "many"), self.how)]
