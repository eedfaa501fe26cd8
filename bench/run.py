#!/usr/bin/env python3
"""Measures ossfs2 beside what else this machine has. One command:

  bench/run.py --quick --out bench/out          some minutes
  bench/run.py --out bench/out                  the full run
  bench/run.py --only seq-read --only head      some scenarios (--list shows them)
  bench/run.py --peer 'other=/opt/other/ossfs2 mount {mountpoint} --oss_endpoint={endpoint} ...'

Starts ossfs2-server (without delay, or 10 ms and 80 MB/s a connection), mounts
ossfs2, s3fs and rclone (Debian's packages, when installed) and every --peer, and
runs cold trials of all in turn, with a new mount for each. Raw HTTP (curl) and
tmpfs are always beside them, as the limits. Writes results.json, report.md and
plots. As root. `scripts/setup.sh --bench` installs what it uses.
"""
import argparse
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests")]

import harness  # noqa: E402
from ossfs2_bench import machine, report, scenarios, targets, trials  # noqa: E402


def say(text):
    print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, 2 trials")
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out"))
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--skip", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--target", action="append", default=[], metavar="NAME",
                        help="only these of the targets (ossfs2, ossfs2-direct, s3fs, rclone, ...)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="one more mount program; fields: {mountpoint} {endpoint} {host} {port} "
                             "{bucket} {key_id} {key_secret} {workdir}")
    parser.add_argument("--trials", type=int, help="of each scenario and target (2 or 5)")
    parser.add_argument("--limit", type=int, default=300, help="seconds that one trial may take")
    parser.add_argument("--list", action="store_true", help="print the scenarios")
    return parser.parse_args()


def main():
    a = arguments()
    chosen = scenarios.all_scenarios(a.quick)
    if a.list:
        for scenario in chosen:
            print("%-20s %s" % (scenario.name, scenario.title))
        return
    unknown = set(a.only + a.skip) - {s.name for s in chosen}
    if unknown:
        sys.exit("no such scenario: %s (--list shows them)" % ", ".join(sorted(unknown)))
    if a.only:
        chosen = [s for s in chosen if s.name in a.only]
    chosen = [s for s in chosen if s.name not in a.skip]
    for binary in (harness.OSSFS2, harness.SERVER):
        if not os.access(binary, os.X_OK):
            sys.exit("not built: %s (cmake --preset release && cmake --build --preset release)"
                     % binary)
    found = targets.present(harness.OSSFS2, a.peer)
    if a.target:
        found = [t for t in found if t.name in a.target]
    repeats = a.trials or (2 if a.quick else 5)
    data = {"machine": machine.describe(ROOT, harness.OSSFS2),
            "mode": "quick" if a.quick else "full", "repeats": repeats, "scenarios": []}
    for name, value in data["machine"].items():
        say("%-10s %s" % (name, value))
    try:
        for place, scenario in enumerate(chosen, 1):
            say("[%d/%d] %s: %s" % (place, len(chosen), scenario.name, scenario.title))
            results = trials.run_scenario(scenario, found, repeats, a.limit, say)
            data["scenarios"].append({"name": scenario.name, "title": scenario.title,
                                      "unit": scenario.unit, "bytes": scenario.bytes,
                                      "delayed": scenario.delayed, "results": results})
            report.write(a.out, data)  # after each: an interrupted run keeps what it has
    except KeyboardInterrupt:
        say("interrupted; what was measured is in " + a.out)
    finally:
        harness.destroy_all()
    say("written: %s" % ", ".join(os.path.join(a.out, n) for n in sorted(os.listdir(a.out))))


if __name__ == "__main__":
    main()
