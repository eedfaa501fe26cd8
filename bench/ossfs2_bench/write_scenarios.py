"""Writing: sequential, many writers, out of order, changes in place, downloads, fio's line.

A write counts until its bytes are in the bucket: a program that returns from close() earlier is waited for.
"""
import os
import shutil

from .scenario import MEMORY, MIB, Scenario, curl_all, curl_put_zeros, worker

import harness


class Write(Scenario):
    """One dd, or `writers` files at once that are renamed. The server keeps nothing but checks the CRC64."""
    writes = True

    def __init__(self, name, title, size, writers=1, **more):
        super().__init__(name, title, **more)
        self.size, self.writers, self.bytes = size, writers, size * writers

    def server_options(self):
        return super().server_options() + ["--discard"]

    def reset(self, server):
        for key in server.client.keys():  # each target writes into an empty bucket
            server.client.delete(key)

    def commands(self, target):
        if target.kind == "http":
            return curl_put_zeros(target.client, self.bytes, self.connections() // 2)
        if self.writers == 1:
            return [["dd", "if=/dev/zero", "of=" + os.path.join(target.path, "out.bin"), "bs=1M",
                     "count=%d" % (self.size // MIB), "status=none"]]
        return [worker("write", target.path, self.writers, self.size)]


class FioWrite(Write):
    """The published sequential write: libaio, direct=1, bs=1M. fsync is timed too: fio does not time close()."""

    def absent(self):
        return "" if shutil.which("fio") else "fio is not installed (scripts/setup.sh --bench)"

    def commands(self, target):
        if target.kind == "http":
            return curl_put_zeros(target.client, self.bytes)
        direct = "--direct=%d" % (target.kind != "local")
        return [worker("fio", "--name=write", "--ioengine=libaio", "--rw=write", "--bs=1M", "--iodepth=1", "--thread",
                       "--numjobs=1", "--size=%d" % self.size, "--filename=" + os.path.join(target.path, "write.0"),
                       "--fallocate=none", "--end_fsync=1", direct)]


class RandomWrite(Write):
    """8 threads fill one file with pieces of 1 MiB in random order, each through a handle of its own (hf_transfer)."""

    def server_options(self):
        return Scenario.server_options(self)  # kept: a client may have to read back what it sent

    def commands(self, target):
        if target.kind == "http":
            return curl_put_zeros(target.client, self.bytes)
        return [worker("random-write", os.path.join(target.path, "random.bin"), 8, self.size)]


class FromSource(Scenario):
    """One that writes from files in memory, made once."""
    writes = True
    source = None

    def make_source(self, folder):
        raise NotImplementedError

    def prepare(self, server):
        if self.source is None:
            self.source = harness.temporary_folder("source", MEMORY)
            self.make_source(self.source)

    def clean(self):
        if self.source:
            shutil.rmtree(self.source, ignore_errors=True)
            self.source = None


class Patch(FromSource):
    """1 MiB in the middle of a stored object is changed. Bytes moved / needed is against that MiB."""

    def __init__(self, name, title, size, **more):
        super().__init__(name, title, **more)
        self.size, self.bytes = size, MIB

    def make_source(self, folder):
        block = os.urandom(MIB)
        with open(os.path.join(folder, "patched.bin"), "wb") as stream:
            for _ in range(self.size // MIB):
                stream.write(block)

    def prepare(self, server):
        super().prepare(server)
        server.client.put_file("patched.bin", os.path.join(self.source, "patched.bin"))

    def fill_local(self, folder):
        shutil.copy(os.path.join(self.source, "patched.bin"), folder)

    def commands(self, target):
        if target.kind == "http":
            return curl_put_zeros(target.client, MIB, 1)
        return [worker("patch", os.path.join(target.path, "patched.bin"), self.size // 2 + 12345)]


class Download(FromSource):
    """ModelScope's calls: many files of mixed sizes, renamed, read again for the hash."""

    def __init__(self, name, title, files, total, workers, **more):
        super().__init__(name, title, **more)
        self.files, self.total, self.workers = files, total, workers

    def names(self):
        return ["f%04d" % number for number in range(self.files)]

    def make_source(self, folder):
        block, big = os.urandom(MIB), max(1, self.files // 5)
        for number, name in enumerate(self.names()):
            size = self.total // big // MIB if number < big else 0
            with open(os.path.join(folder, name), "wb") as stream:
                for _ in range(size):
                    stream.write(block)
                stream.write(block[:4000])
                self.bytes += size * MIB + 4000

    def reset(self, server):
        for key in server.client.keys("model/"):
            server.client.delete(key)

    def fill_local(self, folder):
        """Nothing is there before."""

    def commands(self, target):
        if target.kind == "http":
            return [curl_all(({"upload-file": os.path.join(self.source, name), "header": "Expect:",
                               "url": target.client.presigned("model/" + name, method="PUT")}
                              for name in self.names()), self.workers)]
        return [worker("download", self.source, os.path.join(target.path, "model"), self.workers)]
