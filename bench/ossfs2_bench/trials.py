"""Runs scenarios: cold trials, the targets in turn, so that drift hits all alike.

Time is bounded three ways. A trial ends after the limit; a program that hangs in a mount is freed by ending the
mount's daemon. The first round measures every target once in every scenario; in more rounds a scenario has a share of
what is left of the run's budget, and what fits is measured again, ours and the limits first. When the budget is gone,
peers are left out, with the reason.
"""
import json
import os
import resource
import select
import signal
import statistics
import subprocess
import tempfile
import time

from . import processes
from .scenario import MEMORY, MIB

import harness

OURS_LIMIT_TIMES = 3  # our own mounts may take longer before they are given up: a row of ours is worth more
STORED_POLL_S = 0.01
QUIET_CORES = 0.3  # that other programs may use before a trial counts as disturbed; interrupts are in it too
PEER_LIMIT_LEAST_S = 10  # a peer gets so much time in any scenario, also when the budget is short


class TooLong(RuntimeError):
    """The limit of a trial is over."""


def wait_for(process, limit_s):
    """Like process.wait, which polls and may notice the end 50 ms late."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        process.wait(limit_s)
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(limit_s * 1000)
    finally:
        os.close(handle)
    process.wait(0.05)


def end_all(running, unblock):
    """Kills what still runs. A process inside a request to a mount dies only when `unblock` ends the daemon."""
    left = [process for process in running if process.poll() is None]
    for process in left:
        os.killpg(process.pid, signal.SIGKILL)
    for process in left:
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            if unblock:
                unblock()
            process.wait(20)


def run_commands(commands, limit_s, unblock=None):
    """Starts all, each after its delay; returns (seconds, outputs). Raises on a failure."""
    started = time.monotonic()
    running, waiting = [], []
    for command in commands:
        delay, words = command if isinstance(command, tuple) else (0.0, command)
        waiting.append((delay, words))
    waiting.sort(key=lambda pair: pair[0])
    files = []
    try:
        for delay, words in waiting:
            pause = started + delay - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            out = tempfile.TemporaryFile("w+")
            files.append(out)
            running.append(subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True,
                                            env=harness.clean_environment()))
        for process in running:
            wait_for(process, max(0.1, limit_s - (time.monotonic() - started)))
        seconds = time.monotonic() - started
        outputs = []
        for process, out in zip(running, files):
            out.seek(0)
            outputs.append(out.read())
            if process.returncode:
                raise RuntimeError("%s ended with %d: %s" % (
                    os.path.basename(process.args[0]), process.returncode, outputs[-1].strip()[-300:]))
        return seconds, outputs
    except subprocess.TimeoutExpired:
        raise TooLong("not done within %.0f s" % limit_s) from None
    finally:
        end_all(running, unblock)
        for out in files:
            out.close()


def wait_until_stored(server, wanted, limit_s):
    """Seconds until the server has so many bytes of uploads, and none of them in an upload that is still open."""
    started = time.monotonic()
    while True:
        stats = server.stats()
        uploads_open = stats.requests("initiate") - stats.requests("complete", "abort")
        if stats.put_bytes >= wanted and uploads_open <= 0:
            return time.monotonic() - started
        if time.monotonic() - started > limit_s:
            raise TooLong("%d of %d bytes were in the bucket %.0f s after the writer's end, %d uploads were open"
                          % (stats.put_bytes, wanted, limit_s, uploads_open))
        time.sleep(STORED_POLL_S)


def figures_of(outputs):
    """What the workers print of themselves; the slowest one's time counts."""
    found = {}
    for output in outputs:
        for line in output.splitlines():
            if line.startswith("{"):
                own = json.loads(line)
                if "own_seconds" in own and "own_seconds" in found:
                    own["own_seconds"] = max(own["own_seconds"], found["own_seconds"])
                found.update(own)
    return found


def measure(scenario, target, server, limit_s):
    """One measurement of a target that is ready; None when the scenario has no meaning for it."""
    commands = scenario.commands(target)
    if commands is None:
        return None
    pids = target.processes()
    server.reset()
    daemon = sum(map(processes.cpu_seconds, pids))
    served = processes.cpu_seconds(server.process.pid)
    readers = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy, stalled = processes.machine_seconds(), processes.stalled_seconds()
    started = time.monotonic()
    try:
        seconds, outputs = run_commands(commands, limit_s, target.abort)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        lag = 0.0
        if scenario.writes and target.kind == "mount":
            lag = wait_until_stored(server, scenario.bytes, max(5.0, limit_s - (time.monotonic() - started)))
    except TooLong as error:
        stats = server.stats()
        raise TooLong("%s; the server had %s %d MiB (%d requests)" % (
            error, "got" if scenario.writes else "sent",
            (stats.put_bytes if scenario.writes else stats.get_bytes) // MIB, stats.requests())) from None
    result = {
        "seconds": seconds + lag,
        "stored_after_s": lag,
        "daemon_cpu_s": sum(map(processes.cpu_seconds, pids)) - daemon,
        "server_cpu_s": processes.cpu_seconds(server.process.pid) - served,
        "reader_cpu_s": (after.ru_utime + after.ru_stime) - (readers.ru_utime + readers.ru_stime),
        "peak_rss_mib": sum(map(processes.peak_bytes, pids)) / MIB,
    }
    own = result["daemon_cpu_s"] + result["server_cpu_s"] + result["reader_cpu_s"]
    result["other_cores"] = max(0.0, processes.machine_seconds() - busy - own) / result["seconds"]
    result["disk_stall_s"] = processes.stalled_seconds() - stalled
    stats = server.stats()
    result["requests"] = stats.requests()
    result["get_bytes"], result["put_bytes"] = stats.get_bytes, stats.put_bytes
    result["asked_bytes"] = stats.get_bytes_asked
    result["connections"] = stats.connections
    result.update(figures_of(outputs))
    return finish(scenario, target, result)


def one_trial(scenario, target, server, limit_s):
    """One cold measurement, as a dictionary; "failed" holds the reason when it did not work."""
    if server.process.poll() is not None:
        server.start()
    good = False
    try:
        scenario.reset(server)
        if scenario.writes:
            target.end()  # tmpfs too begins without the files of the trial before
        target.start(server)
        if target.kind == "local" and target.fresh:
            scenario.fill_local(target.path)
        result = measure(scenario, target, server, limit_s)
        good = True
        return result
    except (RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:
        return {"failed": str(error).strip().replace("\n", " ")[:300]}
    finally:
        if not good:
            target.abort()
        target.stop()


def finish(scenario, target, result):
    """Derived figures: the rate in the scenario's unit, CPU per GiB, amplification."""
    seconds = result["seconds"]
    if "own_seconds" in result:
        seconds = max(1e-6, result["own_seconds"] + result["stored_after_s"])
    moved = result.get("read_bytes") or scenario.bytes
    delivered = getattr(scenario, "delivered", scenario.bytes)
    if target.kind == "http":
        delivered = getattr(scenario, "delivered_by_http", delivered)
    delivered = result.get("delivered_bytes", delivered)
    if scenario.unit == "MiB/s":
        result["rate"] = delivered / MIB / seconds
    elif scenario.unit == "IOPS":
        result["rate"] = result.get("iops") or scenario.count / seconds
        moved = moved or result["get_bytes"]
    else:
        result["rate"] = result.get("files_per_s") or scenario.count / seconds
    if moved:
        gib = moved / (1 << 30)
        for who in ("daemon", "server", "reader"):
            result[who + "_cpu_s_per_gib"] = result[who + "_cpu_s"] / gib
        crossed = result["put_bytes"] if scenario.writes else result["get_bytes"]
        result["amplification"] = crossed / moved
    return result


def median_of(trials):
    """Median of each figure, spread of the rate, and the reasons of failures."""
    good = [t for t in trials if t and "failed" not in t]
    bad = [t["failed"] for t in trials if t and "failed" in t]
    summary = {"trials": len(good), "failures": bad, "disturbed": sum(map(is_disturbed, good))}
    if good:
        for key, value in good[0].items():
            if isinstance(value, (int, float)):
                summary[key] = statistics.median(t.get(key, 0) for t in good)
        rates = [t["rate"] for t in good]
        summary["rate_min"], summary["rate_max"] = min(rates), max(rates)
        summary["rate_mad"] = statistics.median(abs(rate - summary["rate"]) for rate in rates)
        if "latencies_ms" in good[0]:
            summary["latencies_ms"] = good[0]["latencies_ms"]
    return summary


def is_disturbed(trial):
    """Whether other programs or a disk had a part in it. Short trials are judged mildly: the kernel counts ticks."""
    others, seconds = trial["other_cores"] * trial["seconds"], trial["seconds"]
    return others > QUIET_CORES * seconds + 0.05 or trial["disk_stall_s"] > 0.2 * seconds


def is_peer(target):
    return target.kind == "mount" and not target.ours


class Runner:
    """One scenario with all targets, round by round."""

    def __init__(self, scenario, targets, repeats, limit_s, progress):
        self.scenario, self.targets, self.repeats, self.limit_s = scenario, targets, repeats, limit_s
        self.progress = progress
        self.trials = {target.name: [] for target in targets}
        self.cost = {}  # seconds that the last trial took, its mount counted

    def goes_on(self, target):
        """Whether more trials make sense: it has failed never, and the scenario means something there."""
        found = self.trials.get(target.name)
        return found is not None and not any("failed" in trial for trial in found)

    def chosen(self, round_number, share_s):
        """The targets of a round. Each round begins with another one: the first finds a server that did nothing yet."""
        first = round_number % len(self.targets)
        able = [target for target in self.targets[first:] + self.targets[:first] if self.goes_on(target)]
        if round_number == 0:
            return able
        left, taken = share_s, set()
        for target in sorted(able, key=lambda t: (is_peer(t), self.cost[t.name])):
            if self.cost[target.name] <= left:
                left -= self.cost[target.name]
                taken.add(target.name)
        return [target for target in able if target.name in taken]

    def try_once(self, target, server, round_number, share_s):
        limit = self.limit_s * self.scenario.weight * (OURS_LIMIT_TIMES if target.ours else 1)
        if is_peer(target):
            if self.progress.left_s() < 5:
                if not self.trials[target.name]:
                    self.trials[target.name].append({"failed": "not run: the time budget was used up"})
                    self.progress.say("      %-14s %s" % (target.name, self.trials[target.name][0]["failed"]))
                return
            limit = min(limit, max(PEER_LIMIT_LEAST_S, share_s), max(5, self.progress.left_s()))
        self.progress.show("%s, %s %d/%d" % (self.scenario.name, target.name, round_number + 1, self.repeats))
        started = time.monotonic()
        trial = one_trial(self.scenario, target, server, limit)
        self.cost[target.name] = time.monotonic() - started
        if trial is None:
            del self.trials[target.name]
            return
        self.trials[target.name].append(trial)
        self.progress.say("  %d/%d %-14s %s" % (
            round_number + 1, self.repeats, target.name, "failed: " + trial["failed"] if "failed" in trial else
            "%.0f %s, %.2f s" % (trial["rate"], self.scenario.unit, trial["seconds"])
            + (" (disturbed)" if is_disturbed(trial) else "")))

    def run_round(self, round_number, share_s):
        """One trial of each target that is to have one, on a server of their own."""
        chosen = self.chosen(round_number, share_s)
        if not chosen:
            return
        root = harness.temporary_folder("server", MEMORY)
        try:
            with harness.Server(*self.scenario.server_options(), bucket="bench", root=root) as server:
                self.scenario.prepare(server)
                for target in chosen:
                    self.try_once(target, server, round_number, share_s)
        finally:
            for target in self.targets:
                target.end()
            subprocess.run(["rm", "-rf", root], check=False)

    def results(self):
        """{target name: {"summary": ..., "trials": [...]}}"""
        return {name: {"summary": median_of(found), "trials": found} for name, found in self.trials.items() if found}
