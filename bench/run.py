#!/usr/bin/env python3
"""Measures ossfs2 beside what else this machine has. One command:

  bench/run.py --quick --out bench/out          small sizes, at most 6 minutes
  bench/run.py --out bench/out                  the full run, at most 35 minutes
  bench/run.py --only seq-read --only head      some scenarios (--list shows them)
  bench/run.py --peer 'other=/opt/other/ossfs2 mount {mountpoint} --oss_endpoint={endpoint} ...'
  bench/run.py --render bench/out               report and plots again, from its results.json

Starts ossfs2-server (without delay, or 10 ms and 80 MB/s a connection), mounts ossfs2, s3fs and rclone (Debian's
packages, when installed) and every --peer, and runs cold trials of all in turn, with a new mount for each. Raw HTTP
(curl) and tmpfs are always beside them, as the limits. Writes results.json, report.md and plots; what a peer cannot
do gets a row that says why. As root. `scripts/setup.sh --bench` installs what it uses.

The first round measures every target once in each scenario; more rounds follow while the time budget lasts.
As much memory as the run uses is touched before it, up to half a minute (--touched leaves that out).
Temporary files, those of the mounts included, lie on /dev/shm (OSSFS2_TEST_DIR names another place). The binaries
are those of build/release, or OSSFS2_BIN and OSSFS2_SERVER_BIN.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests")]
os.environ.setdefault("OSSFS2_TEST_DIR", "/dev/shm")  # before the harness makes its first folder

import harness  # noqa: E402
from ossfs2_bench import machine, report, scenarios, targets, trials  # noqa: E402
from ossfs2_bench.progress import Progress  # noqa: E402

MEASURING = 2  # raised when figures are taken in another way, the scenarios being the same
MEMORY_GIB = {True: 3, False: 12}  # of free memory that a quick and a full run need


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out"))
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--skip", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--target", action="append", default=[], metavar="NAME",
                        help="only these of the targets (ossfs2, ossfs2-direct, s3fs, rclone, curl, tmpfs, ...)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="one more mount program; fields: {mountpoint} {endpoint} {host} {port} "
                             "{bucket} {key_id} {key_secret} {workdir}")
    parser.add_argument("--trials", type=int, help="at most so many of each scenario and target (2 or 3)")
    parser.add_argument("--time-budget", type=float, metavar="MINUTES",
                        help="of the whole run (5 or 32; the rest is for its end)")
    parser.add_argument("--limit", type=int, metavar="SECONDS",
                        help="that one trial of a peer may take (10 or 45, times the weight of the scenario; "
                             "ours three times that)")
    parser.add_argument("--touched", action="store_true", help="the memory was touched already")
    parser.add_argument("--list", action="store_true", help="print the scenarios")
    parser.add_argument("--render", metavar="DIR", help="only write report.md and plots of DIR/results.json anew")
    return parser.parse_args()


def render(folder):
    """Report and plots; by Debian's Python where this one has no matplotlib."""
    debian = "/usr/bin/python3"
    if not report.can_plot() and not os.path.samefile(sys.executable, debian):
        done = subprocess.run([debian, os.path.abspath(__file__), "--render", folder], check=False)
        if done.returncode == 0:
            return
    with open(os.path.join(folder, "results.json")) as stream:
        report.write_report(folder, json.load(stream))
    if not report.can_plot():
        print("no plots: python3-matplotlib is missing (scripts/setup.sh --bench)")


def selected(a):
    chosen = scenarios.all_scenarios(a.quick)
    unknown = set(a.only + a.skip) - {s.name for s in chosen}
    if unknown:
        sys.exit("no such scenario: %s (--list shows them)" % ", ".join(sorted(unknown)))
    return [s for s in chosen if (not a.only or s.name in a.only) and s.name not in a.skip]


def selected_targets(a):
    found = targets.present(harness.OSSFS2, a.peer)
    unknown = set(a.target) - {t.name for t in found}
    if unknown:
        sys.exit("no such target here: %s; there are %s" % (
            ", ".join(sorted(unknown)), ", ".join(t.name for t in found)))
    return [t for t in found if not a.target or t.name in a.target]


def require_machine(quick):
    for binary in (harness.OSSFS2, harness.SERVER):
        if not os.access(binary, os.X_OK):
            sys.exit("not built: %s (cmake --preset release && cmake --build --preset release)" % binary)
    if os.geteuid() != 0:
        sys.exit("run.py mounts: run it as root")
    if machine.free_gib() < MEMORY_GIB[quick]:
        sys.exit("too little free memory: %.0f GiB, this run needs %d" % (machine.free_gib(), MEMORY_GIB[quick]))


def configuration_hash(chosen, found, repeats, facts):
    """The same for two runs whose figures may be compared: way of measuring, scenarios, sizes, readers, commands of the
    mounts, versions of all programs but ours. Not the time budget, which decides the number of trials only."""
    names = {t.name for t in found} | {"ossfs2-server", "fio", "python"}
    versions = {name: facts.get(name) for name in names}
    versions.pop("ossfs2", None)
    text = json.dumps([MEASURING, [[s.name, s.settings()] for s in chosen], [[t.name, t.template] for t in found],
                       repeats, versions], sort_keys=True, default=str).replace(harness.OSSFS2, "ossfs2")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_all(a, chosen, found, data, progress):
    runners = {}
    for scenario in chosen:
        entry = {"name": scenario.name, "title": scenario.title, "unit": scenario.unit, "delayed": scenario.delayed,
                 "absent": scenario.absent(), "results": {}}
        data["scenarios"].append(entry)
        runners[scenario.name] = trials.Runner(scenario, found, data["repeats"], a.limit, progress)
    try:
        for number in range(data["repeats"]):
            for scenario, entry in zip(chosen, data["scenarios"]):
                if number > 0 and progress.left_s() <= 0:
                    return
                progress.next_scenario(scenario.name, scenario.title)
                if entry["absent"]:
                    progress.say("  skipped: " + entry["absent"])
                    continue
                runner = runners[scenario.name]
                runner.run_round(number, progress.share_s())
                entry["results"], entry["bytes"] = runner.results(), scenario.bytes
                data["minutes"] = round(progress.gone_s() / 60, 1)
                report.write_results(a.out, data)  # after each: an interrupted run keeps what it has
    finally:
        for scenario in chosen:
            scenario.clean()


def main():
    a = arguments()
    if a.render:
        render(a.render)
        return
    chosen = selected(a)
    if a.list:
        for scenario in chosen:
            print("%-20s %s" % (scenario.name, scenario.title))
        return
    require_machine(a.quick)
    found = selected_targets(a)
    repeats = a.trials or (2 if a.quick else 3)
    a.limit = a.limit or (10 if a.quick else 45)
    budget_min = a.time_budget or (5 if a.quick else 32)
    data = {"machine": machine.describe(ROOT, harness.OSSFS2), "mode": "quick" if a.quick else "full",
            "repeats": repeats, "limit_s": a.limit, "budget_min": budget_min, "targets": [t.name for t in found],
            "scenarios": []}
    data["machine"]["ossfs2-server"] = machine.first_line([harness.SERVER, "--version"])
    data["machine"]["configuration"] = configuration_hash(chosen, found, repeats, data["machine"])
    if not a.touched:
        data["machine"]["touched first"] = machine.touch_memory(MEMORY_GIB[a.quick])
    harness.clean_up_at_end()
    progress = Progress([s.weight for s in chosen], repeats, 60 * budget_min)
    for name, value in data["machine"].items():
        progress.say("%-13s %s" % (name, value))
    try:
        run_all(a, chosen, found, data, progress)
    except KeyboardInterrupt:
        progress.say("interrupted; what was measured is in " + a.out)
    if "minutes" in data:  # 0.0 of a tiny run too
        render(a.out)
        progress.say("%.1f minutes; written: %s" % (progress.gone_s() / 60, ", ".join(
            os.path.join(a.out, n) for n in sorted(os.listdir(a.out)))))


if __name__ == "__main__":
    main()
