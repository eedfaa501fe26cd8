#!/usr/bin/env python3
"""Measures one machine with many cores; bench/many_cores.sh calls it (see there).

  many_cores.py --out DIR [--small] [--only SECTION]... [--limit SECONDS] [--variant OPTIONS]...

Sections: http (what the server can send), dd, cat, write, model, delayed, readers.
Each but http is run with the default options, and again with each --variant (options
of the mount), to see what a bottleneck depends on. All memory is touched once before
(machine.touch_memory says why). Results are written after each section, so that a run that
is cut short leaves what it has: many_cores.json (every trial), many_cores.md (medians) and
many_cores_profile.json (CPU profiles: bench/ossfs2_bench/cpu_profile.py).
Needs root. Sizes are decimal GB where a model is meant, else powers of two.
"""
import argparse
import functools
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests"), os.path.join(ROOT, "tests", "models")]

import harness  # noqa: E402
from ossfs2_bench import machine, many_models, many_report, many_runs, many_sections  # noqa: E402
from ossfs2_bench.many_runs import GIB, MIB, say  # noqa: E402

SECTIONS = ["http", "dd", "cat", "write", "model", "delayed", "readers"]
FULL = {"model": 24 * GIB, "object": 4 * GIB, "shard": 1500 * MIB, "shards": 16,
        "write": 8 * GIB, "writer": 256 * MIB, "writers": 32, "reader": GIB,
        "readers": [1, 2, 4, 8, 16, 32, 64], "trials": 3}
SMALL = {"model": 64 * MIB, "object": 64 * MIB, "shard": 8 * MIB, "shards": 16,
         "write": 64 * MIB, "writer": 8 * MIB, "writers": 4, "reader": 16 * MIB,
         "readers": [1, 4], "trials": 1}
LEAVE_GIB = 12  # of memory that is not touched first


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out", "many-cores"))
    parser.add_argument("--small", action="store_true", help="tiny sizes: does it work at all")
    parser.add_argument("--only", action="append", choices=SECTIONS, default=[])
    parser.add_argument("--limit", type=float, default=480, help="seconds; later sections are left out")
    parser.add_argument("--work", default="/dev/shm", help="folder for model and server files")
    parser.add_argument("--variant", action="append", default=[], metavar="OPTIONS",
                        help="mount options to measure beside the defaults")
    parser.add_argument("--only-variants", action="store_true", help="not with the defaults")
    parser.add_argument("--trials", type=int, help="how often (3; loads of the model: --loads)")
    parser.add_argument("--touched", action="store_true", help="all memory was touched already")
    parser.add_argument("--loads", type=int, default=1)
    options = parser.parse_args()
    harness.clean_up_at_end()
    bench = many_runs.Runs(ROOT, options, SMALL if options.small else FULL)
    if options.trials:
        bench.sizes = dict(bench.sizes, trials=options.trials)
    if not options.small and not options.touched:
        bench.facts["touching all memory"] = machine.touch_memory(int(machine.free_gib()) - LEAVE_GIB)
    for item in bench.facts.items():
        say("%s: %s" % item)
    models = many_models.ModelSections(bench)
    sections = {name: functools.partial(run, bench) for name, run in many_sections.SECTIONS.items()}
    sections.update(model=models.model, delayed=models.delayed)
    begun = time.monotonic()
    try:
        for section in options.only or SECTIONS:
            if bench.late():
                say("no time left for " + section)
                continue
            say("--- %s, at %.0f s" % (section, time.monotonic() - begun))
            sections[section]()
            many_report.save(bench)
    finally:
        many_report.save(bench)
    say(many_report.report(bench.facts, bench.rows))


if __name__ == "__main__":
    main()
