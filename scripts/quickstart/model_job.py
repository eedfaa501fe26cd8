#!/usr/bin/env python3
"""The Python part of scripts/quickstart.sh: make a model, download it, load it.

  model_job.py make DIR --size 1G
  model_job.py download DIR MOUNT [--workers 8] [--results FILE]
  model_job.py load DIR MOUNT --stats URL [--ranks 4] [--results FILE]
  model_job.py table DIR --results FILE --memory BYTES

Standard library only.
"""
import argparse
import hashlib
import json
import mmap
import multiprocessing
import os
import shutil
import struct
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "models"),
                os.path.dirname(os.path.abspath(__file__))]

import bits  # noqa: E402
import make_safetensors  # noqa: E402
from clients import modelscope  # noqa: E402
from progress import MIB, Progress  # noqa: E402


def model_files(directory):
    """Name -> (size, sha256) by the model's own list."""
    with open(os.path.join(directory, "SHA256SUMS")) as stream:
        pairs = [line.split() for line in stream]
    return {name: (os.path.getsize(os.path.join(directory, name)), digest)
            for digest, name in pairs}


def remember(path, **values):
    """Adds values to the results file."""
    known = {}
    if os.path.exists(path):
        with open(path) as stream:
            known = json.load(stream)
    known.update(values)
    with open(path, "w") as stream:
        json.dump(known, stream, indent=1)


def make(a):
    marker = a.model.rstrip("/") + ".made"
    shards = max(1, min(16, a.size // (128 * MIB)))
    wanted = "%d bytes in %d shards" % (a.size, shards)
    if os.path.exists(marker) and open(marker).read() == wanted:
        print("  the model is there already (%s)" % a.model)
        return
    shutil.rmtree(a.model, ignore_errors=True)
    bar = Progress("generate", a.size)
    make_safetensors.write_model(a.model, shards, a.size // shards, progress=bar.add)
    bar.finish()
    with open(marker, "w") as stream:
        stream.write(wanted)


def download(a):
    files = model_files(a.model)
    total = sum(size for size, _ in files.values())
    target = os.path.join(a.mount, "model")
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(target):  # a second run downloads it afresh
        os.unlink(os.path.join(target, name))
    bar = Progress("download", total)
    modelscope.download_new(a.model, target, workers=a.workers, progress=bar.add)
    seconds = bar.finish()
    print("  %d files written, renamed, read back and their SHA-256 compared" % len(files))
    remember(a.results, bytes=total, files=len(files), download_seconds=seconds)


def tensor_spans(view):
    """Offsets of the tensors of a mapped safetensors file."""
    length = struct.unpack("<Q", view[:8])[0]
    header = json.loads(view[8:8 + length])
    return sorted((8 + length + v["data_offsets"][0], 8 + length + v["data_offsets"][1])
                  for k, v in header.items() if k != "__metadata__")


def walk(path):
    """Copies every tensor out of a private mapping, as a loader does."""
    handle = os.open(path, os.O_RDONLY)
    size = os.fstat(handle).st_size
    with mmap.mmap(handle, size, flags=mmap.MAP_PRIVATE,
                   prot=mmap.PROT_READ | mmap.PROT_WRITE) as view:
        os.close(handle)
        with memoryview(view) as bytes_of:
            for start, end in tensor_spans(view):
                for offset in range(start, end, MIB):
                    yield len(bytes(bytes_of[offset:min(end, offset + MIB)]))


def rank(number, ranks, paths, counts, hashes, start):
    """One loader process: walks every shard; then hashes its part of the files."""
    try:
        start.wait()
        for path in paths:
            if path.endswith(".safetensors"):
                for count in walk(path):
                    counts[number] += count
        hashes.put(("loaded", number, ""))
        for path in paths[number::ranks]:
            digest = hashlib.sha256()
            with open(path, "rb") as stream:
                while piece := stream.read(MIB):
                    digest.update(piece)
            hashes.put(("hash", os.path.basename(path), digest.hexdigest()))
        hashes.put(("end", number, ""))
    except Exception as error:
        hashes.put(("failed", number, "%s: %s" % (type(error).__name__, error)))


def server_bytes(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        return json.loads(answer.read()).get("get_bytes", 0)


def load(a):
    files = model_files(a.model)
    paths = [os.path.join(a.mount, "model", name) for name in sorted(files)]
    weights = sum(size for name, (size, _) in files.items() if name.endswith(".safetensors"))
    before = server_bytes(a.stats)
    context = multiprocessing.get_context("fork")
    counts = context.Array("q", a.ranks, lock=False)
    hashes, start = context.Queue(), context.Event()
    processes = [context.Process(target=rank, args=(n, a.ranks, paths, counts, hashes, start))
                 for n in range(a.ranks)]
    for process in processes:
        process.start()
    bar = Progress("load x%d" % a.ranks, weights * a.ranks)
    start.set()
    shown, loaded, ended, found, seconds = 0, 0, 0, {}, 0.0
    while ended < a.ranks:
        if loaded < a.ranks:
            now = sum(counts)
            bar.add(now - shown)
            shown = now
        try:
            kind, name, value = hashes.get(timeout=0.05)
        except Exception:  # queue.Empty: nothing new yet
            if not any(p.is_alive() for p in processes) and hashes.empty():
                sys.exit("the loaders ended too early")
            continue
        if kind == "failed":
            sys.exit("loader %s failed: %s" % (name, value))
        loaded += kind == "loaded"
        ended += kind == "end"
        if kind == "loaded" and loaded == a.ranks:
            bar.add(sum(counts) - shown)
            seconds = bar.finish()
        if kind == "hash":
            found[name] = value
    wrong = [n for n, (_, digest) in files.items() if found.get(n) != digest]
    if wrong:
        sys.exit("WRONG CONTENT in the mount: %s" % ", ".join(wrong))
    print("  every hash is right (%d files)" % len(files))
    remember(a.results, load_seconds=seconds, ranks=a.ranks, weights=weights,
             server_bytes=server_bytes(a.stats) - before)


def table(a):
    with open(a.results) as stream:
        r = json.load(stream)
    ratio = r["server_bytes"] / r["bytes"]
    rows = [("model", "%d files, %.2f GiB" % (r["files"], r["bytes"] / (1 << 30))),
            ("throughput in (download, with SHA-256)",
             "%.0f MiB/s" % (r["bytes"] / MIB / r["download_seconds"])),
            ("throughput out (%d processes by mmap, cold)" % r["ranks"],
             "%.0f MiB/s delivered" % (r["weights"] * r["ranks"] / MIB / r["load_seconds"])),
            ("bytes the server sent / bytes of the model", "%.3f" % ratio),
            ("daemon memory (highest)", "%.0f MiB" % (a.memory / MIB))]
    width = max(len(name) for name, _ in rows)
    line = "+-%s-+-%s-+" % ("-" * width, "-" * 24)
    print(line)
    for name, value in rows:
        print("| %-*s | %-24s |" % (width, name, value))
    print(line)
    if ratio > 1.05:
        sys.exit("the server sent more than 1.05 times the model")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["make", "download", "load", "table"])
    parser.add_argument("model", help="folder with the generated model")
    parser.add_argument("mount", nargs="?", help="the mount")
    parser.add_argument("--size", type=bits.size_of, default=1 << 30)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--stats", help="address of the server's counters")
    parser.add_argument("--results", help="file for the figures")
    parser.add_argument("--memory", type=int, default=0)
    a = parser.parse_args()
    started = time.monotonic()
    {"make": make, "download": download, "load": load, "table": table}[a.step](a)
    if a.step != "table":
        print("  (%s took %.1f s)" % (a.step, time.monotonic() - started))


if __name__ == "__main__":
    main()
