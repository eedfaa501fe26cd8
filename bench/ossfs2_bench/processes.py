"""What processes cost: CPU seconds and peak memory from /proc."""
import os

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of all threads of a process; 0 when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as stream:
            fields = stream.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    except (OSError, IndexError):
        return 0.0


def machine_seconds():
    """CPU seconds that all processors together have been busy since the start."""
    with open("/proc/stat") as stream:
        fields = [int(x) for x in stream.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # without idle and waiting for a disk


def stalled_seconds():
    """How long some process has waited for a disk; 0 where the kernel does not say."""
    try:
        with open("/proc/pressure/io") as stream:
            return int(stream.readline().rsplit("=", 1)[1]) / 1e6
    except (OSError, ValueError):
        return 0.0


def peak_bytes(pid):
    try:
        with open("/proc/%d/status" % pid) as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak(pid):
    """Lets the highest memory begin anew (needs Linux 4.0 and permission)."""
    try:
        with open("/proc/%d/clear_refs" % pid, "w") as stream:
            stream.write("5")
    except OSError:
        pass


def using(text, but_not=()):
    """Processes whose command line names `text` (a mount point): the daemons of a mount."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and int(name) not in but_not:
            try:
                with open("/proc/%s/cmdline" % name, "rb") as stream:
                    if text.encode() in stream.read():
                        found.append(int(name))
            except OSError:
                continue
    return found


def drop_caches():
    """Empties page, name and inode caches of the kernel. False where that is not allowed."""
    try:
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w") as stream:
            stream.write("3")
        return True
    except OSError:
        return False
