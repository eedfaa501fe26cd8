#!/usr/bin/env python3
"""Programs that the scenarios run as processes of their own, so that their CPU is theirs.

  workers.py random PATH JOBS SECONDS BLOCK     random reads; prints a JSON line
  workers.py map PATH...                        touches each page of private mappings, in order
  workers.py small FOLDER THREADS               reads every file below a folder
  workers.py whole THREADS PATH...              whole-file reads, several files at once
  workers.py streams PATH STREAMS               sequential streams inside one file
  workers.py write FOLDER WRITERS BYTES         files written at once, each renamed
  workers.py list FOLDER long|short             reads a folder, with or without stat
  workers.py download SOURCE TARGET WORKERS     ModelScope's calls (tests/clients)
  workers.py torch PATH                         torch.load

Standard library only (torch for the last one).
"""
import concurrent.futures
import json
import mmap
import os
import random
import sys
import threading
import time

MIB = 1 << 20


def read_random(path, jobs, seconds, block):
    size = os.path.getsize(path) // block
    latencies, lock = [], threading.Lock()
    end = time.monotonic() + seconds

    def job(number):
        own, source = [], random.Random(number)
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
        while True:
            started = time.monotonic()
            if started > end:
                break
            if len(os.pread(handle, block, source.randrange(size) * block)) != block:
                raise SystemExit("short read")
            own.append(time.monotonic() - started)
        os.close(handle)
        with lock:
            latencies.extend(own)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for result in [pool.submit(job, n) for n in range(jobs)]:
            result.result()
    latencies.sort()
    step = max(1, len(latencies) // 500)
    print(json.dumps({"iops": len(latencies) / seconds, "read_bytes": len(latencies) * block,
                      "latencies_ms": [round(1000 * x, 4) for x in latencies[::step]]}))


def touch_map(*paths):
    total = 0
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        size = os.fstat(handle).st_size
        with mmap.mmap(handle, size, flags=mmap.MAP_PRIVATE,
                       prot=mmap.PROT_READ | mmap.PROT_WRITE) as view:
            os.close(handle)
            for offset in range(0, size, MIB):
                total += sum(view[offset:min(offset + MIB, size)][::4096])
    return total


def read_file(path, buffer=None):
    buffer = buffer or bytearray(MIB)
    handle = os.open(path, os.O_RDONLY)
    try:
        while os.readv(handle, [buffer]) == len(buffer):
            pass
    finally:
        os.close(handle)


def read_share(paths, threads):
    """A process's part: its threads take paths from one list, each with a buffer that it keeps."""
    left = iter(paths)
    lock = threading.Lock()

    def work(_):
        buffer = bytearray(256 * 1024)
        while True:
            with lock:
                path = next(left, None)
            if path is None:
                return
            read_file(path, buffer)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(threads)):
            pass


def read_small(folder, threads):
    """`threads` readers, 16 to a process: Python runs one thread of a process at a time."""
    paths = [os.path.join(d, n) for d, _, names in os.walk(folder) for n in names]
    count = max(1, threads // 16)
    started = time.monotonic()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            try:
                read_share(paths[number::count], max(1, threads // count))
                os._exit(0)
            except BaseException as error:  # the parent tells by the status
                print(error, file=sys.stderr)
                os._exit(1)
        children.append(child)
    if any([os.waitpid(child, 0)[1] for child in children]):
        raise SystemExit("a reader failed")
    seconds = time.monotonic() - started
    print(json.dumps({"files": len(paths), "files_per_s": len(paths) / seconds}))


def read_whole(threads, *paths):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(read_file, paths):
            pass


def read_streams(path, streams):
    """RunAI's pattern: each worker its own handle and its own part of the file, 2 MiB reads."""
    size = os.path.getsize(path)
    share = (size + streams - 1) // streams

    def one(number):
        handle = os.open(path, os.O_RDONLY)
        for offset in range(number * share, min(size, (number + 1) * share), 2 * MIB):
            os.pread(handle, min(2 * MIB, min(size, (number + 1) * share) - offset), offset)
        os.close(handle)

    with concurrent.futures.ThreadPoolExecutor(streams) as pool:
        for result in [pool.submit(one, n) for n in range(streams)]:
            result.result()


def write_files(folder, writers, size):
    data = os.urandom(MIB)

    def one(number):
        path = os.path.join(folder, "w%03d" % number)
        with open(path + ".incomplete", "wb", buffering=0) as stream:
            for _ in range(size // MIB):
                view = memoryview(data)
                while view:
                    view = view[stream.write(view):]
        os.rename(path + ".incomplete", path)

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        for result in [pool.submit(one, n) for n in range(writers)]:
            result.result()


def list_folder(folder, how):
    started = time.monotonic()
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if how == "long":
                entry.stat()
            count += 1
    print(json.dumps({"files": count, "files_per_s": count / (time.monotonic() - started)}))


def download(source, target, workers):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
    from clients import modelscope
    os.makedirs(target, exist_ok=True)
    modelscope.download_new(source, target, workers=workers)


def load_torch(path):
    import torch
    torch.load(path)


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "random":
        read_random(arguments[0], int(arguments[1]), float(arguments[2]), int(arguments[3]))
    elif what == "map":
        touch_map(*arguments)
    elif what == "small":
        read_small(arguments[0], int(arguments[1]))
    elif what == "whole":
        read_whole(int(arguments[0]), *arguments[1:])
    elif what == "streams":
        read_streams(arguments[0], int(arguments[1]))
    elif what == "write":
        write_files(arguments[0], int(arguments[1]), int(arguments[2]))
    elif what == "list":
        list_folder(arguments[0], arguments[1])
    elif what == "download":
        download(arguments[0], arguments[1], int(arguments[2]))
    elif what == "torch":
        load_torch(arguments[0])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
