"""Writes the results: JSON, a Markdown report, and plots (plots.py) when matplotlib is there."""
import importlib.util
import json
import os


def can_plot():
    return importlib.util.find_spec("matplotlib") is not None


def number(value, digits=2):
    return "" if value is None else "%.*f" % (digits, value)


def rate(value):
    """Three digits at least, so that a slow peer is not 0."""
    return "%.0f" % value if value >= 100 else "%.3g" % value


def reason(summary):
    text = summary["failures"][0] if summary["failures"] else "not run"
    return text.replace("|", "/")


def table(scenario):
    """Markdown rows of one scenario."""
    lines = ["### %s: %s" % (scenario["name"], scenario["title"]), ""]
    if scenario.get("absent"):
        return lines + ["Not run: %s." % scenario["absent"], ""]
    lines += ["| target | %s (min–max) | trials | daemon CPU s/GiB | server | reader | bytes moved / needed | "
              "requests | peak RSS MiB |" % scenario["unit"],
              "|---|---|---|---|---|---|---|---|---|"]
    for name, found in scenario["results"].items():
        s = found["summary"]
        if not s["trials"]:
            lines.append("| %s | failed: %s | 0 | | | | | | |" % (name, reason(s)[:200]))
            continue
        shown = "%s (%s–%s)" % (rate(s["rate"]), rate(s["rate_min"]), rate(s["rate_max"]))
        local, raw = name == "tmpfs", name == "curl"
        lines.append("| %s | %s | %d | %s | %s | %s | %s | %s | %s |" % (
            name, shown, s["trials"],
            "" if local or raw else number(s.get("daemon_cpu_s_per_gib")),
            "" if local else number(s.get("server_cpu_s_per_gib")),
            number(s.get("reader_cpu_s_per_gib")),
            "" if local else number(s.get("amplification")),
            "" if local else "%d" % s.get("requests", 0),
            "" if local or raw else "%.0f" % s.get("peak_rss_mib", 0)))
    return lines + [""]


def overview(data):
    """One line for each scenario: the rates side by side."""
    names = data["targets"]
    lines = ["## All at a glance", "", "Rate of each target; ✗: failed, the reason is below.", "",
             "| scenario | unit | %s |" % " | ".join(names), "|---|---|%s" % ("---|" * len(names))]
    for scenario in data["scenarios"]:
        cells = []
        for name in names:
            found = scenario["results"].get(name)
            if found is None:
                cells.append("–")
            else:
                cells.append(rate(found["summary"]["rate"]) if found["summary"]["trials"] else "✗")
        lines.append("| %s | %s | %s |" % (scenario["name"], scenario["unit"], " | ".join(cells)))
    return lines + [""]


def failures(data):
    """What did not work, and why."""
    lines = []
    for scenario in data["scenarios"]:
        if scenario.get("absent"):
            lines.append("- %s: not run, %s" % (scenario["name"], scenario["absent"]))
        for name, found in scenario["results"].items():
            if found["summary"]["failures"]:
                lines.append("- %s, %s: %s" % (scenario["name"], name, reason(found["summary"])[:300]))
    return ["## What failed", ""] + lines + [""] if lines else []


def disturbance(data):
    """Says so when other programs were at work."""
    summaries = [f["summary"] for s in data["scenarios"] for f in s["results"].values()]
    total, bad = sum(s["trials"] for s in summaries), sum(s.get("disturbed", 0) for s in summaries)
    return "- %d of %d trials were disturbed: other programs used more than 0.3 of a core, or a disk was waited for" % (
        bad, total) + ("; **the machine was not quiet, trust counts and not times**" if bad > total / 10 else "")


def write_markdown(path, data, pictures):
    lines = ["# Benchmark", ""]
    lines += ["- %s: %s" % item for item in data["machine"].items()]
    lines += ["- mode: %s, up to %d cold trials each (a new mount for each), targets in turn; the median is shown. "
              "%.1f minutes; a peer's trial may take %d s" % (
                  data["mode"], data["repeats"], data["minutes"], data["limit_s"]),
              "- server, daemon and reader share the machine; \"curl\" is raw HTTP, \"tmpfs\" the same workload on "
              "files in memory; temporary files of all mounts lie in memory too",
              "- a write counts until its bytes are in the bucket; CPU is user + system seconds for each GiB needed "
              "(\"reader\": the programs that read or write); runs with the same \"configuration\" may be compared",
              disturbance(data), ""]
    for name in pictures:
        lines += ["![%s](%s)" % (name.rsplit(".", 1)[0], name), ""]
    lines += overview(data) + failures(data) + ["## Each scenario", ""]
    for scenario in data["scenarios"]:
        lines += table(scenario)
    with open(path, "w") as stream:
        stream.write("\n".join(lines))


def write_results(folder, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w") as stream:
        json.dump(data, stream, indent=1)


def write_report(folder, data):
    pictures = []
    if can_plot():
        from . import plots
        pictures = plots.write(folder, data)
    write_markdown(os.path.join(folder, "report.md"), data, pictures)
