"""A mount of a local server's bucket. Part of harness."""
import contextlib
import os
import subprocess
import unittest

from clean_up import register, tail, temporary_folder, unregister
from programs import OSSFS2, clean_environment, wait_until
from servers import KEY_ID, KEY_SECRET, Server

# Only root may, and not in a container whose /sys is read-only.
RAISES_READ_AHEAD = unittest.skipIf(os.geteuid() != 0 or not os.access("/sys/class/bdi", os.W_OK),
                                    "the kernel's read-ahead cannot be raised here")


def is_mounted(path):
    """Looks at the kernel's table: works for a dead mount too."""
    escaped = os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(path)
    escaped = escaped.replace("\\", "\\134").replace(" ", "\\040")
    with open("/proc/self/mountinfo") as table:
        return any(line.split()[4] == escaped for line in table)


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
