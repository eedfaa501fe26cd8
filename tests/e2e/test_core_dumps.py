"""A crash leaves no core dump with keys in it, and other programs cannot read the daemon's memory.

With --core_dumps=true a crash leaves one, as far as the system writes any.
"""
import contextlib
import ctypes
import errno
import os
import resource
import signal
import subprocess
import unittest

import harness
from harness import KEY_SECRET, Mount, Server

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")
CAPABILITIES_MAX = 64
PR_CAPBSET_DROP = 24
NOBODY = 65534

# One word for each file. A shell, because other users may not be able to start this Python.
OPENER = 'for name; do if (: <"$name") 2>/dev/null; then echo open; else echo refused; fi; done'


def crash(process):
    """Ends a process by SIGABRT; True when the kernel wrote a core dump."""
    os.kill(process.pid, signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else status
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGABRT:
        raise AssertionError("ended with status %d, not by SIGABRT" % status)
    return os.WCOREDUMP(status)


def unlimited():
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if os.geteuid() == 0:
        limit = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def powerless():
    """In a child, before exec: root with no more rights over processes than any user has over his own."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(CAPABILITIES_MAX):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 and capability == 0:
            raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")


def tried(names, **how):
    done = subprocess.run(["/bin/sh", "-c", OPENER, "sh"] + names, stdout=subprocess.PIPE, text=True,
                          timeout=20, stdin=subprocess.DEVNULL, check=True, cwd="/", **how)
    return done.stdout.split()


def open_when_read(pipe, process):
    """A descriptor of the writing end once somebody reads the pipe, else None."""
    if process.poll() is not None:
        raise AssertionError("it ended with %d" % process.returncode)
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


@contextlib.contextmanager
def waiting(*command, **how):
    """The process of a command, while it waits for a configuration that is a pipe."""
    pipe = os.path.join(harness.temporary_folder("conf"), "pipe")
    os.mkfifo(pipe, 0o600)
    process = subprocess.Popen([harness.OSSFS2, *command, "-c", pipe], cwd=harness.temporary_folder("cwd"),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=harness.clean_environment(), **how)
    try:
        writer = harness.wait_until(lambda: open_when_read(pipe, process), 20, command)
        yield process
        os.close(writer)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()


def private(pid):
    return ["/proc/%d/%s" % (pid, name) for name in ("mem", "environ", "maps")]


class CoreDumps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.client.put("hello", b"world")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def mount(self, *options):
        """A mount whose working directory is an empty folder, and without a limit of core dumps."""
        folder = harness.temporary_folder("cwd")
        mount = Mount(self.server, "--total_mem_limit=64m", *options, start=False)
        mount.command = ["/bin/sh", "-c", 'cd "$0" && ulimit -c unlimited; exec "$@"', folder] + mount.arguments()
        self.addCleanup(mount.destroy)
        mount.start()
        with open(os.path.join(mount.path, "hello"), "rb") as stream:
            self.assertEqual(stream.read(), b"world")
        return mount, folder

    def test_a_crash_leaves_none(self):
        mount, folder = self.mount()
        self.assertFalse(crash(mount.process), "the kernel wrote a core dump")
        self.assertEqual(os.listdir(folder), [])
        mount.detach()
        self.assertFalse(harness.is_mounted(mount.path))

    def test_the_option_allows_one(self):
        mount, folder = self.mount("--core_dumps=true")
        self.assertIn("a core dump holds access keys", harness.tail(mount.log))
        wrote = crash(mount.process)
        mount.detach()
        if not wrote:
            other = subprocess.Popen(["/bin/sleep", "60"], cwd=harness.temporary_folder("cwd"),
                                     preexec_fn=unlimited)
            if not crash(other):
                self.skipTest("this system writes no core dumps at all: core_pattern is '%s'"
                              % open("/proc/sys/kernel/core_pattern").read().strip())
            self.fail("no core dump, but another program's crash leaves one")
        for name in os.listdir(folder):  # a relative core_pattern
            with open(os.path.join(folder, name), "rb") as core:
                self.assertIn(KEY_SECRET.encode(), core.read(), "what the warning says")

    @AS_ROOT
    def test_other_users_cannot_read_its_memory(self):
        mount, _ = self.mount()
        self.assertEqual(tried(private(mount.pid), user=NOBODY), ["refused"] * 3)
        public = ["/proc/%d/%s" % (mount.pid, name) for name in ("status", "stat", "cmdline", "comm")]
        self.assertEqual(tried(public, user=NOBODY), ["open"] * 4)

    @AS_ROOT
    def test_programs_of_the_same_user_cannot_read_its_memory(self):
        with waiting("check", preexec_fn=powerless) as process:
            self.assertEqual(tried(private(process.pid), preexec_fn=powerless), ["refused"] * 3)
        other = subprocess.Popen(["/bin/sleep", "60"], preexec_fn=powerless)
        try:
            # Not mem: Yama may forbid that for all programs.
            self.assertEqual(tried(private(other.pid), preexec_fn=powerless)[1:], ["open"] * 2,
                             "so the above proves nothing")
        finally:
            other.kill()
            other.wait()

    def test_every_command(self):
        for command in (["mount", harness.temporary_folder("mnt")], ["check"], ["gc"]):
            with waiting(*command, preexec_fn=unlimited) as process:
                self.assertFalse(crash(process), command)


if __name__ == "__main__":
    harness.main()
