"""The machine: what was measured on (the header of a report), and its memory made ready."""
import os
import platform
import subprocess
import sys
import time

TOUCH_S = 180  # at most

# Run as `python3 -c TOUCH MIB`; processes of their own, which the kernel picks first when memory is short.
TOUCH = """
import mmap, sys
open("/proc/self/oom_score_adj", "w").write("1000")
area = mmap.mmap(-1, int(sys.argv[1]) << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for offset in range(0, len(area), mmap.PAGESIZE):
    area[offset] = 1
"""


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20,
                              stdin=subprocess.DEVNULL)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0] if lines else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def processor():
    with open("/proc/cpuinfo") as stream:
        for line in stream:
            if line.startswith(("model name", "CPU part")):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def memory_gib():
    with open("/proc/meminfo") as stream:
        return int(stream.readline().split()[1]) / (1 << 20)


def free_gib():
    with open("/proc/meminfo") as stream:
        for line in stream:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / (1 << 20)
    return 0.0


def touch_memory(gib):
    """Uses `gib` of memory once, and tells how long that took, as text.

    The host of a virtual machine gives memory at the first touch (and again after the machine was stopped and
    resumed), which costs several times what a copy does: whatever is measured first would pay for it. The kernel
    hands out first what was freed last, so as much as the run uses is enough.
    """
    if gib <= 0:
        return "not done"
    begun, count, failed = time.monotonic(), os.cpu_count(), 0
    shares = [subprocess.Popen([sys.executable, "-c", TOUCH, str(gib * 1024 // count)], stdin=subprocess.DEVNULL)
              for _ in range(count)]
    for share in shares:
        try:
            failed += share.wait(max(0, begun + TOUCH_S - time.monotonic())) != 0
        except subprocess.TimeoutExpired:
            share.kill()
            share.wait()
            failed += 1
    return "%d GiB in %.1f s%s" % (gib, time.monotonic() - begun, ", not all" if failed else "")


def commit(root):
    return first_line(["git", "-C", root, "log", "-1", "--format=%h %cd", "--date=short"])


def describe(root, binary):
    try:
        with open("/proc/sys/net/ipv4/tcp_congestion_control") as stream:
            congestion = stream.read().strip()
    except OSError:
        congestion = "?"
    facts = {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "processor": "%s, %d cores" % (processor(), os.cpu_count()),
        "memory": "%.0f GiB" % memory_gib(),
        "kernel": platform.release(),
        "tcp": congestion,
        "ossfs2": first_line([binary, "--version"]),
        "commit": commit(root),
        "s3fs": first_line(["s3fs", "--version"]),
        "rclone": first_line(["rclone", "--version"]),
        "fio": first_line(["fio", "--version"]),
        "curl": first_line(["curl", "--version"]).split(" (")[0],
        "python": platform.python_version(),
    }
    gpus = first_line(["nvidia-smi", "--query-gpu=name,count", "--format=csv,noheader"])
    if gpus and "not found" not in gpus:
        facts["gpu"] = gpus
    return {name: value for name, value in facts.items() if value}
