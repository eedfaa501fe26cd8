"""The header of a report: what was measured, on what."""
import os
import platform
import subprocess
import time


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
