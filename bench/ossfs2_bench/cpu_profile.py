"""Where CPU time goes, without perf: the kernel's sampling clock, and what threads wait for.

  with CpuProfile({"daemon": [pid], "server": [pid]}) as profile: ...
  profile.summary()

Three views of the time inside the block, as a dictionary:
- threads: CPU seconds by thread name from /proc/PID/task (count, user, system, busiest);
- waits: what each thread was doing at 50 moments a second (running, or the system call it slept
  in; a futex is told apart as a lock that was taken, or as plain waiting);
- functions: functions and call chains that CPU samples hit (perf_event_open on the software
  clock, so no hardware counters are needed), for each group of processes.

As root, Linux x86-64 and aarch64. What the kernel does not allow is left out, with the reason in
"missing". Names of the kernel come from /proc/kallsyms, others from `nm` when there is one, or
from OSSFS2_SYMBOLS: FILE of `nm -C` lines for a stripped ossfs2 (else ossfs2+0xOFFSET is shown).
Not thread-safe; one profile at a time.
"""
import bisect
import collections
import ctypes
import mmap
import os
import platform
import struct
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
RATE_HZ = 397  # of samples on each processor; a prime, so that no timer runs in step
RING_PAGES = 1024  # of 4 KiB for each processor: about 50 s at full load
LOOKS_PER_SECOND = 50
CHAIN_MAX = 3  # functions of a chain that are shown
SHOWN_MAX = 24

_X86 = platform.machine() == "x86_64"
_PERF_EVENT_OPEN = 298 if _X86 else 241
_CALLS = {0: "read", 1: "write", 19: "readv", 20: "writev", 45: "recvfrom", 47: "recvmsg",
          44: "sendto", 40: "sendfile", 7: "poll", 271: "ppoll", 232: "epoll_wait",
          281: "epoll_pwait", 35: "nanosleep", 230: "nanosleep", 61: "wait4", 43: "accept",
          288: "accept4", 17: "pread", 18: "pwrite", 128: "sigtimedwait", 74: "fsync"}
_FUTEX = 202


def _read(path, mode="r"):
    try:
        with open(path, mode) as stream:
            return stream.read()
    except OSError:
        return None


def thread_times(pid):
    """Thread id -> (name, user seconds, system seconds)."""
    found = {}
    try:
        names = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for name in names:
        text = _read("/proc/%d/task/%s/stat" % (pid, name))
        if text:
            fields = text.rsplit(")", 1)[1].split()
            found[int(name)] = (text.split("(", 1)[1].rsplit(")", 1)[0],
                                int(fields[11]) / TICKS, int(fields[12]) / TICKS)
    return found


def waiting_for(pid, tid):
    """One word (or a few) for what a thread is doing right now."""
    text = _read("/proc/%d/task/%d/syscall" % (pid, tid))
    if text is None:
        return None
    if text.startswith("running"):
        return "running"
    fields = text.split()
    number = int(fields[0])
    if number == -1:
        return "page fault or stopped"
    if number == _FUTEX:
        operation, value = int(fields[2], 16) & 0x7F, int(fields[3], 16)
        if operation == 0 and value == 2:  # glibc: a mutex with waiters
            return "lock taken by another"
        return "idle (condition)"
    return _CALLS.get(number, "call %d" % number)


class _Ring:
    """The samples of one processor."""

    def __init__(self, libc, cpu):
        flags = 1 | 1 << 7 | 1 << 10 | 1 << 22  # disabled, no idle, freq, no user part of chains
        attributes = struct.pack("<IIQQQQQ", 1, 112, 0, RATE_HZ, 1 | 2 | 32, 0, flags)
        attributes += bytes(112 - len(attributes))
        self.handle = libc.syscall(_PERF_EVENT_OPEN, attributes, -1, cpu, -1, 8)
        if self.handle < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.size = RING_PAGES * 4096
        self.memory = mmap.mmap(self.handle, self.size + 4096, mmap.MAP_SHARED,
                                mmap.PROT_READ | mmap.PROT_WRITE)

    def control(self, libc, on):
        libc.ioctl(self.handle, 0x2400 if on else 0x2401, 0)

    def samples(self):
        """(in the kernel, address, pid, chain of kernel addresses)"""
        head = struct.unpack_from("<Q", self.memory, 1024)[0]
        data = self.memory[4096:4096 + min(head, self.size)]
        at = 0
        while at + 8 <= len(data):
            kind, misc, size = struct.unpack_from("<IHH", data, at)
            if size == 0:
                return
            if kind == 9 and at + size <= len(data):
                address, pid, _, count = struct.unpack_from("<QIIQ", data, at + 8)
                chain = struct.unpack_from("<%dQ" % count, data, at + 32)
                yield misc & 7 == 1, address, pid, [a for a in chain if a < 2 ** 64 - 4096]
            at += size

    def close(self):
        self.memory.close()
        os.close(self.handle)


class _Symbols:
    """Addresses of one file (or of the kernel) to names."""

    def __init__(self, lines, fallback):
        table = {}
        for line in lines:
            fields = line.rstrip("\n").split(None, 2)
            if len(fields) == 3 and fields[1] in "tTwWiV":
                table[int(fields[0], 16)] = fields[2].split("\t")[0]
        self.addresses, self.fallback = sorted(table), fallback
        self.names = [table[a] for a in self.addresses]
        self.known = {}

    def name(self, address):
        if address not in self.known:
            self.known[address] = self._find(address)
        return self.known[address]

    def _find(self, address):
        place = bisect.bisect_right(self.addresses, address) - 1
        if place < 0:
            return "%s+0x%x" % (self.fallback, address)
        return self.names[place]


_kernel = []
_files = {}


def _kernel_symbols():
    if not _kernel:
        _kernel.append(_Symbols((_read("/proc/kallsyms") or "").splitlines(), "kernel"))
    return _kernel[0]


def _file_symbols(path):
    if path not in _files:
        base, given = os.path.basename(path), os.environ.get("OSSFS2_SYMBOLS")
        lines = []
        if base == "ossfs2" and given:
            lines = (_read(given) or "").splitlines()
        for more in ([], ["-D"]):
            if lines or not os.path.exists(path):
                break
            try:
                done = subprocess.run(["nm", "-C"] + more + [path], capture_output=True,
                                      text=True, timeout=30)
                lines = done.stdout.splitlines()
            except (OSError, subprocess.TimeoutExpired):
                break
        _files[path] = _Symbols(lines, base)
    return _files[path]


class _Maps:
    """Which file an address of a process lies in; read while it is alive."""

    def __init__(self, pid):
        self.areas = []
        for line in (_read("/proc/%d/maps" % pid) or "").splitlines():
            fields = line.split(None, 5)
            if len(fields) == 6 and "x" in fields[1]:
                begin, end = (int(x, 16) for x in fields[0].split("-"))
                self.areas.append((begin, end, int(fields[2], 16), fields[5]))

    def name(self, address):
        for begin, end, offset, path in self.areas:
            if begin <= address < end:
                if not path.startswith("/"):
                    return path
                # Position-independent files: virtual address = offset + a small constant.
                return "%s: %s" % (os.path.basename(path),
                                   _file_symbols(path).name(address - begin + offset
                                                            + _segment_shift(path, offset)))
        return "?"


_shifts = {}


def _segment_shift(path, offset):
    """Virtual address less file offset of the segment that begins near this offset."""
    if (path, offset) not in _shifts:
        shift = 0
        head = _read(path, "rb") or b""
        if head[:5] == b"\x7fELF\x02":
            start, = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            for i in range(count):
                kind, flags, at, virtual = struct.unpack_from("<IIQQ", head, start + i * size)
                if kind == 1 and flags & 1 and at // 4096 == offset // 4096:
                    shift = virtual - at
        _shifts[path, offset] = shift
    return _shifts[path, offset]


class CpuProfile:
    def __init__(self, groups, functions=True):
        self.groups, self.functions = groups, functions
        self.missing = []
        self.rings = []

    def __enter__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        if self.functions:
            try:
                for cpu in sorted(os.sched_getaffinity(0)):
                    self.rings.append(_Ring(self.libc, cpu))
            except (OSError, ValueError) as error:
                self.missing.append("functions: %s" % error)
                self._close_rings()
        self.before = {pid: thread_times(pid) for pids in self.groups.values() for pid in pids}
        self.looks = {name: collections.defaultdict(collections.Counter) for name in self.groups}
        self.look_count = 0
        self.stop = threading.Event()
        self.looker = threading.Thread(target=self._look, daemon=True)
        self.begun = time.monotonic()
        self.looker.start()
        for ring in self.rings:
            ring.control(self.libc, True)
        return self

    def __exit__(self, *_):
        for ring in self.rings:
            ring.control(self.libc, False)
        self.seconds = time.monotonic() - self.begun
        self.stop.set()
        self.looker.join()
        self.after = {pid: thread_times(pid) for pids in self.groups.values() for pid in pids}
        self.maps = {pid: _Maps(pid) for pids in self.groups.values() for pid in pids}

    def _look(self):
        threads = {}
        while not self.stop.wait(1 / LOOKS_PER_SECOND):
            self.look_count += 1
            for group, pids in self.groups.items():
                if group == "server":
                    continue  # a thread for each connection: too many, and not ours to explain
                for pid in pids:
                    for tid, (name, _, _) in thread_times(pid).items():
                        threads[tid] = name
                        doing = waiting_for(pid, tid)
                        if doing:
                            self.looks[group][name][doing] += 1

    def _close_rings(self):
        for ring in self.rings:
            ring.close()
        self.rings = []

    def _threads(self, group):
        found = {}
        for pid in self.groups[group]:
            for tid, (name, user, system) in self.after[pid].items():
                _, user0, system0 = self.before[pid].get(tid, (name, 0.0, 0.0))
                entry = found.setdefault(name, {"threads": 0, "user_s": 0.0, "system_s": 0.0,
                                                "busiest_s": 0.0, "second_s": 0.0})
                used = user - user0 + system - system0
                entry["threads"] += 1
                entry["user_s"] += user - user0
                entry["system_s"] += system - system0
                if used > entry["busiest_s"]:
                    entry["second_s"], entry["busiest_s"] = entry["busiest_s"], used
                elif used > entry["second_s"]:
                    entry["second_s"] = used
        return {n: {k: round(v, 3) for k, v in e.items()} for n, e in found.items()
                if e["user_s"] + e["system_s"] >= 0.01}

    def _functions(self):
        owner = {pid: group for group, pids in self.groups.items() for pid in pids}
        leaves = collections.defaultdict(collections.Counter)
        chains = collections.defaultdict(collections.Counter)
        totals = collections.Counter()
        own = os.getpid()
        for ring in self.rings:
            for in_kernel, address, pid, chain in ring.samples():
                if pid in (0, own):
                    continue
                group = owner.get(pid, "others")
                totals[group] += 1
                if in_kernel:
                    leaf = _kernel_symbols().name(address)
                    names = [_kernel_symbols().name(a) for a in chain[1:CHAIN_MAX]]
                    top = _kernel_symbols().name(chain[-1]) if len(chain) > CHAIN_MAX else ""
                    calls = [_kernel_symbols().name(a) for a in chain
                             if a != address][-4:] if chain else []
                    call = next((c for c in calls if "_sys_" in c), top)
                    chains[group][" < ".join([leaf] + names + (["... " + call] if call else []))] += 1
                    leaves[group][leaf] += 1
                else:
                    maps = self.maps.get(pid)
                    leaves[group][maps.name(address) if maps else "(user)"] += 1
        scale = 1.0 / RATE_HZ
        return {group: {"cpu_s": round(count * scale, 2),
                        "functions": [[n, round(c * scale, 3)]
                                      for n, c in leaves[group].most_common(SHOWN_MAX)],
                        "chains": [[n, round(c * scale, 3)]
                                   for n, c in chains[group].most_common(SHOWN_MAX)]}
                for group, count in totals.items()}

    def summary(self):
        result = {"seconds": round(self.seconds, 3), "looks": self.look_count,
                  "threads": {g: self._threads(g) for g in self.groups},
                  "waits": {g: {n: dict(c.most_common(6)) for n, c in names.items()}
                            for g, names in self.looks.items() if names}}
        if self.rings:
            result["functions"] = self._functions()
            self._close_rings()
        if self.missing:
            result["missing"] = self.missing
        return result
