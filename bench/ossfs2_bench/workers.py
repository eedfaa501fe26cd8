#!/usr/bin/env python3
"""Programs that the scenarios run as processes of their own, so that their CPU is theirs.

  workers.py random PATH JOBS SECONDS BLOCK     random reads; prints a JSON line
  workers.py map PATH...                        touches each page of private mappings, in order
  workers.py slices RANK RANKS PATH...          copies this rank's share of each tensor out of private mappings
  workers.py window THREADS FIRST PATH...       the same; threads map files ahead, FIRST comes first
  workers.py eager PATH...                      read() of each file whole, in turn
  workers.py blocks THREADS PATH...             files read at once in blocks of 16 MiB
  workers.py small FOLDER THREADS               reads every file below a folder
  workers.py first FOLDER                       opens each file in turn and reads its first byte
  workers.py streams PATH STREAMS               sequential streams inside one file
  workers.py write FOLDER WRITERS BYTES         files written at once, each renamed
  workers.py random-write PATH HANDLES BYTES    one file in random order, then renamed
  workers.py patch PATH OFFSET                  changes 1 MiB in place
  workers.py list FOLDER short|long|stat        reads a folder; with stat of each; and stat afterwards
  workers.py pages FOLDER HOST PORT BUCKET ID SECRET   the list requests of a folder and nothing else
  workers.py download SOURCE TARGET WORKERS     ModelScope's calls (tests/clients)
  workers.py torch PATH                         torch.load
  workers.py torch-make PATH BYTES              writes a checkpoint for it
  workers.py fio OPTION...                      fio; prints what it moved as a JSON line

Standard library only (torch for two of them, numpy for `slices`).
"""
import concurrent.futures
import json
import mmap
import os
import random
import subprocess
import sys
import threading
import time

MIB = 1 << 20
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests")


def read_random(path, jobs, seconds, block):
    size = os.path.getsize(path) // block
    latencies, lock = [], threading.Lock()
    begun = time.monotonic()
    end = begun + seconds

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
    took = time.monotonic() - begun  # a slow mount's last reads end long after the time
    latencies.sort()
    step = max(1, len(latencies) // 500)
    print(json.dumps({"iops": len(latencies) / took, "read_bytes": len(latencies) * block,
                      "latencies_ms": [round(1000 * x, 4) for x in latencies[::step]]}))


def map_file(path):
    """As safetensors does: a private, writable mapping, and the handle is closed."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return mmap.mmap(handle, os.fstat(handle).st_size, flags=mmap.MAP_PRIVATE,
                         prot=mmap.PROT_READ | mmap.PROT_WRITE)
    finally:
        os.close(handle)


def touch(view):
    """Copies the mapping out, as a tensor's way to the GPU does."""
    size = len(view)
    return sum(sum(view[offset:min(offset + MIB, size)][::4096]) for offset in range(0, size, MIB))


def touch_map(*paths):
    for path in paths:
        with map_file(path) as view:
            touch(view)


def copy_slices(rank, ranks, *paths):
    """Tensor parallelism: of each tensor of 64 MiB a rank takes its rows, of every other one its columns.

    Rows are 16 KiB, and the size of a file is a multiple of that.
    """
    import numpy
    tensor, row = 64 * MIB, 16 * 1024
    for path in paths:
        data = numpy.frombuffer(map_file(path), dtype=numpy.uint8)
        for offset in range(0, len(data), tensor):
            rows = data[offset:min(offset + tensor, len(data))].reshape(-1, row)
            size = rows.shape[(offset // tensor) % 2]
            share = slice(rank * size // ranks, (rank + 1) * size // ranks)
            (rows[share] if offset // tensor % 2 == 0 else rows[:, share]).copy()


def map_header(path):
    view = map_file(path)
    bytes(view[:100 * 1024])  # the header of a shard is parsed when the file is opened
    return view


def touch_window(threads, first, *paths):
    """Threads open and map up to THREADS + 1 files ahead; this thread consumes them in order."""
    left = list(paths[first:] + paths[:first])
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        window = []
        while left or window:
            while left and len(window) <= threads:
                window.append(pool.submit(map_header, left.pop(0)))
            with window.pop(0).result() as view:
                touch(view)


def read_eager(*paths):
    for path in paths:
        with open(path, "rb") as stream:
            stream.read()


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


def read_first_bytes(folder):
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    started = time.monotonic()
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        if len(os.pread(handle, 1, 0)) != 1:
            raise SystemExit("no first byte")
        os.close(handle)
    print(json.dumps({"files_per_s": len(paths) / (time.monotonic() - started)}))


def read_blocks(threads, *paths):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda path: read_file(path, bytearray(16 * MIB)), paths):
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


def write_random(path, handles, size):
    """Each piece through a handle that is opened for it and closed after it; then the rename."""
    data = os.urandom(MIB)
    places = [n * MIB for n in range(size // MIB)]
    random.Random(1).shuffle(places)
    part = path + ".incomplete"
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT, 0o644))

    def one(place):
        handle = os.open(part, os.O_WRONLY)
        try:
            done = 0
            while done < MIB:
                done += os.pwrite(handle, data[done:], place + done)
        finally:
            os.close(handle)

    with concurrent.futures.ThreadPoolExecutor(handles) as pool:
        for _ in pool.map(one, places):
            pass
    if os.path.getsize(part) != size:
        raise SystemExit("the file has %d bytes, not %d" % (os.path.getsize(part), size))
    os.rename(part, path)


def patch(path, offset):
    data, done = os.urandom(MIB), 0
    handle = os.open(path, os.O_RDWR)
    while done < MIB:
        done += os.pwrite(handle, data[done:], offset + done)
    os.close(handle)


def list_folder(folder, how):
    started = time.monotonic()
    count, names = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if how == "long":
                entry.stat()
            if how == "stat":
                names.append(entry.path)
            count += 1
    for path in sorted(names, key=lambda name: name[::-1]):
        os.stat(path)
    print(json.dumps({"files": count, "files_per_s": count / (time.monotonic() - started)}))


def list_pages(folder, host, port, *more):
    sys.path.insert(0, os.path.join(TESTS, "e2e"))
    from oss_client import OssClient
    client = OssClient(host, port, *more)
    started = time.monotonic()
    count = sum(page.count(b"<Contents>") for page in client.pages(folder + "/"))
    print(json.dumps({"files": count, "files_per_s": count / (time.monotonic() - started)}))


def download(source, target, workers):
    sys.path.insert(0, TESTS)
    from clients import modelscope
    os.makedirs(target, exist_ok=True)
    modelscope.download_new(source, target, workers=workers)


def load_torch(path):
    import torch
    started = time.monotonic()
    torch.load(path)
    print(json.dumps({"own_seconds": time.monotonic() - started}))


def make_torch(path, size):
    import torch
    each = 16 * MIB
    torch.save({"layer.%d.weight" % n: torch.full((each // 4,), float(n)) for n in range(max(1, size // each))}, path)


def run_fio(*options):
    done = subprocess.run(["fio", "--output-format=json", "--group_reporting", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, cwd="/tmp")
    begin = done.stdout.find("{\n")
    if done.returncode or begin < 0:
        raise SystemExit("fio: " + done.stdout[-400:])
    job = json.loads(done.stdout[begin:])["jobs"][0]
    moved = job["read"] if "--rw=read" in options else job["write"]
    print(json.dumps({"own_seconds": moved["io_bytes"] / moved["bw_bytes"], "delivered_bytes": moved["io_bytes"],
                      "read_bytes": moved["io_bytes"]}))


WORK = {"random": lambda path, jobs, seconds, block: read_random(path, int(jobs), float(seconds), int(block)),
        "map": touch_map,
        "slices": lambda rank, ranks, *paths: copy_slices(int(rank), int(ranks), *paths),
        "window": lambda threads, first, *paths: touch_window(int(threads), int(first), *paths),
        "eager": read_eager,
        "blocks": lambda threads, *paths: read_blocks(int(threads), *paths),
        "small": lambda folder, threads: read_small(folder, int(threads)),
        "first": read_first_bytes,
        "streams": lambda path, streams: read_streams(path, int(streams)),
        "write": lambda folder, writers, size: write_files(folder, int(writers), int(size)),
        "random-write": lambda path, handles, size: write_random(path, int(handles), int(size)),
        "patch": lambda path, offset: patch(path, int(offset)),
        "list": list_folder,
        "pages": lambda folder, host, port, *more: list_pages(folder, host, int(port), *more),
        "download": lambda source, target, workers: download(source, target, int(workers)),
        "torch": load_torch,
        "torch-make": lambda path, size: make_torch(path, int(size)),
        "fio": run_fio}


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in WORK:
        sys.exit(__doc__)
    WORK[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
