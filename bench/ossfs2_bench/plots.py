"""The pictures of a report: rates, CPU, amplification, latency. Needs matplotlib."""
import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402 (after the choice of a backend without a screen)

COLOURS = {"ossfs2": "#1f77b4", "ossfs2-direct": "#17becf", "s3fs": "#ff7f0e", "rclone": "#d62728",
           "curl": "#7f7f7f", "tmpfs": "#c7c7c7"}
MORE_COLOURS = ["#2ca02c", "#9467bd", "#8c564b", "#e377c2"]
LIMITS = ("curl", "tmpfs")


def colour(name, names):
    others = [n for n in names if n not in COLOURS]
    return COLOURS.get(name) or MORE_COLOURS[others.index(name) % len(MORE_COLOURS)]


def bars(axis, scenarios, names, key, title, logarithmic):
    """One group for each scenario, one colour for each target; an x stands where a target failed."""
    width = 0.84 / max(1, len(names))
    lowest = min([found["summary"][key] for s in scenarios for found in s["results"].values()
                  if found["summary"].get(key)] or [1])
    for place, name in enumerate(names):
        at, heights, failed = [], [], []
        for n, scenario in enumerate(scenarios):
            found = scenario["results"].get(name)
            x = n + (place + 0.5) * width
            if found and found["summary"]["trials"]:
                at.append(x)
                heights.append(found["summary"].get(key) or 0)
            elif found:
                failed.append(x)
        axis.bar(at, heights, width, label=name, color=colour(name, names))
        axis.plot(failed, [lowest if logarithmic else 0] * len(failed), "x", color=colour(name, names), markersize=4)
    if logarithmic:
        axis.set_yscale("log")
        for each in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
            each("{x:g}")
        axis.tick_params(axis="y", which="minor", labelsize=6)
        axis.yaxis.get_minor_locator().set_params(subs=(2, 5))
    axis.set_xticks([n + 0.42 for n in range(len(scenarios))])
    axis.set_xticklabels([s["name"] for s in scenarios], rotation=35, ha="right", fontsize=7)
    axis.set_title(title, fontsize=10)
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)


def save(figure, folder, name):
    figure.tight_layout()
    figure.savefig(os.path.join(folder, name), dpi=90)
    pyplot.close(figure)
    return name


def rows_of_bars(folder, name, rows, names, key):
    """One picture; each row is (title, scenarios, logarithmic)."""
    rows = [row for row in rows if row[1]]
    if not rows:
        return []
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(13, 3.9 * len(rows)), squeeze=False)
    for axis, (title, scenarios, logarithmic) in zip(axes[:, 0], rows):
        bars(axis, scenarios, names, key, title, logarithmic)
    axes[0, 0].legend(fontsize=7, ncol=len(names))
    return [save(figure, folder, name)]


def halves(scenarios, title, logarithmic):
    """Two rows when there are too many groups for one."""
    if len(scenarios) <= 14:
        return [(title, scenarios, logarithmic)]
    middle = (len(scenarios) + 1) // 2
    return [(title, scenarios[:middle], logarithmic), (title + " (2)", scenarios[middle:], logarithmic)]


def latency(folder, scenarios):
    """Distribution of the latency of random reads."""
    timed = [s for s in scenarios if any(f["summary"].get("latencies_ms") for f in s["results"].values())]
    if not timed:
        return []
    figure, axes = pyplot.subplots(1, len(timed), figsize=(4.4 * len(timed), 4), squeeze=False)
    for axis, scenario in zip(axes[0], timed):
        for name, found in scenario["results"].items():
            values = found["summary"].get("latencies_ms")
            if values and name != "tmpfs":
                axis.plot(values, [(n + 1) / len(values) for n in range(len(values))], label=name,
                          color=colour(name, list(scenario["results"])))
        axis.set_xscale("log")
        axis.set_xlabel("ms a read of 128 KiB")
        axis.set_ylabel("share of reads")
        axis.set_title(scenario["name"], fontsize=9)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    return [save(figure, folder, "latency.png")]


def write(folder, data):
    """Returns the names of the pictures."""
    scenarios, names = data["scenarios"], data["targets"]
    by_unit = {unit: [s for s in scenarios if s["unit"] == unit and s["results"]]
               for unit in ("MiB/s", "IOPS", "files/s")}
    mounts = [n for n in names if n not in LIMITS]
    moved = by_unit["MiB/s"] + by_unit["IOPS"]
    return (rows_of_bars(folder, "throughput.png",
                         halves(by_unit["MiB/s"], "throughput delivered, MiB/s", False)
                         + [("reads a second (128 KiB), logarithmic", by_unit["IOPS"], True),
                            ("files a second, logarithmic", by_unit["files/s"], True)], names, "rate")
            + rows_of_bars(folder, "cpu.png", halves(moved, "daemon: CPU s for each GiB needed, logarithmic", True),
                           mounts, "daemon_cpu_s_per_gib")
            + rows_of_bars(folder, "amplification.png", halves(moved, "bytes moved / bytes needed, logarithmic", True),
                           [n for n in names if n != "tmpfs"], "amplification")
            + latency(folder, scenarios))
