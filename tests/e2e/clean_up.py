"""Temporary folders and what was started, and how all of it goes at the end of a test file. Part of harness.

Processes are ended and mounts are taken down also when a test fails, hangs, or is ended by a signal.
"""
import atexit
import contextlib
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

_temporary = {}  # parent -> the one folder that this program has there
_running = []  # everything with a destroy(), newest last
_logs = []  # of all that ever ran


def temporary_folder(name="t", parent=None):
    """A new empty folder that disappears at the end of the program. `parent`: not where OSSFS2_TEST_DIR says."""
    parent = parent or os.environ.get("OSSFS2_TEST_DIR") or tempfile.gettempdir()
    if parent not in _temporary:  # the name says whose it is, should it ever be left behind
        _temporary[parent] = tempfile.mkdtemp(prefix="ossfs2-e2e-%d-" % os.getpid(), dir=parent)
    return tempfile.mkdtemp(prefix=name + "-", dir=_temporary[parent])


def register(thing):
    """`thing.destroy()` is called at the end of the program, unless it is unregistered before."""
    _running.append(thing)
    if getattr(thing, "log", None):
        _logs.append(thing.log)


def unregister(thing):
    if thing in _running:
        _running.remove(thing)


def tail(path, count=4000):
    with contextlib.suppress(OSError):
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - count))
            return stream.read().decode(errors="replace")
    return ""


def mount_root(path):
    """The mount that a path lies on, from the kernel's table, or None."""
    best = None
    with open("/proc/self/mountinfo") as table:
        for line in table:
            point = line.split()[4].replace("\\040", " ")
            if path == point or path.startswith(point + "/"):
                if best is None or len(point) > len(best):
                    best = point
    return best


def destroy_all():
    _hear_no_signals()
    for thing in list(reversed(_running)):
        with contextlib.suppress(Exception):
            thing.destroy()
    if os.environ.get("OSSFS2_TEST_KEEP"):
        return
    for folder in _temporary.values():
        inside = mount_root(os.path.realpath(folder))
        if inside is None or not inside.startswith(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _hear_no_signals():
    """Nothing cuts the clean-up short. A handler, since what is ignored is ignored by child processes too."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)


def _on_end_signals(handler):
    """What forked processes do not take over: they must not clean up, and a pool ends its own by SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # of nohup
            signal.signal(number, handler)
            os.register_at_fork(after_in_child=lambda number=number: signal.signal(number, signal.SIG_DFL))


def _end(number, _):
    _hear_no_signals()
    sys.exit(128 + number)


def clean_up_at_end():
    """For programs that are no tests: no mount, server or folder stays, whether they end by themselves, by an error,
    by ^C, or by SIGTERM (timeout, CI) or SIGHUP, after which `finally` clauses run too."""
    atexit.register(destroy_all)
    _on_end_signals(_end)


def show_threads(pid):
    """Where the threads of a process that hangs are, when gdb is there."""
    if shutil.which("gdb"):
        done = subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 16"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)
        lines = [x for x in done.stdout.splitlines() if x.startswith(("Thread", "#"))]
        sys.stderr.write("\n".join(line[:200] for line in lines) + "\n")


def show_logs(ended=False):
    """The ends of the logs of all servers and mounts that still run, or of those that ended too."""
    for log in _logs if ended else [thing.log for thing in list(_running) if getattr(thing, "log", None)]:
        sys.stderr.write("--- %s\n%s\n" % (log, tail(log)))


def _give_up(limit):
    """A hanging test must not leave a mount behind: everything stuck on it would stay."""
    sys.stderr.write("\nthis test file hangs: ended after %d s\n" % limit)
    faulthandler.dump_traceback(all_threads=True)
    show_logs()
    for thing in list(_running):
        with contextlib.suppress(Exception):
            show_threads(thing.process.pid)
        with contextlib.suppress(Exception):
            thing.process.kill()
        with contextlib.suppress(Exception):
            thing.detach()
    sys.stderr.flush()
    os._exit(3)


def _terminated(*_):
    destroy_all()
    os._exit(1)


def watch(limit):
    """For a test file: cleans up always, and ends what hangs for `limit` seconds."""
    watchdog = threading.Timer(limit, _give_up, [limit])
    watchdog.daemon = True
    watchdog.start()
    atexit.register(destroy_all)
    _on_end_signals(_terminated)  # unittest would take SystemExit for the failure of one test
