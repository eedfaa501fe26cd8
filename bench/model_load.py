#!/usr/bin/env python3
"""Loads a safetensors model to GPUs (or memory) by N rank processes, and times it.

  bench/model_load.py --size 24G --ranks 2 --out bench/out/gpu
      generates a model, serves it by ossfs2-server and measures: from tmpfs (the
      loader's own limit), from a cold mount, with memory_data_cache_size, and after
      a warm-up by 16 x cat; each --trials times, in turn
  bench/model_load.py --model /mnt/models/llama --ranks 2
      one load of a model that is there already (a mount of yours, a disk)

Options: --device cuda|cpu (default: cuda when torch sees one), --method mmap|read,
--latency 5ms --rate 100M (of the server), --peer 'NAME=COMMAND' as in bench/run.py.
Needs torch for cuda; the safetensors package is used when present, else the files
are parsed here. No build tools: it runs from the source tree or the bundle.
"""
import argparse
import contextlib
import glob
import json
import mmap
import multiprocessing
import os
import queue
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "models")]
MIB, GIB = 1 << 20, 1 << 30
TORCH_TYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F8_E4M3": "uint8"}


def shards(folder):
    found = sorted(glob.glob(os.path.join(folder, "*.safetensors")))
    if not found:
        raise SystemExit("no *.safetensors in " + folder)
    return found


def parse_header(view):
    """(name, type, shape, begin, end) of every tensor, in file order."""
    length = struct.unpack("<Q", view[:8])[0]
    header = json.loads(bytes(view[8:8 + length]))
    found = [(name, v["dtype"], v["shape"], 8 + length + v["data_offsets"][0],
              8 + length + v["data_offsets"][1])
             for name, v in header.items() if name != "__metadata__"]
    return sorted(found, key=lambda item: item[3])


def load_plain(path, method, torch, device):
    """Without the safetensors package: a private mapping, or one read of the whole file."""
    handle = os.open(path, os.O_RDONLY)
    size = os.fstat(handle).st_size
    if method == "mmap":
        view = mmap.mmap(handle, size, flags=mmap.MAP_PRIVATE,
                         prot=mmap.PROT_READ | mmap.PROT_WRITE)
    else:
        view, done = bytearray(size), 0
        with memoryview(view) as target:
            while done < size:
                done += os.readv(handle, [target[done:done + 64 * MIB]])
    os.close(handle)
    count = 0
    for _, kind, shape, begin, end in parse_header(view):
        if torch is None:
            for offset in range(begin, end, MIB):
                count += len(bytes(view[offset:min(end, offset + MIB)]))
            continue
        width = {"float32": 4, "uint8": 1}.get(TORCH_TYPES[kind], 2)
        tensor = torch.frombuffer(view, dtype=getattr(torch, TORCH_TYPES[kind]),
                                  count=(end - begin) // width, offset=begin)
        copy = tensor.reshape(shape).to(device) if device != "cpu" else tensor.clone()
        count += copy.numel() * width
        del tensor, copy
    if method == "mmap":
        view.close()
    return count


def load_with_package(path, safe_open, device):
    count = 0
    with safe_open(path, framework="pt", device=device) as opened:
        for name in opened.keys():
            tensor = opened.get_tensor(name)
            if device == "cpu":
                tensor = tensor.clone()
            count += tensor.numel() * tensor.element_size()
    return count


def rank(number, a, paths, ready, start, results):
    """One process. Imports and the GPU's start are not timed."""
    torch = safe_open = None
    device = "cpu"
    try:
        if a.device == "cuda":
            import torch
            device = "cuda:%d" % (number % torch.cuda.device_count())
            torch.zeros(1, device=device)
        elif a.with_torch:
            import torch
        if a.method == "mmap" and torch is not None:
            try:
                from safetensors import safe_open
            except ImportError:
                safe_open = None
        ready.release()
        start.wait()
        begun, count = time.monotonic(), 0
        for path in paths:
            if safe_open:
                count += load_with_package(path, safe_open, device)
            else:
                count += load_plain(path, a.method, torch, device)
        if a.device == "cuda":
            torch.cuda.synchronize(device)
        results.put({"rank": number, "seconds": time.monotonic() - begun, "bytes": count,
                     "loader": "safetensors" if safe_open else "plain"})
    except Exception as error:
        ready.release()
        results.put({"rank": number, "failed": "%s: %s" % (type(error).__name__, error)})


def collect(processes, results):
    """What each rank has to say. A rank that ends without a word (killed for its memory) is an error."""
    details = {}
    while len(details) < len(processes):
        ended = [n for n, process in enumerate(processes) if process.exitcode is not None]
        try:
            said = results.get(timeout=1)
            details[said["rank"]] = said
        except queue.Empty:  # what those wrote that had ended before would have been in it
            silent = [n for n in ended if n not in details]
            if silent:
                raise RuntimeError("rank %d ended with %d before its load was done" % (
                    silent[0], processes[silent[0]].exitcode)) from None
    return list(details.values())


def load(a, folder, observer=None):
    """All ranks; returns (seconds until the last one was done, details).

    `observer` is a context manager that is entered for just the timed part."""
    paths = shards(folder)
    context = multiprocessing.get_context("spawn")
    ready, start, results = context.Semaphore(0), context.Event(), context.Queue()
    processes = [context.Process(target=rank, args=(n, a, paths, ready, start, results))
                 for n in range(a.ranks)]
    try:
        for process in processes:
            process.start()
        for _ in processes:
            if not ready.acquire(timeout=180):
                raise SystemExit("a rank did not start")
        with observer or contextlib.nullcontext():
            begun = time.monotonic()
            start.set()
            details = collect(processes, results)
            seconds = time.monotonic() - begun
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    failed = [d["failed"] for d in details if "failed" in d]
    if failed:
        raise RuntimeError("; ".join(failed))
    return seconds, sorted(details, key=lambda d: d["rank"])


def warm_up(folder):
    begun = time.monotonic()
    command = "printf '%s\\0' \"$@\" | xargs -0 -P16 -n1 cat > /dev/null"
    subprocess.run(["sh", "-c", command, "sh"] + shards(folder), check=True)
    return time.monotonic() - begun


class Case:
    def __init__(self, name, target, warm=False):
        self.name, self.target, self.warm = name, target, warm


def cases(a, harness, targets):
    found = [Case("tmpfs (limit)", None),
             Case("cold", targets.ours("ossfs2", harness.OSSFS2)),
             Case("memory_data_cache_size=16g",
                  targets.ours("ossfs2-cache", harness.OSSFS2, "--memory_data_cache_size=16g")),
             Case("16 x cat, then load", targets.ours("ossfs2-warm", harness.OSSFS2), warm=True)]
    for peer in a.peer:
        name, _, command = peer.partition("=")
        found.append(Case(name, targets.MountTarget(name, command)))
    return [c for c in found if not a.only or any(word in c.name for word in a.only)]


def measure_case(a, case, server, local, processes, total, observe=None):
    """One load. `observe(pids)` gives an observer for load, over these daemons."""
    if case.target is None:
        seconds, details = load(a, local, observe([]) if observe else None)
        return {"seconds": seconds, "ranks": details}
    case.target.start(server)
    try:
        processes.drop_caches()
        server.reset()
        folder = os.path.join(case.target.path, "model")
        pids = case.target.processes()
        warm = warm_up(folder) if case.warm else 0.0
        seconds, details = load(a, folder, observe(pids) if observe else None)
        return {"seconds": seconds, "warm_up_seconds": warm, "ranks": details,
                "daemon_cpu_s": sum(map(processes.cpu_seconds, pids)),
                "peak_rss_mib": sum(map(processes.peak_bytes, pids)) / MIB,
                "amplification": server.stats().get_bytes / total}
    finally:
        case.target.stop()


def measure_all(a):
    import harness
    import make_safetensors
    from ossfs2_bench import machine, processes, targets
    harness.clean_up_at_end()
    local = harness.temporary_folder("model", a.work)
    options = []
    if a.latency:
        options += ["--latency", a.latency]
    if a.rate:
        options += ["--rate-per-connection", a.rate]
    data = {"machine": machine.describe(ROOT, harness.OSSFS2), "ranks": a.ranks,
            "device": a.device, "method": a.method, "server": options, "cases": {}}
    count = max(1, min(16, a.size // (512 * MIB)))
    print("generating %.1f GiB in %d shards in %s" % (a.size / GIB, count, local), flush=True)
    make_safetensors.write_model(local, count, a.size // count)
    paths = shards(local)
    total = sum(map(os.path.getsize, paths))
    with harness.Server(*options, root=tempfile.mkdtemp(dir=local, prefix="server-")) as server:
        for path in paths:
            server.client.put_file("model/" + os.path.basename(path), path)
        chosen = cases(a, harness, targets)
        for number in range(a.trials):
            for case in chosen:
                try:
                    result = measure_case(a, case, server, local, processes, total)
                    shown = "%.2f s, %.2f GB/s of model, bytes %.2fx, CPU %.0f s" % (
                        result["seconds"], total / 1e9 / result["seconds"],
                        result.get("amplification", 0), result.get("daemon_cpu_s", 0))
                    if result.get("warm_up_seconds"):
                        shown += ", warm-up %.2f s" % result["warm_up_seconds"]
                except (RuntimeError, OSError, AssertionError) as error:
                    result, shown = {"failed": str(error)}, "failed: %s" % error
                data["cases"].setdefault(case.name, []).append(result)
                print("%d/%d %-28s %s" % (number + 1, a.trials, case.name, shown), flush=True)
    data["bytes"] = total
    write_report(a, data)


def write_report(a, data):
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "model_load.json"), "w") as stream:
        json.dump(data, stream, indent=1)
    lines = ["# Model load: %d ranks, %s, %s" % (a.ranks, a.device, a.method), ""]
    lines += ["- %s: %s" % item for item in data["machine"].items()]
    lines += ["- model: %.2f GB; server: %s" % (data["bytes"] / 1e9,
                                                " ".join(data["server"]) or "no delay"), "",
              "| case | time s (median) | GB/s | warm-up s | daemon CPU s | bytes sent / model | "
              "peak RSS MiB |", "|---|---|---|---|---|---|---|"]
    for name, results in data["cases"].items():
        good = [r for r in results if "failed" not in r]
        if not good:
            lines.append("| %s | failed: %s | | | | | |" % (name, results[0]["failed"][:100]))
            continue

        def middle(key):
            values = [r[key] for r in good if r.get(key) is not None]
            return statistics.median(values) if values else 0
        lines.append("| %s | %.2f | %.2f | %.2f | %.0f | %.2f | %.0f |" % (
            name, middle("seconds"), data["bytes"] / 1e9 / middle("seconds"),
            middle("warm_up_seconds"), middle("daemon_cpu_s"), middle("amplification"),
            middle("peak_rss_mib")))
    text = "\n".join(lines) + "\n"
    with open(os.path.join(a.out, "model_load.md"), "w") as stream:
        stream.write(text)
    print(text)


def default_device():
    try:
        import torch
        return "cuda" if torch.cuda.is_available() else "cpu"
    except ImportError:
        return "cpu"


def main():
    import bits
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder with *.safetensors: load it once and say how long")
    parser.add_argument("--size", type=bits.size_of, default=2 * GIB)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--device", choices=["cuda", "cpu"])
    parser.add_argument("--method", choices=["mmap", "read"], default="mmap")
    parser.add_argument("--with-torch", action="store_true", help="use torch also on the CPU")
    parser.add_argument("--latency", help="of the server, for example 5ms")
    parser.add_argument("--rate", help="of each connection, for example 100M")
    parser.add_argument("--only", action="append", default=[], help="part of a case's name")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--work", default="/dev/shm", help="folder for model and server files")
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out"))
    a = parser.parse_args()
    a.device = a.device or default_device()
    if a.model:
        total = sum(map(os.path.getsize, shards(a.model)))
        seconds, details = load(a, a.model)
        print(json.dumps({"seconds": round(seconds, 3), "GB_per_s": round(total / 1e9 / seconds, 3),
                          "bytes": total, "ranks": details}))
        return
    measure_all(a)


if __name__ == "__main__":
    main()
