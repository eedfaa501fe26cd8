"""What single options do, seen from outside: in the process, at its ports, while it is mounted.

docs/compatibility.md names these tests.
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Mount, clean_environment, fetch, free_port
from option_case import OptionCase

NOBODY = 65534
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root: another user, or mount(2)")


def threads(pid, name):
    """How many threads of the process have this name."""
    count = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(OSError):
            with open("/proc/%d/task/%s/comm" % (pid, task)) as comm:
                count += comm.read().strip() == name
    return count


class MountOptions(OptionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.open_folder = tempfile.mkdtemp(dir=os.environ.get("OSSFS2_TEST_DIR", "/tmp"))
        os.chmod(cls.open_folder, 0o755)  # other users must reach the mount point

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for name in os.listdir(cls.open_folder):
            os.rmdir(os.path.join(cls.open_folder, name))
        os.rmdir(cls.open_folder)

    def read_as_nobody(self, *options):
        """What another user gets: the text, or the name of the error."""
        path = tempfile.mkdtemp(dir=self.open_folder)
        os.chmod(path, 0o755)
        with Mount(self.server, *options, path=path):
            done = subprocess.run(["cat", path + "/hello"], user=NOBODY, group=NOBODY, cwd="/",
                                  capture_output=True, text=True, timeout=20, check=False)
            return done.stdout or done.stderr.rsplit(": ", 1)[-1].strip()

    @AS_ROOT
    def test_allow_other_and_default_permissions(self):
        self.assertEqual(self.read_as_nobody("--file_mode=0600"), "Permission denied")
        self.assertEqual(self.read_as_nobody("--file_mode=0600", "--nodefault_permissions"), "world")
        self.assertEqual(self.read_as_nobody("--noallow_other"), "Permission denied")

    def test_enable_xattr(self):
        with Mount(self.server, "--noenable_xattr") as mount:
            with self.assertRaises(OSError) as caught:
                os.setxattr(os.path.join(mount.path, "hello"), "user.a", b"b")
            self.assertEqual(os.strerror(caught.exception.errno), "Operation not supported")

    def test_nonempty(self):
        path = harness.temporary_folder("full")
        with open(os.path.join(path, "hidden"), "w"):
            pass
        with Mount(self.server, "--nonempty", path=path):
            self.assertEqual(sorted(os.listdir(path)), ["big", "d", "hello", "patched"])
        self.assertEqual(os.listdir(path), ["hidden"])

    def test_fuse_threads_and_oss_vcpu_count(self):
        with Mount(self.server, "--fuse_threads=5", "--oss_vcpu_count=3") as mount:
            os.listdir(mount.path)
            harness.wait_until(lambda: threads(mount.pid, "fuse") == 5, 5, "5 FUSE threads")
            self.assertEqual(threads(mount.pid, "http-0"), 1)
            self.assertEqual(threads(mount.pid, "http-2"), 1)
            self.assertEqual(threads(mount.pid, "http-3"), 0)

    @AS_ROOT
    def test_fuse_device_fd(self):
        path = harness.temporary_folder("fd")
        device = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        data = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
        done = libc.mount(b"given", path.encode(), b"fuse.ossfs2", 0, data.encode())
        self.assertEqual(done, 0, os.strerror(ctypes.get_errno()))
        log = os.path.join(harness.temporary_folder("log"), "ossfs2.log")
        with open(log, "ab") as output:
            daemon = subprocess.Popen(
                [OSSFS2, "mount", path, "--oss_endpoint=" + self.server.endpoint,
                 "--oss_bucket=" + self.server.bucket, "--oss_access_key_id=" + KEY_ID,
                 "--oss_access_key_secret=" + KEY_SECRET, "-f", "--fuse_device_fd=%d" % device,
                 "--state_dir=" + harness.temporary_folder("state")], pass_fds=[device],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=clean_environment())
        os.close(device)
        try:
            harness.wait_until(lambda: "successfully" in harness.tail(log) or
                               daemon.poll() is not None, 20, "the mount")
            self.assertIsNone(daemon.poll(), harness.tail(log))
            with open(os.path.join(path, "hello")) as stream:
                self.assertEqual(stream.read(), "world")
            with open(os.path.join(path, "by-fd"), "w") as stream:
                stream.write("written")
            self.assertEqual(self.client.get("by-fd"), b"written")
            self.client.delete("by-fd")
            daemon.terminate()
            self.assertEqual(daemon.wait(20), 0, harness.tail(log))
        finally:
            subprocess.run(["umount", "-l", path], check=False)
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()

    def test_ignore_fsync(self):
        for options, stored in ([], 1), (["--ignore_fsync"], 0):
            with Mount(self.server, *options) as mount:
                with open(os.path.join(mount.path, "synced"), "w") as stream:
                    stream.write("x")
                    stream.flush()
                    puts = self.requested("put", lambda: os.fsync(stream.fileno()), key="synced")
                    self.assertEqual(len(puts), stored)
                self.assertEqual(self.client.get("synced"), b"x", "close stores in any case")
                os.unlink(os.path.join(mount.path, "synced"))


class Operation(OptionCase):
    def test_metrics_port_and_ip(self):
        port = free_port()
        with Mount(self.server, "--metrics_port=%d" % port, "--metrics_ip=127.0.0.2") as mount:
            with open(os.path.join(mount.path, "hello")) as stream:
                stream.read()
            text = fetch("http://127.0.0.2:%d/metrics" % port)
            self.assertRegex(text, r"(?m)^ossfs2_read_bytes_total [1-9]")
            self.assertEqual(fetch("http://127.0.0.2:%d/healthz" % port), "ok\n")
            with self.assertRaises(OSError):
                fetch("http://127.0.0.1:%d/metrics" % port)

    def test_open_files_are_not_bounded_by_the_shell(self):
        mount = Mount(self.server, start=False)
        mount.command = ["sh", "-c", "ulimit -Sn 256; exec \"$@\"", "sh"] + mount.arguments()
        with mount:
            mount.start()
            with open("/proc/%d/limits" % mount.pid) as stream:
                soft = next(line.split()[3] for line in stream if line.startswith("Max open files"))
            self.assertGreater(int(soft), 256)

    def test_enable_admin_server(self):
        with Mount(self.server, "--noenable_admin_server") as mount:
            done = harness.run([OSSFS2, "stats", mount.path], check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("enable_admin_server", done.stdout)
            mount.unmount()


class WhileMounted(OptionCase):
    """`ossfs2 set` and SIGHUP."""

    def set(self, mount, text, **more):
        return harness.run([OSSFS2, "set", mount.path, text], **more).stdout

    def test_set(self):
        with Mount(self.server, "--attr_timeout=0") as mount:
            def heads():
                return len(self.requested("head", lambda: [
                    os.stat(os.path.join(mount.path, "hello")) for _ in range(3)]))

            self.assertGreaterEqual(heads(), 3)
            self.assertIn("attr_timeout is now 60", self.set(mount, "attr_timeout=60"))
            heads()
            self.assertEqual(heads(), 0)
            self.set(mount, "ignore_fsync=true")
            with open(os.path.join(mount.path, "unsynced"), "w") as stream:
                stream.write("x")
                stream.flush()
                self.assertEqual(self.requested("put", lambda: os.fsync(stream.fileno())), [])
            os.unlink(os.path.join(mount.path, "unsynced"))
            os.rename(os.path.join(mount.path, "d"), os.path.join(mount.path, "e"))
            self.set(mount, "allow_rename_dir=false")
            with self.assertRaises(OSError):
                os.rename(os.path.join(mount.path, "e"), os.path.join(mount.path, "d"))
            self.set(mount, "allow_rename_dir=true")
            os.rename(os.path.join(mount.path, "e"), os.path.join(mount.path, "d"))
            self.set(mount, "log_level=debug")
            for text, words in (("ro=true", "needs a new mount"), ("atr_timeout=1", "attr_timeout"),
                                ("attr_timeout=soon", "soon"), ("traffic_limit=100", "819200")):
                done = harness.run([OSSFS2, "set", mount.path, text], check=False)
                self.assertNotEqual(done.returncode, 0, text)
                self.assertIn(words, done.stdout)

    def test_hangup_reads_keys_and_log_level_again(self):
        folder = harness.temporary_folder("conf")
        conf, keys = os.path.join(folder, "conf"), os.path.join(folder, "keys")

        def write(path, text):
            with open(path, "w") as stream:
                stream.write(text)
            os.chmod(path, 0o600)

        self.server.config(key="OTHERKEY:otherSecret")
        write(keys, "OTHERKEY:otherSecret\n")
        write(conf, "--log_level=info\n--attr_timeout=0\n--credential_file=%s\n" % keys)
        with Mount(self.server, "-c", conf, *self.NO_KEYS) as mount:
            self.assertEqual(os.stat(os.path.join(mount.path, "hello")).st_size, 5)
            write(keys, "%s:%s\n" % (KEY_ID, KEY_SECRET))
            write(conf, "--log_level=debug\n--attr_timeout=60\n--credential_file=%s\n--direct_io\n" % keys)
            os.kill(mount.pid, signal.SIGHUP)
            harness.wait_until(lambda: "SIGHUP" in harness.tail(mount.log) and
                               harness.tail(mount.log).count("credentials: ") >= 2, 10, "the reload")
            self.assertIn("in effect only with a new mount: direct_io\n", harness.tail(mount.log))
            self.server.config(remove_key="OTHERKEY")
            self.assertEqual(os.stat(os.path.join(mount.path, "hello")).st_size, 5)
            self.assertEqual(self.requested("head", lambda: os.stat(
                os.path.join(mount.path, "hello"))), [], "attr_timeout came along")
            write(conf, "--no_such_option=1\n")
            os.kill(mount.pid, signal.SIGHUP)
            harness.wait_until(lambda: "is not taken over" in harness.tail(mount.log), 10,
                               "the refusal")
            self.assertTrue(mount.alive())


if __name__ == "__main__":
    harness.main()
