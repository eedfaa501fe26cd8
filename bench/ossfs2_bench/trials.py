"""Runs scenarios: cold trials, the targets in turn, so that drift hits all alike."""
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
from .scenarios import MIB

import harness


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
    process.wait(1)


def run_commands(commands, limit_s):
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
            wait_for(process, max(1, limit_s - (time.monotonic() - started)))
        seconds = time.monotonic() - started
        outputs = []
        for process, out in zip(running, files):
            out.seek(0)
            outputs.append(out.read())
            if process.returncode:
                raise RuntimeError("%s ended with %d: %s" % (
                    os.path.basename(process.args[0]), process.returncode, outputs[-1][-300:]))
        return seconds, outputs
    except subprocess.TimeoutExpired:
        raise RuntimeError("longer than %d s" % limit_s) from None
    finally:
        for process in running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for out in files:
            out.close()


def one_trial(scenario, target, server, limit_s):
    """One cold measurement, as a dictionary; "failed" holds the reason when it did not work."""
    if server.process.poll() is not None:
        server.start()
    try:
        target.start(server)
        if target.kind == "local" and not scenario.writes:
            scenario.fill_local(target.path)
        if target.kind == "mount":
            processes.drop_caches()
        commands = scenario.commands(target)
        if commands is None:
            return None
        pids = target.processes()
        server.reset()
        daemon = sum(map(processes.cpu_seconds, pids))
        served = processes.cpu_seconds(server.process.pid)
        readers = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, outputs = run_commands(commands, limit_s)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = {
            "seconds": seconds,
            "daemon_cpu_s": sum(map(processes.cpu_seconds, pids)) - daemon,
            "server_cpu_s": processes.cpu_seconds(server.process.pid) - served,
            "reader_cpu_s": (after.ru_utime + after.ru_stime) - (readers.ru_utime + readers.ru_stime),
            "peak_rss_mib": sum(map(processes.peak_bytes, pids)) / MIB,
        }
        stats = server.stats()
        result["requests"] = stats.requests()
        result["get_bytes"], result["put_bytes"] = stats.get_bytes, stats.put_bytes
        result["asked_bytes"] = stats.get_bytes_asked
        result["connections"] = stats.connections
        for output in outputs:  # a worker may add figures of its own
            for line in output.splitlines():
                if line.startswith("{"):
                    result.update(json.loads(line))
        return finish(scenario, target, result)
    except (RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:
        return {"failed": str(error).strip().replace("\n", " ")[:300]}
    finally:
        target.stop()


def finish(scenario, target, result):
    """Derived figures: the rate in the scenario's unit, CPU per GiB, amplification."""
    moved = result.get("read_bytes") or scenario.bytes
    delivered = getattr(scenario, "delivered", scenario.bytes)
    if target.kind == "http":
        delivered = getattr(scenario, "delivered_by_http", delivered)
    if scenario.unit == "MiB/s":
        result["rate"] = delivered / MIB / result["seconds"]
    elif scenario.unit == "IOPS":
        result["rate"] = result["iops"]
    else:
        result["rate"] = result.get("files_per_s") or scenario.count / result["seconds"]
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
    summary = {"trials": len(good), "failures": bad}
    if good:
        for key, value in good[0].items():
            if isinstance(value, (int, float)):
                summary[key] = statistics.median(t.get(key, 0) for t in good)
        rates = [t["rate"] for t in good]
        summary["rate_min"], summary["rate_max"] = min(rates), max(rates)
        if "latencies_ms" in good[0]:
            summary["latencies_ms"] = good[0]["latencies_ms"]
    return summary


def run_scenario(scenario, targets, repeats, limit_s, say):
    """Returns {target name: {"summary": ..., "trials": [...]}}."""
    with harness.Server(*scenario.server_options(), bucket="bench") as server:
        scenario.prepare(server)
        trials = {target.name: [] for target in targets if target.name not in scenario.skip}
        try:
            for round_number in range(repeats):
                for target in targets:
                    if target.name not in trials:
                        continue
                    if len(trials[target.name]) == 1 and "failed" in (trials[target.name][0] or {}):
                        continue  # it cannot do this: once is enough
                    trial = one_trial(scenario, target, server, limit_s)
                    if trial is None:
                        del trials[target.name]
                        continue
                    trials[target.name].append(trial)
                    say("  %d/%d %-14s %s" % (
                        round_number + 1, repeats, target.name,
                        "failed: " + trial["failed"] if "failed" in trial else
                        "%.0f %s, %.2f s" % (trial["rate"], scenario.unit, trial["seconds"])))
        finally:
            if hasattr(scenario, "clean"):
                scenario.clean()
        return {name: {"summary": median_of(found), "trials": found}
                for name, found in trials.items()}
