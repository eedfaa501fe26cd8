#!/usr/bin/env python3
"""Checks what README.md and docs/ say against the tree.

Links and their anchors lead somewhere, files that are named exist, so do the tests that
docs/compatibility.md names, and docs/metrics.md has every metric of the code and no other.
The option reference is checked by cli_tests (Docs).
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["bench", "cmake", "conf", "docs", "include", "scripts", "src", "tests"]
# They name files that are no longer in the tree, or that a command makes.
NAME_OTHER_FILES = {"docs/performance.md", "docs/performance-history.md", "CHANGELOG.md"}

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`([\w@./-]+\.(?:cc|h|py|sh|md|yaml|conf|service|json|txt))`")
NAMED_TEST = re.compile(r"\b([A-Z][A-Za-z0-9]{8,}|test_[a-z0-9_]+)\b(?!\.(?:cc|py))")
METRIC_IN_CODE = re.compile(r"\.(?:counter|gauge|histogram)\(\s*\"([a-z][a-z0-9_]+)\",")
METRIC_ROW = re.compile(r"^\| (`.+?`) \| [cgh] \|", re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def tree():
    paths = [name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name))]
    for folder in FOLDERS:
        for place, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules", "out")]
            paths += [os.path.relpath(os.path.join(place, name), ROOT) for name in names]
    return set(paths)


def anchors(text):
    found = set()
    for line in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        plain = re.sub(r"[^\w\- ]", "", line.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def check_links(path, paths):
    for target in LINK.findall(read(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if file not in paths and not os.path.isdir(os.path.join(ROOT, file)):
            yield "%s: there is no %s" % (path, target)
        elif anchor and anchor not in anchors(read(file)):
            yield "%s: %s has no heading #%s" % (path, file, anchor)


def check_names(path, paths):
    for name in NAMED_FILE.findall(read(path)):
        if name.startswith(("/", "~", "-", ".")):
            continue
        if name not in paths and not any(other.endswith("/" + name) for other in paths):
            yield "%s: there is no file %s" % (path, name)


def check_tests(paths):
    known = set()
    for path in paths:
        if path.startswith("tests/") and path.endswith((".cc", ".py")):
            known |= set(re.findall(r"\w+", read(path)))
    for line in read("docs/compatibility.md").splitlines():
        cells = line.split(" | ")
        if line.startswith("|") and len(cells) == 3:
            for name in NAMED_TEST.findall(cells[2]):
                if name not in known:
                    yield "docs/compatibility.md: there is no test %s" % name


def check_metrics(paths):
    code = set()
    for path in sorted(paths):
        if path.startswith("src/") and path.endswith((".cc", ".h")):
            code |= set(METRIC_IN_CODE.findall(re.sub(r"//.*", "", read(path))))
    page = set()
    for cell in METRIC_ROW.findall(read("docs/metrics.md")):
        page |= set(re.findall(r"`([a-z0-9_]+)(?:\{[a-z]+\})?`", cell))
    for name in sorted(code - page):
        yield "docs/metrics.md: %s is missing" % name
    for name in sorted(page - code):
        yield "docs/metrics.md: there is no metric %s" % name


def main():
    paths = tree()
    pages = sorted(path for path in paths if path.endswith(".md") and path.split("/")[0] in ("docs", path))
    problems = []
    for page in pages:
        problems += check_links(page, paths)
        if page not in NAME_OTHER_FILES and not page.startswith("docs/results/"):
            problems += check_names(page, paths)
    problems += check_tests(paths)
    problems += check_metrics(paths)
    for line in problems:
        print(line)
    print("%d pages checked, %d problems" % (len(pages), len(problems)))
    return 1 if problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
