#!/usr/bin/env python3
"""Reads the output of ctest and says what happened.

  test_summary.py LOG CTEST_STATUS

Prints the slowest tests, the tests that passed only when repeated, and the
tests that failed. Writes "N passed, N failed" to LOG.summary and exits with 0
only if ctest did, at least one test ran, and none failed.
"""
import re
import sys

# A parameterised test has more than a word as its name: x/lean  # GetParam() = "lean" ....   Passed
RESULT = re.compile(
    r"^\s*(?:\d+/\d+ )?\s*Test\s+#\d+: (.+?) \.{2,}\s*(\**)\s*"
    r"(Passed|Failed|Timeout|Not Run|Skipped|Exception|Subprocess aborted|\S.*?)\s+([\d.]+) sec")


def read_results(lines):
    """Name -> list of (outcome, seconds), one for each try."""
    tries = {}
    for line in lines:
        match = RESULT.match(line)
        if match:
            tries.setdefault(match[1], []).append((match[3], float(match[4])))
    return tries


def main():
    log, status = sys.argv[1], int(sys.argv[2])
    with open(log, errors="replace") as stream:
        lines = stream.readlines()
    tries = read_results(lines)
    repeated = sorted(n for n, t in tries.items() if len(t) > 1 and t[-1][0] == "Passed")
    skipped = sorted(n for n, t in tries.items() if t[-1][0] in ("Skipped", "Not Run"))
    failed = sorted(n for n, t in tries.items()
                    if t[-1][0] not in ("Passed", "Skipped") )
    passed = len(tries) - len(set(failed) | set(skipped))

    print("== slowest tests")
    totals = {n: sum(s for _, s in t) for n, t in tries.items()}
    for name in sorted(totals, key=totals.get, reverse=True)[:12]:
        print("   %7.1f s  %s" % (totals[name], name))
    if repeated:
        print("== passed only when repeated (to be repaired)")
        for name in repeated:
            print("   %s: %s" % (name, ", ".join(outcome for outcome, _ in tries[name])))
    else:
        print("== no test needed a repeat")
    for name in failed:
        print("== FAILED: %s (%d tries)" % (name, len(tries[name])))

    if status != 0 and not failed:
        print("== ctest ended with status %d although no test is marked as failed" % status)
        failed.append("ctest")
    if passed == 0:
        failed.append("no test ran")
        print("== no test ran")
    line = "%d passed, %d failed" % (passed, len(failed))
    with open(log + ".summary", "w") as stream:
        stream.write(line + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
