#!/usr/bin/env python3
"""Names, attributes and listings at a million entries: requests, time, memory and CPU.

  bench/metadata_cases.py --out bench/out/metadata.md   the full run, some minutes
  bench/metadata_cases.py --small                           2,000 entries, counts only

Starts ossfs2-server with synthetic keys and 10 ms before each answer, and mounts it anew
for every case, so all are cold. Each case says what it must show; a miss is an exit code
of 1. Writes a Markdown table (--out) and the figures beside it as JSON. Time is judged only in
the full run; requests are judged always.
"""
import argparse
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests", "e2e"),
                os.path.join(ROOT, "tests")]

import harness  # noqa: E402
from ossfs2_bench import machine, processes  # noqa: E402

LATENCY = "10ms"
METADATA_BYTES_MAX = 256 * harness.MIB  # the default of a machine with 8 GiB or more
PAGE = 1000  # entries of one list answer
LISTING_TIMES_BARE = 1.5  # `ls -f` against the same list requests one after the other
# Beyond its pages, what a listing may cost: look-ups of the folder itself, its marker, the
# question whether a last full page has a successor.
EXTRA_REQUESTS = 6


class Sizes:
    def __init__(self, small):
        self.small = small
        self.folder = 2_000 if small else 100_000
        self.find = 2_000 if small else 1_000_000
        self.storm = 2_000 if small else 10_000
        self.resolve_folders = 4
        self.resolve = 2_000 if small else 24_000


def pages(entries):
    return -(-entries // PAGE)


def synthetic(key, count, size=100):
    return ["--synthetic", "%s=%dx%d" % (key, size, count)]


class Case:
    """A fresh mount; `took` and `requests` between begin() and end()."""

    def __init__(self, server, *options):
        self.server = server
        self.mount = harness.Mount(server, *options)
        self.path = self.mount.path

    def begin(self):
        self.server.reset()
        self.cpu = processes.cpu_seconds(self.mount.pid)
        self.start = time.monotonic()

    def end(self):
        self.seconds = time.monotonic() - self.start
        self.cpu = processes.cpu_seconds(self.mount.pid) - self.cpu
        self.requests = dict(self.server.stats().data["requests"])
        self.total = sum(self.requests.values())

    def gauge(self, name):
        done = harness.run([harness.OSSFS2, "stats", self.path, "--json"])
        return json.loads(done.stdout)["metrics"][name]

    def figures(self, name, entries, **more):
        return dict({"case": name, "entries": entries, "seconds": round(self.seconds, 3),
                     "requests": self.total, "by_kind": {kind: n for kind, n in self.requests.items() if n},
                     "cpu_us_per_entry": round(self.cpu / entries * 1e6, 1),
                     "peak_bytes": self.mount.resident_bytes(peak=True)}, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mount.destroy()


def shell(command):
    """Runs a command whose output is counted, not kept; the number of lines."""
    done = harness.run(["sh", "-c", command + " | wc -l"], timeout=1200)
    return int(done.stdout.split()[-1])


def bare_listing(server, prefix):
    """The list requests of a folder one after the other by one connection: (seconds, pages)."""
    start = time.monotonic()
    count = sum(1 for _ in server.client.pages(prefix))
    return time.monotonic() - start, count


def judge(figures, *checks):
    """Each check is (holds, text)."""
    figures["must"] = "; ".join(text for _, text in checks)
    figures["missed"] = [text for holds, text in checks if not holds]
    return figures


def names_only(server, sizes):
    """`ls -f`: names as fast as the bare list requests in sequence."""
    bare_s, bare_pages = bare_listing(server, "many/")
    with Case(server) as case:
        case.begin()
        lines = shell("ls -f '%s/many'" % case.path)
        case.end()
        bare_again_s, _ = bare_listing(server, "many/")
        bare_s = min(bare_s, bare_again_s)
        figures = case.figures("ls -f", sizes.folder, bare_seconds=round(bare_s, 3))
    return judge(
        figures, (lines == sizes.folder + 2, "every name once"),
        (case.total <= bare_pages + EXTRA_REQUESTS, "no request beyond the pages"),
        (sizes.small or case.seconds <= LISTING_TIMES_BARE * bare_s,
         "at most %.1f times the bare list requests" % LISTING_TIMES_BARE))


def names_with_attributes(server, sizes):
    """`ls -l`: attributes come with the listing."""
    with Case(server) as case:
        case.begin()
        lines = shell("ls -l '%s/many'" % case.path)
        case.end()
        figures = case.figures("ls -l", sizes.folder)
    return judge(figures, (lines == sizes.folder + 1, "every name once"),
                 (case.total <= pages(sizes.folder) + EXTRA_REQUESTS, "no request per entry"))


def find_all(server, sizes):
    """`find` over a prefix with more files than the metadata budget holds."""
    budget = METADATA_BYTES_MAX
    with Case(server, "--metadata_mem_limit=%d" % budget) as case:
        before = case.mount.resident_bytes()
        most = 0
        case.begin()
        with subprocess.Popen(["sh", "-c", "find '%s/million' -type f | wc -l" % case.path],
                              stdout=subprocess.PIPE, env=harness.clean_environment()) as child:
            while child.poll() is None:
                time.sleep(0.2)
                most = max(most, case.gauge("metadata_bytes"))
            lines = int(child.stdout.read())
        case.end()
        most = max(most, case.gauge("metadata_bytes"))
        figures = case.figures("find", sizes.find, metadata_bytes=most, metadata_bytes_max=budget)
        grown = figures["peak_bytes"] - before
        figures["grown_bytes"] = grown
    # What the kernel holds cannot be dropped at once: it is asked to forget, and the
    # allocator's share is an estimate.
    return judge(figures, (lines == sizes.find, "every file once"),
                 (case.total <= pages(sizes.find) + EXTRA_REQUESTS, "no request per entry"),
                 (most <= budget, "metadata within its budget"),
                 (grown <= budget * 1.25 + 64 * harness.MIB, "so is the daemon"))


def stat_storm(server, sizes):
    """lstat of listed files, in an order that no read-ahead of names can guess."""
    with Case(server) as case:
        names = os.listdir(case.path + "/storm")
        assert len(names) == sizes.storm
        names.sort(key=lambda name: name[::-1])
        case.begin()
        for name in names:
            os.lstat("%s/storm/%s" % (case.path, name))
        case.end()
        figures = case.figures("lstat of listed files", sizes.storm)
    return judge(figures, (case.total == 0, "no request"))


RESOLVE = """
import pathlib, sys
for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    for path in sorted(folder.iterdir()):
        assert path.resolve(strict=True) == path, path
"""


def resolve_paths(server, sizes):
    """Path.resolve of every file: one lstat for each part of each path."""
    with Case(server) as case:
        real = os.path.realpath(case.path)
        case.begin()
        harness.run([sys.executable, "-c", RESOLVE, real + "/resolve"], timeout=600)
        case.end()
        figures = case.figures("Path.resolve", sizes.resolve)
    each = sizes.resolve // sizes.resolve_folders
    allowed = sizes.resolve_folders * (pages(each) + 1) + EXTRA_REQUESTS
    return judge(figures, (case.total <= allowed, "at most one list request per page"))


CASES = [names_only, names_with_attributes, find_all, stat_storm, resolve_paths]


def run(sizes, say=lambda _: None, only=()):
    options = ["--latency", LATENCY]
    options += synthetic("many/f", sizes.folder) + synthetic("storm/f", sizes.storm)
    options += synthetic("million/f", sizes.find)
    for folder in range(sizes.resolve_folders):
        options += synthetic("resolve/d%d/f" % folder, sizes.resolve // sizes.resolve_folders)
    results = []
    with harness.Server(*options) as server:
        for case in CASES:
            if only and case.__name__ not in only:
                continue
            results.append(case(server, sizes))
            say(json.dumps(results[-1]))
    return results


def table(results, facts):
    lines = ["# Names and attributes at a million entries", "",
             "`bench/metadata_cases.py --out ...`, server with %s before each answer, a new mount for "
             "each case." % LATENCY, ""]
    lines += ["- %s: %s" % item for item in facts.items()]
    lines += ["", "| case | entries | seconds | requests | daemon CPU, us per entry | peak memory, MiB "
              "| must show | shown |", "|---|---|---|---|---|---|---|---|"]
    for r in results:
        more = ""
        if "bare_seconds" in r:
            more = " (bare requests: %.2f)" % r["bare_seconds"]
        peak = "%.0f" % (r["peak_bytes"] / harness.MIB)
        if "metadata_bytes" in r:
            peak += " (metadata %.0f of %.0f)" % (r["metadata_bytes"] / harness.MIB,
                                                  r["metadata_bytes_max"] / harness.MIB)
        lines.append("| %s | %s | %.2f%s | %d | %.1f | %s | %s | %s |" % (
            r["case"], format(r["entries"], ","), r["seconds"], more, r["requests"],
            r["cpu_us_per_entry"], peak, r["must"],
            "missed: " + ", ".join(r["missed"]) if r["missed"] else "yes"))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="2,000 entries, counts only")
    parser.add_argument("--only", action="append", default=[], metavar="CASE",
                        choices=[case.__name__ for case in CASES])
    parser.add_argument("--out", metavar="FILE.md", help="the report; the figures go beside it as .json")
    a = parser.parse_args()
    harness.clean_up_at_end()
    results = run(Sizes(a.small), lambda text: print(text, flush=True), a.only)
    if a.out:
        facts = machine.describe(ROOT, harness.OSSFS2)
        facts = {name: facts[name] for name in ("date", "processor", "memory", "kernel", "commit") if name in facts}
        with open(a.out, "w") as stream:
            stream.write(table(results, facts))
        with open(os.path.splitext(a.out)[0] + ".json", "w") as stream:
            json.dump({"machine": facts, "cases": results}, stream, indent=1)
            stream.write("\n")
    sys.exit(1 if any(r["missed"] for r in results) else 0)


if __name__ == "__main__":
    main()
