"""Programs, threads and processes that a test runs. Part of harness."""
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OSSFS2 = os.environ.get("OSSFS2_BIN", os.path.join(ROOT, "build/release/ossfs2"))
SERVER = os.environ.get("OSSFS2_SERVER_BIN", os.path.join(ROOT, "build/release/ossfs2-server"))


def clean_environment(**more):
    """The environment without any credentials of the caller."""
    drop = ("OSS_ACCESS", "OSS_", "ALIBABA_CLOUD", "AWS_", "http_proxy", "https_proxy",
            "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
    env.update(more)
    return env


def wait_until(condition, seconds=20.0, what="a condition"):
    """Polls until condition() is true. The only waiting that tests do."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain for %s" % (seconds, what))
        time.sleep(0.02)


def run(command, timeout=100, check=True, **more):
    """Runs a program; a failure shows what it printed."""
    more.setdefault("env", clean_environment())
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, **more)
    if check and done.returncode != 0:
        raise AssertionError("%s ended with %d:\n%s" % (command, done.returncode,
                                                        done.stdout[-3000:]))
    return done


def in_threads(work, items, limit=90):
    """Calls work(item) in one thread for each item; raises the first error."""
    errors = []

    def body(item):
        try:
            work(item)
        except BaseException as error:  # reported below, whatever it is
            errors.append(error)

    threads = [threading.Thread(target=body, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        raise AssertionError("threads still busy after %d s" % limit)
    if errors:
        raise errors[0]


class Processes:
    """Calls work(item) in one forked process for each item.

    For work that holds files of a mount open while this program starts others: a
    child process closes the handles that it inherited, and each such close waits
    until the file is stored.
    """

    def __init__(self, work, items):
        self.children = {}
        for item in items:
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                text = ""
                try:
                    os.close(reader)
                    work(item)
                except BaseException as error:
                    text = "%s: %s: %s" % (item, type(error).__name__, error)
                os.write(writer, text.encode()[:60000])
                os._exit(1 if text else 0)
            os.close(writer)
            self.children[pid] = reader

    def join(self, limit=90):
        end = time.monotonic() + limit
        problems = []
        for pid, reader in self.children.items():
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                    problems.append("still busy after %d s" % limit)
                    break
                time.sleep(0.02)
            text = os.read(reader, 65536).decode()
            os.close(reader)
            if text:
                problems.append(text)
        if problems:
            raise AssertionError("; ".join(problems))


def needs(*programs):
    """Skips a test when a program is not installed (scripts/setup.sh --test)."""
    absent = [p for p in programs if shutil.which(p) is None]
    return unittest.skipIf(absent, "not installed: %s" % ", ".join(absent))
