"""What the end-to-end tests stand on: a local OSS server, a mount, and checks.

Every test file runs alone:  python3 tests/e2e/test_basic.py -v
The binaries come from OSSFS2_BIN and OSSFS2_SERVER_BIN (default: build/release).
OSSFS2_TEST_DIR says where the temporary files go (default: the system's),
OSSFS2_TEST_SEED fixes the random tests, OSSFS2_TEST_LIMIT is the number of
seconds after which a file that hangs is ended (default 280), and
OSSFS2_TEST_KEEP=1 keeps the temporary files.

Processes are ended and mounts are taken down also when a test fails or hangs.
Standard library only.
"""
import atexit
import contextlib
import faulthandler
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True

# They need the path above. Tests import what they use of these from here.
from oss_client import OssClient  # noqa: E402
from payloads import MIB, block, check_file, content, payload, sha256, tree_hashes, write_all, write_file  # noqa
from programs import Processes, clean_environment, in_threads, needs, run, wait_until  # noqa

OSSFS2 = os.environ.get("OSSFS2_BIN", os.path.join(ROOT, "build/release/ossfs2"))
SERVER = os.environ.get("OSSFS2_SERVER_BIN", os.path.join(ROOT, "build/release/ossfs2-server"))
KEY_ID = "TESTKEYID0123456"
KEY_SECRET = "testSecretThatMustNotLeak9876543"
GIB = 1 << 30

# Only root may, and not in a container whose /sys is read-only.
RAISES_READ_AHEAD = unittest.skipIf(os.geteuid() != 0 or not os.access("/sys/class/bdi", os.W_OK),
                                    "the kernel's read-ahead cannot be raised here")

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    """The text at a URL, without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read().decode()


def is_mounted(path):
    """Looks at the kernel's table: works for a dead mount too."""
    escaped = os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path)
    escaped = escaped.replace("\\", "\\134").replace(" ", "\\040")
    with open("/proc/self/mountinfo") as table:
        return any(line.split()[4] == escaped for line in table)


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


class Stats:
    """The server's counters. A counter that does not exist counts as 0."""

    def __init__(self, data):
        self.data = data

    def requests(self, *kinds):
        table = self.data.get("requests", {})
        if not kinds:
            return self.data.get("requests_total", sum(table.values()))
        return sum(table.get(kind, 0) for kind in kinds)

    def __getattr__(self, name):
        return self.__dict__["data"].get(name, 0)

    def __repr__(self):
        return json.dumps(self.data, sort_keys=True)


class Server:
    """An ossfs2-server of its own on a free port, with a folder of its own."""

    def __init__(self, *options, bucket="test", root=None, secret=KEY_SECRET):
        self.options = list(options) + (["--access-key-secret", secret] if secret else [])
        self.bucket = bucket
        self.root = root or temporary_folder("server")
        self.log = os.path.join(temporary_folder("log"), "server.log")
        self.port = 0
        self.process = None
        register(self)  # first: a server that never listens must be ended too
        self.start()

    def start(self):
        """Starts it, or starts it again on the same port and folder."""
        command = [SERVER, "--root", self.root, "--listen", "127.0.0.1:%d" % self.port,
                   "--bucket", self.bucket, "--access-key-id", KEY_ID] + self.options
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=clean_environment())

        def announced():
            if self.process.poll() is not None:
                raise AssertionError("ossfs2-server ended with %s:\n%s"
                                     % (self.process.returncode, tail(self.log)))
            with open(self.log, "rb") as stream:
                stream.seek(begin)
                for line in stream.read().decode(errors="replace").splitlines():
                    if "listening on 127.0.0.1:" in line:
                        digits = line.split("listening on 127.0.0.1:")[1].split()[0]
                        return int(digits.rstrip(".,;"))
            return 0

        self.port = wait_until(announced, 20, "the server's port")
        return self

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port

    @property
    def client(self):
        return OssClient("127.0.0.1", self.port, self.bucket, KEY_ID, KEY_SECRET)

    def call(self, method, path):
        request = urllib.request.Request(self.endpoint + path, method=method,
                                         data=b"" if method == "POST" else None)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return answer.read()

    def stats(self):
        return Stats(json.loads(self.call("GET", "/-/stats")))

    def reset(self):
        self.call("POST", "/-/reset")

    def set_fault(self, spec):
        request = urllib.request.Request(self.endpoint + "/-/fault", method="POST",
                                         data=spec.encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError("the server refused the fault '%s': %s"
                                 % (spec, error.read().decode(errors="replace"))) from None

    def clear_fault(self):
        self.call("DELETE", "/-/fault")

    def config(self, **values):
        self.call("POST", "/-/config?" + "&".join("%s=%s" % item for item in values.items()))

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def destroy(self):
        self.stop(signal.SIGKILL)
        unregister(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()


class Mount:
    """A foreground `ossfs2 mount` of a server's bucket (the process is ours to kill)."""

    def __init__(self, server, *options, path=None, command=None, start=True):
        self.server = server
        self.options = list(options)
        self.path = path or temporary_folder("mnt")
        self.log = os.path.join(temporary_folder("log"), "ossfs2.log")
        self.state = temporary_folder("state")  # journals and staged files: kept over a crash
        self.command = command
        self.process = None
        register(self)
        if start:
            self.start()

    def arguments(self):
        if self.command:
            return self.command
        return [OSSFS2, "mount", self.path, "--oss_endpoint=" + self.server.endpoint,
                "--oss_bucket=" + self.server.bucket, "--oss_access_key_id=" + KEY_ID,
                "--oss_access_key_secret=" + KEY_SECRET, "--state_dir=" + self.state,
                "-f"] + self.options

    def start(self, seconds=30):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=clean_environment(),
                                            start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError("ossfs2 mount ended with %s:\n%s"
                                     % (self.process.returncode, tail(self.log)))
            if not is_mounted(self.path):
                return False
            os.statvfs(self.path)
            return True

        wait_until(ready, seconds, "the mount (log: %s)" % tail(self.log))
        return self

    @property
    def pid(self):
        return self.process.pid

    def unmount(self, seconds=60):
        """`ossfs2 umount`; the daemon must then leave by itself, with status 0."""
        done = subprocess.run([OSSFS2, "umount", self.path], capture_output=True, text=True,
                              timeout=seconds, env=clean_environment())
        if done.returncode != 0:
            raise AssertionError("ossfs2 umount ended with %d: %s%s"
                                 % (done.returncode, done.stdout, done.stderr))
        code = self.process.wait(seconds)
        if code != 0:
            raise AssertionError("the daemon ended with %d after umount:\n%s"
                                 % (code, tail(self.log)))
        if is_mounted(self.path):
            raise AssertionError("still mounted after umount")

    def remount(self, *options):
        self.unmount()
        if options:
            self.options = list(options)
        return self.start()

    def kill(self):
        """kill -9, then takes the dead mount down as a user would."""
        self.process.kill()
        self.process.wait()
        self.detach()

    def detach(self):
        for command in (["umount", self.path], ["umount", "-l", self.path],
                        ["fusermount3", "-u", "-z", self.path]):
            if not is_mounted(self.path):
                return
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=30, check=False)

    def destroy(self):
        """For the end of a test: no error, nothing left."""
        unregister(self)
        if self.process and self.process.poll() is None and is_mounted(self.path):
            with contextlib.suppress(Exception):
                subprocess.run([OSSFS2, "umount", self.path], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=20, check=False)
                self.process.wait(20)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.detach()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def resident_bytes(self, peak=False):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith("VmHWM:" if peak else "VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        # A program that is started now first closes the files that are open here, each of which may wait for uploads.
        if failure and self.alive():
            self.process.kill()
            self.process.wait()
        self.destroy()


def tail(path, count=4000):
    with contextlib.suppress(OSError):
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - count))
            return stream.read().decode(errors="replace")
    return ""


class MountCase(unittest.TestCase):
    """A test class with one server and one mount for all its tests."""
    server_options = ()
    mount_options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.server_options)
        cls.mount = Mount(cls.server, *cls.mount_options)
        cls.client = cls.server.client

    @classmethod
    def tearDownClass(cls):
        cls.mount.destroy()
        cls.server.destroy()

    def setUp(self):
        if not self.mount.alive():
            self.mount.detach()
            self.mount.start()

    def tearDown(self):
        self.assertTrue(self.mount.alive(), "the daemon died:\n" + tail(self.mount.log))

    def folder(self, name=None):
        """A new folder in the mount for this test."""
        path = os.path.join(self.mount.path, name or self._testMethodName)
        os.mkdir(path)
        return path

    def local(self, name="local"):
        return temporary_folder(name)


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


def main():
    """Instead of unittest.main(): cleans up always, and ends what hangs."""
    limit = int(os.environ.get("OSSFS2_TEST_LIMIT", "280"))
    watchdog = threading.Timer(limit, _give_up, [limit])
    watchdog.daemon = True
    watchdog.start()
    atexit.register(destroy_all)
    _on_end_signals(_terminated)  # unittest would take SystemExit for the failure of one test
    for binary in (OSSFS2, SERVER):
        if not os.access(binary, os.X_OK):
            sys.exit("not built: %s (cmake --build --preset release)" % binary)
    unittest.main(module="__main__")
