#!/usr/bin/env python3
"""Scaling curves of ossfs2: one thing varies, the rest stays. One command:

  bench/scaling.py --out bench/out/scaling [--quick] [--only CURVE]...

Curves: readers (files read at once), size (of one file), latency (of the server, with 80 MB/s a connection), rate (of a
connection, at 10 ms), memory (total_mem_limit), objects (entries of a listed folder). Each point is the median of cold
trials with a mount of its own. Writes scaling.json, scaling.md and, with matplotlib, scaling.png. As root.
"""
import argparse
import json
import os
import statistics
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "tests")]

import harness  # noqa: E402
from ossfs2_bench import machine, scenarios, targets, trials  # noqa: E402

MIB, GIB = scenarios.MIB, scenarios.GIB


class Readers(scenarios.Scenario):
    """`count` files, each read by a dd of its own, all at once."""

    def __init__(self, count, size):
        super().__init__("readers", "")
        self.count, self.bytes = count, count * size
        self.keys = {"r/f-%06d" % n: size for n in range(count)}

    def commands(self, target):
        return [scenarios.dd_read("%s/r/f-%06d" % (target.path, n)) for n in range(self.count)]


class Listing(scenarios.Scenario):
    def __init__(self, count):
        super().__init__("objects", "", unit="files/s")
        self.count = count
        self.keys = {"d/f": "1x%d" % count}

    def commands(self, target):
        return [scenarios.worker("list", target.path + "/d", "short")]


class Delayed(scenarios.Sequential):
    """A sequential read from a server with this latency and rate of a connection."""

    def __init__(self, size, latency_ms, rate):
        super().__init__("delayed", "", size)
        self.server = (["--latency", "%dms" % latency_ms] if latency_ms else []) + (
            ["--rate-per-connection", rate] if rate else [])

    def server_options(self):
        return super().server_options() + self.server


def curves(quick):
    """name -> (unit of x, [(x, scenario, options of the mount)])"""
    size = 512 * MIB if quick else 2 * GIB

    def sequential(amount=size):
        return scenarios.Sequential("sequential", "", amount)

    few = slice(None, None, 2) if quick else slice(None)
    return {
        "readers": ("readers at once", [(n, Readers(n, size // n), "") for n in (1, 2, 4, 8, 16, 32, 64)[few]]),
        "size": ("MiB a file", [(n, sequential(n * MIB), "") for n in (1, 4, 16, 64, 256, 1024, 4096)[few]]),
        "latency": ("ms to the first byte, 80 MB/s a connection",
                    [(n, Delayed(size, n, "80M"), "") for n in (0, 1, 2, 5, 10, 20, 50)[few]]),
        "rate": ("MB/s a connection, 10 ms",
                 [(n, Delayed(size, 10, "%dM" % n), "") for n in (10, 20, 40, 80, 160, 320)[few]]),
        "memory": ("MiB of total_mem_limit, 10 ms, 80 MB/s",
                   [(n, Delayed(size, 10, "80M"), "--total_mem_limit=%dm" % n)
                    for n in (64, 128, 256, 512, 1024, 2048)[few]]),
        "objects": ("entries of the folder",
                    [(n, Listing(n), "") for n in (100, 1000, 10000, 100000, 1000000)[:3 if quick else 5]]),
    }


def measure(scenario, options, repeats):
    """Medians of one point."""
    with harness.Server(*scenario.server_options()) as server:
        rows = [trials.one_trial(scenario, targets.ours("ossfs2", harness.OSSFS2, options), server, 300)
                for _ in range(repeats)]
    failed = [row["failed"] for row in rows if "failed" in row]
    if failed:
        return {"failed": failed[0]}

    def middle(key):
        found = [row[key] for row in rows if row.get(key) is not None]
        return statistics.median(found) if found else None

    row = {"seconds": middle("seconds"), "requests": middle("requests"), "peak_rss_mib": middle("peak_rss_mib")}
    if scenario.bytes:
        row["MiB_per_s"] = scenario.bytes / MIB / row["seconds"]
        row["daemon_cpu_s_per_gib"] = middle("daemon_cpu_s") * GIB / scenario.bytes
        row["amplification"] = middle("get_bytes") / scenario.bytes
    else:
        row["files_per_s"] = middle("files_per_s")
    return row


def markdown(data):
    lines = ["# Scaling of ossfs2", ""]
    lines += ["- %s: %s" % pair for pair in data["machine"].items()]
    for name, curve in data["curves"].items():
        lines += ["", "## " + name, "", "| %s | s | rate | daemon CPU s/GiB | requests | bytes | peak RSS MiB |" % curve["unit"],
                  "|---|---|---|---|---|---|---|"]
        for x, row in curve["points"]:
            if "failed" in row:
                lines.append("| %s | failed: %s | | | | | |" % (x, row["failed"]))
                continue
            rate = "%.0f MiB/s" % row["MiB_per_s"] if "MiB_per_s" in row else "%.0f files/s" % row["files_per_s"]
            lines.append("| %s | %.2f | %s | %s | %d | %s | %.0f |" % (
                x, row["seconds"], rate, "%.2f" % row["daemon_cpu_s_per_gib"] if "MiB_per_s" in row else "",
                row["requests"], "%.2fx" % row["amplification"] if "MiB_per_s" in row else "", row["peak_rss_mib"]))
    return "\n".join(lines) + "\n"


def plot(data, path):
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7))
    for axis, (name, curve) in zip(axes.flat, data["curves"].items()):
        points = [(x, row.get("MiB_per_s") or row.get("files_per_s")) for x, row in curve["points"] if "failed" not in row]
        axis.plot([str(x) for x, _ in points], [y for _, y in points], marker="o")
        axis.set_title(name)
        axis.set_xlabel(curve["unit"], fontsize=8)
        axis.set_ylabel("files/s" if name == "objects" else "MiB/s")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.join(ROOT, "bench", "out", "scaling"))
    parser.add_argument("--quick", action="store_true", help="every second point, 512 MiB, one trial")
    parser.add_argument("--only", action="append", default=[], metavar="CURVE")
    parser.add_argument("--trials", type=int, help="of each point (1 or 3)")
    a = parser.parse_args()
    all_curves = curves(a.quick)
    unknown = set(a.only) - set(all_curves)
    if unknown:
        sys.exit("no such curve: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(all_curves)))
    os.makedirs(a.out, exist_ok=True)
    data = {"machine": machine.describe(ROOT, harness.OSSFS2), "curves": {}}
    repeats = a.trials or (1 if a.quick else 3)
    harness.clean_up_at_end()
    for name, (unit, points) in all_curves.items():
        if a.only and name not in a.only:
            continue
        curve = data["curves"][name] = {"unit": unit, "points": []}
        for x, scenario, options in points:
            row = measure(scenario, options, repeats)
            curve["points"].append((x, row))
            print("%-8s %8s  %s" % (name, x, "  ".join("%s %.2f" % (k, v) if isinstance(v, float) else "%s %s" % (k, v)
                                                   for k, v in row.items())), flush=True)
        with open(os.path.join(a.out, "scaling.json"), "w") as stream:
            json.dump(data, stream, indent=1)
        with open(os.path.join(a.out, "scaling.md"), "w") as stream:
            stream.write(markdown(data))
        plot(data, os.path.join(a.out, "scaling.png"))


if __name__ == "__main__":
    main()
