"""The results of bench/many_cores.py: every trial, the medians, the CPU profiles."""
import json
import os
import statistics

from .many_runs import FixedMount


def rounded(value):
    return str(value)


def save(runs):
    runs.facts["mounts whose read_ahead_kb was not as asked for (repaired here)"] = FixedMount.lost
    os.makedirs(runs.options.out, exist_ok=True)
    with open(os.path.join(runs.options.out, "many_cores.json"), "w") as stream:
        json.dump({"machine": runs.facts, "rows": runs.rows}, stream, indent=0, default=rounded)
    with open(os.path.join(runs.options.out, "many_cores_profile.json"), "w") as stream:
        json.dump(runs.profiles, stream, indent=0)
    with open(os.path.join(runs.options.out, "many_cores.md"), "w") as stream:
        stream.write(report(runs.facts, runs.rows))


def report(facts, rows):
    lines = ["# Many cores", ""] + ["- %s: %s" % item for item in facts.items()]
    lines += ["", "Medians; CPU in seconds per GiB that the programs handled.", "",
              "| section | case | trials | s | GB/s | min–max GB/s | daemon | server | programs | "
              "bytes over network | peak RSS MiB |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for section, case in dict.fromkeys((r["section"], r["case"]) for r in rows):
        found = [r for r in rows if (r["section"], r["case"]) == (section, case)]
        good = [r for r in found if "failed" not in r]
        if not good:
            lines.append("| %s | %s | failed: %s |" % (section, case, found[0]["failed"][:120]))
            continue

        def middle(key):
            return statistics.median(r.get(key, 0) for r in good)
        speeds = [r["GB_per_s"] for r in good]
        lines.append("| %s | %s | %d | %.2f | %.2f | %.2f–%.2f | %.2f | %.2f | %.2f | %.2fx | %.0f |" % (
            section, case, len(good), middle("seconds"), middle("GB_per_s"), min(speeds),
            max(speeds), middle("daemon"), middle("server"), middle("reader"), middle("sent"),
            middle("rss_mib")))
        if good[0].get("warm_up_seconds"):
            lines[-1] += " (warm-up %.2f s before it) |" % middle("warm_up_seconds")
    return "\n".join(lines) + "\n"
