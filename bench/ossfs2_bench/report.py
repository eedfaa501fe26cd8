"""Writes the results: JSON, a Markdown table, and plots when matplotlib is there."""
import json
import os


def number(value, digits=2):
    return "" if value is None else "%.*f" % (digits, value)


def table(scenario):
    """Markdown rows of one scenario."""
    lines = ["### %s: %s" % (scenario["name"], scenario["title"]), "",
             "| target | %s (min–max) | daemon CPU s/GiB | server | reader | bytes moved / needed | "
             "requests | peak RSS MiB |" % scenario["unit"],
             "|---|---|---|---|---|---|---|---|"]
    for name, found in scenario["results"].items():
        s = found["summary"]
        if not s["trials"]:
            reason = s["failures"][0] if s["failures"] else "not run"
            lines.append("| %s | failed: %s | | | | | | |" % (name, reason.replace("|", "/")[:120]))
            continue
        rate = "%.0f (%.0f–%.0f)" % (s["rate"], s["rate_min"], s["rate_max"])
        local = name == "tmpfs"
        lines.append("| %s | %s | %s | %s | %s | %s | %s | %s |" % (
            name, rate,
            "" if local or name == "curl" else number(s.get("daemon_cpu_s_per_gib")),
            "" if local else number(s.get("server_cpu_s_per_gib")),
            number(s.get("reader_cpu_s_per_gib")),
            "" if local else number(s.get("amplification")),
            "" if local else "%d" % s.get("requests", 0),
            "" if local or name == "curl" else "%.0f" % s.get("peak_rss_mib", 0)))
    return lines + [""]


def write_markdown(path, data, plots):
    lines = ["# Benchmark", ""]
    lines += ["- %s: %s" % item for item in data["machine"].items()]
    lines += ["- mode: %s, %d cold trials each, targets in turn; the median is shown"
              % (data["mode"], data["repeats"]),
              "- server, daemon and reader share the machine; \"curl\" is raw HTTP, \"tmpfs\" the same "
              "workload on files in memory", ""]
    for name in plots:
        lines += ["![%s](%s)" % (name.rsplit(".", 1)[0], name), ""]
    for scenario in data["scenarios"]:
        lines += table(scenario)
    with open(path, "w") as stream:
        stream.write("\n".join(lines))


def bars(axis, data, key, title):
    """Grouped bars: one group for each scenario, one colour for each target."""
    names = []
    for scenario in data:
        for name in scenario["results"]:
            if name not in names:
                names.append(name)
    width = 0.8 / max(1, len(names))
    for place, name in enumerate(names):
        values = [s["results"].get(name, {}).get("summary", {}).get(key) or 0 for s in data]
        axis.bar([n + place * width for n in range(len(data))], values, width, label=name)
    axis.set_xticks([n + 0.4 for n in range(len(data))])
    axis.set_xticklabels([s["name"] for s in data], rotation=40, ha="right", fontsize=7)
    axis.set_title(title)
    axis.legend(fontsize=7)


def write_plots(folder, data):
    """Returns the names of the pictures; none without matplotlib."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return []
    made = []
    throughput = [s for s in data["scenarios"] if s["unit"] == "MiB/s"]
    moved = [s for s in data["scenarios"] if s["unit"] != "files/s"]
    plots = [("throughput.png", throughput, "rate", "throughput delivered, MiB/s"),
             ("cpu.png", moved, "daemon_cpu_s_per_gib", "CPU seconds of the daemon per GiB"),
             ("amplification.png", moved, "amplification", "bytes moved / bytes needed")]
    for name, scenarios, key, title in plots:
        if not scenarios:
            continue
        figure, axis = pyplot.subplots(figsize=(11, 5))
        bars(axis, scenarios, key, title)
        figure.tight_layout()
        figure.savefig(os.path.join(folder, name), dpi=110)
        pyplot.close(figure)
        made.append(name)
    timed = [s for s in data["scenarios"] if s["unit"] == "IOPS"]
    if timed:
        figure, axes = pyplot.subplots(1, len(timed), figsize=(4 * len(timed), 4), squeeze=False)
        for axis, scenario in zip(axes[0], timed):
            for name, found in scenario["results"].items():
                values = found["summary"].get("latencies_ms")
                if values and name != "tmpfs":
                    axis.plot(values, [(n + 1) / len(values) for n in range(len(values))],
                              label=name)
            axis.set_xscale("log")
            axis.set_xlabel("ms")
            axis.set_title(scenario["name"], fontsize=9)
            axis.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(os.path.join(folder, "latency.png"), dpi=110)
        pyplot.close(figure)
        made.append("latency.png")
    return made


def write(folder, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w") as stream:
        json.dump(data, stream, indent=1)
    write_markdown(os.path.join(folder, "report.md"), data, write_plots(folder, data))
