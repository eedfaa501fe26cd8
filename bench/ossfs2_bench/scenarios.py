"""The list of scenarios, and their sizes in a quick and in a full run."""
from .load_scenarios import (Blocks, Eager, LlamaLoad, Mapped, Sliced, TorchLoad, WarmThenMapped, Window, ranks)
from .read_scenarios import FioRead, FirstBytes, Listing, Random, Sequential, SmallFiles, Streams
from .scenario import DELAY, GIB, MIB, Scenario, dd_read, worker
from .write_scenarios import Download, FioWrite, Patch, RandomWrite, Write

__all__ = ["DELAY", "GIB", "MIB", "Scenario", "Sequential", "all_scenarios", "dd_read", "worker"]
DELAYED = "the same, server 10 ms + 80 MB/s a connection"


def reading(quick):
    big, half = (256 * MIB, 128 * MIB) if quick else (4 * GIB, GIB)
    seconds, small = (1, 500) if quick else (6, 10000)
    few, apart = (500, 0.1) if quick else (3000, 0.5)
    few_large = 20 if quick else 100
    return [
        Sequential("seq-read", "one sequential reader, dd bs=1M", big, weight=2.0),
        Sequential("seq-read-delayed", DELAYED, big, delayed=True, weight=2.0),
        Sequential("readers-2", "2 readers of one file at once", half, readers=2, weight=1.5),
        Sequential("readers-4", "4 readers of one file at once", half, readers=4, weight=1.5),
        Sequential("readers-8-apart", "8 readers of one file, %.1f s apart" % apart, half, readers=8, apart=apart,
                   weight=1.5),
        Sequential("head", "the first 64 MiB of a file of 1 GiB", GIB, head=64 * MIB),
        Random("random-1", "random 128 KiB, 1 job", 16 * GIB, 1, seconds, weight=1.5),
        Random("random-16", "random 128 KiB, 16 jobs", 16 * GIB, 16, seconds, weight=1.5),
        Random("random-16-delayed", "random 128 KiB, 16 jobs, server 10 ms", 16 * GIB, 16, seconds, delayed=True,
               weight=1.5),
        Streams("streams-16", "16 sequential streams inside one file (RunAI)", half, 16),
        SmallFiles("small-files", "128 threads read %d files of 128 KiB (published test; 100,000 there)" % small,
                   small, 131072, 128),
        SmallFiles("small-files-delayed", "the same with %d files, server 10 ms + 80 MB/s a connection" % few, few,
                   131072, 128, delayed=True, weight=2.0),
        FirstBytes("first-byte-delayed", "the first byte of %d files of 4 GiB, one after the other, server 10 ms + 80 MB/s "
                   "a connection" % few_large, few_large, 4 * GIB, delayed=True),
        FioRead("fio-read", "published fio line: libaio, bs=1M, direct=1, 1 job, sequential (100 GB there)", half),
        FioRead("fio-read-4", "published fio line: 4 jobs on 4 files, iodepth=1, time-based (30 s there)",
                half, 4, seconds, weight=1.5),
    ]


def loading(quick):
    shards, size = (8, 16 * MIB) if quick else (8, 128 * MIB)
    total = shards * size
    found = ranks(shards, size, 0.1 if quick else 0.5)
    found[3:3] = [Mapped("mmap-4-delayed", "4 ranks by mmap, server 10 ms + 80 MB/s a connection", shards, size, 4,
                         delayed=True, weight=2.0),
                  Sliced("mmap-4-slices-delayed", "the same, each rank copies its quarter of each tensor", shards, size, 4,
                         delayed=True)]
    return found + [
        Window("sglang-2", "2 ranks, 8 threads map files ahead, each rank begins at another file (SGLang)",
               shards, size, 2),
        Eager("whole-file", "one rank, f.read() of each file in turn (vLLM eager)", shards, size, 1),
        Blocks("whole-files", "2 ranks, 8 threads each, files read whole in 16 MiB blocks (vLLM prefetch)",
               shards, size, 2),
        WarmThenMapped("cat-then-mmap", "16 x cat, then one load by mmap; time of both", shards, size, 1),
        TorchLoad("torch-load", "torch.load of one checkpoint", total, weight=2.0),
        LlamaLoad("llama-load", "llama.cpp loads a GGUF of 4 parts by mmap", total, weight=2.0),
    ]


def writing(quick):
    size = 256 * MIB if quick else 2 * GIB
    return [
        Write("seq-write", "one sequential writer, dd bs=1M", size),
        Write("seq-write-delayed", DELAYED, size, delayed=True, weight=2.0),
        FioWrite("fio-write", "published fio line: libaio, bs=1M, direct=1, 1 job, sequential (100 GB there)",
                 size // 2),
        Write("writers-32", "32 writers at once, each file renamed", 4 * MIB if quick else 32 * MIB, writers=32),
        RandomWrite("random-write", "one file written in random order by 8 handles", 64 * MIB if quick else GIB // 2),
        Patch("patch", "1 MiB in the middle of an object of %d MiB is changed" % (128 if quick else 512),
              128 * MIB if quick else GIB // 2),
        Download("download", "ModelScope download of 200 files, 32 workers, hashed after the rename",
                 200, 64 * MIB if quick else GIB // 2, 32),
    ]


def naming(quick):
    many, some = (2000, 500) if quick else (20000, 3000)
    return [
        Listing("list", "ls -f of a folder of %d, server 10 ms" % many, many, "short"),
        Listing("list-long", "ls -l of a folder of %d, server 10 ms" % many, many, "long"),
        Listing("list-stat", "ls, then stat of %d names in another order (published test), server 10 ms" % some,
                some, "stat", weight=2.0),
    ]


def all_scenarios(quick):
    return reading(quick) + loading(quick) + writing(quick) + naming(quick)
