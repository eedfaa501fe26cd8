"""What is promised after a crash: closed and fsynced files are there, nothing is half."""
import json
import os
import signal
import subprocess
import threading
import unittest

import harness
from harness import MIB, Mount, Server, check_file, payload, run, wait_until, write_file


class Crash(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.mount = Mount(self.server)
        self.client = self.server.client

    def tearDown(self):
        self.mount.destroy()
        self.server.destroy()

    def path(self, name):
        return os.path.join(self.mount.path, name)

    def kill_while_writing(self, seed, after):
        """Starts a writer of a big file, kills the daemon once `after` bytes were accepted."""
        reached = threading.Event()

        def work():
            try:
                with open(self.path("unfinished"), "wb", buffering=0) as stream:
                    for index in range(400):
                        harness.write_all(stream, harness.block(seed, index))
                        if (index + 1) * MIB >= after:
                            reached.set()
            except OSError:
                pass  # the daemon is gone: expected
            finally:
                reached.set()

        writer = threading.Thread(target=work, daemon=True)
        writer.start()
        self.assertTrue(reached.wait(60))
        self.mount.process.kill()
        self.mount.process.wait()
        self.mount.detach()
        writer.join(30)
        self.assertFalse(writer.is_alive(), "the writer hangs on a dead mount")

    @unittest.skipIf(os.geteuid() != 0, "only root may end the requests of a mount")
    def test_kill_while_the_kernel_is_told_to_drop_a_name(self):
        """That waits for a rename, which waits for the daemon, which cannot end before it."""
        mount = Mount(self.server, "--attr_timeout=0")
        here = os.path.join(mount.path, "d")
        for name in "a", "gone":
            self.client.put("d/" + name, b"text")
            os.stat(os.path.join(here, name))
        self.server.reset()
        self.server.set_fault("op=copy,kind=late-answer:20000")

        def start(*command):
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        programs = [start("mv", os.path.join(here, "a"), os.path.join(here, "b"))]
        wait_until(lambda: self.server.stats().requests("copy") > 0, what="the copy of the rename")
        self.client.delete("d/gone")
        programs.append(start("stat", os.path.join(here, "gone")))
        telling = "cat /proc/%d/task/*/stat | grep '(forget) D'" % mount.pid
        wait_until(lambda: run(["sh", "-c", telling], check=False).returncode == 0, what="the notice")
        mount.process.kill()
        run([harness.OSSFS2, "umount", mount.path])
        self.assertEqual(mount.process.wait(20), -signal.SIGKILL)
        for program in programs:
            self.assertNotEqual(program.wait(20), 0)
        self.assertFalse(harness.is_mounted(mount.path))
        mount.destroy()

    def test_kill_during_uploads(self):
        write_file(self.path("closed-small"), 1, 5000)
        write_file(self.path("closed-big"), 2, 25 * MIB + 3)
        write_file(self.path("unfinished"), "old", 3 * MIB)
        for number, after in enumerate((MIB, 20 * MIB, 90 * MIB)):
            self.kill_while_writing("new%d" % number, after)
            # On the server: the old version, whole, whatever was on its way.
            self.assertEqual(self.client.get("unfinished"), payload("old", 3 * MIB))
            self.mount.start()
            check_file(self.path("closed-small"), 1, 5000)
            check_file(self.path("closed-big"), 2, 25 * MIB + 3)
            check_file(self.path("unfinished"), "old", 3 * MIB)
        wait_until(lambda: not self.client.uploads(), 20, "the stale uploads to be aborted")
        self.mount.unmount()

    def test_kill_during_an_upload_that_the_key_may_not_abort(self):
        self.kill_while_writing("new", 20 * MIB)
        self.server.set_fault("op=abort,kind=status:403:AccessDenied")
        self.mount.start()
        write_file(self.path("works"), 1, 5000)
        self.assertEqual(len(self.client.uploads()), 1)
        self.mount.unmount()
        self.server.clear_fault()
        self.mount.start()
        self.assertEqual(self.client.uploads(), [])

    def test_kill_during_a_rename(self):
        write_file(self.path("old-name"), 1, 3 * MIB)
        self.server.set_fault("op=delete,key=old-name,kind=stall")

        def work():
            try:
                os.rename(self.path("old-name"), self.path("new-name"))
            except OSError:
                pass  # the daemon is gone: expected

        mover = threading.Thread(target=work, daemon=True)
        mover.start()
        wait_until(lambda: self.client.keys("new-name"), 20, "the copy")
        self.mount.process.kill()
        self.mount.process.wait()
        self.mount.detach()
        mover.join(30)
        self.server.clear_fault()
        self.assertEqual(list(self.client.keys("old-name")), ["old-name"])
        self.mount.start()
        self.assertEqual(list(self.client.keys("old-name")), [])
        check_file(self.path("new-name"), 1, 3 * MIB)

    def test_kill_after_fsync(self):
        handles = []
        for number, size in enumerate((10, MIB, 9 * MIB + 1, 20 * MIB)):
            stream = open(self.path("f%d" % number), "wb", buffering=0)
            for piece in harness.content(number, size):
                harness.write_all(stream, piece)
            os.fsync(stream.fileno())
            handles.append((stream, number, size))
        self.mount.process.kill()
        self.mount.process.wait()
        self.mount.detach()
        for stream, _, _ in handles:
            try:
                stream.close()
            except OSError:
                pass  # ENOTCONN
        for _, number, size in handles:
            self.assertEqual(self.client.get("f%d" % number), payload(number, size))
        self.mount.start()
        for _, number, size in handles:
            check_file(self.path("f%d" % number), number, size)

    def test_terminate_saves_open_files(self):
        streams = []
        for number in range(6):
            stream = open(self.path("open%d" % number), "wb", buffering=0)
            for piece in harness.content(number, 9 * MIB + number):
                harness.write_all(stream, piece)
            streams.append(stream)
        self.mount.process.send_signal(signal.SIGTERM)
        self.mount.process.wait(60)
        self.mount.detach()
        for stream in streams:
            try:
                stream.close()
            except OSError:
                pass
        for number in range(6):
            self.assertEqual(self.client.get("open%d" % number), payload(number, 9 * MIB + number))
        self.assertEqual(self.client.uploads(), [])

    def test_kill_with_a_staged_file(self):
        write_file(self.path("f"), "old", 4 * MIB)
        handle = os.open(self.path("f"), os.O_RDWR)
        os.pwrite(handle, b"x" * 1000, 2 * MIB)
        os.pwrite(handle, b"y" * 1000, 5)
        self.mount.process.kill()
        self.mount.process.wait()
        self.mount.detach()
        try:
            os.close(handle)
        except OSError:
            pass
        self.mount.start()
        check_file(self.path("f"), "old", 4 * MIB)
        self.mount.unmount()
        left = [os.path.join(d, n) for d, _, names in os.walk(self.mount.state) for n in names
                if os.path.getsize(os.path.join(d, n)) > MIB]
        self.assertEqual(left, [], "staged data left behind")

    def test_server_killed_during_an_upload(self):
        write_file(self.path("closed"), 1, 12 * MIB)
        writer = harness.Processes(lambda name: write_file(self.path(name), "s", 200 * MIB), ["f"])
        wait_until(lambda: os.path.exists(self.path("f")) and
                   os.path.getsize(self.path("f")) > 60 * MIB, 30, "the upload to begin")
        self.server.stop(signal.SIGKILL)
        self.server.start()
        writer.join()
        check_file(self.path("f"), "s", 200 * MIB)
        self.assertEqual(self.client.get("closed"), payload(1, 12 * MIB))
        self.assertEqual(self.client.get("f"), payload("s", 200 * MIB))

    def test_dead_mount_can_be_taken_down(self):
        self.mount.process.kill()
        self.mount.process.wait()
        with self.assertRaises(OSError):
            os.listdir(self.mount.path)
        harness.run([harness.OSSFS2, "umount", self.mount.path], timeout=30)
        self.assertFalse(harness.is_mounted(self.mount.path))
        self.mount.start()
        self.assertEqual(os.listdir(self.mount.path), [])

    def test_the_command_of_the_pod_mounts_over_a_dead_mount(self):
        """A sidecar that was killed starts again in a folder where its dead mount still is."""
        self.client.put("there", b"x")
        with open(os.path.join(harness.ROOT, "conf/container/kubernetes.yaml")) as stream:
            line = next(x for x in stream if x.strip().startswith("command:"))
        words = [word.replace("/models/oss", self.mount.path).replace("exec ossfs2", "exec " + harness.OSSFS2)
                 for word in json.loads(line.split(":", 1)[1])]
        self.mount.process.kill()
        self.mount.process.wait()
        with open(self.mount.log, "ab") as log:
            self.mount.process = subprocess.Popen(words + self.mount.arguments()[3:], stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log, env=harness.clean_environment())

        def serves():
            self.assertIsNone(self.mount.process.poll(), harness.tail(self.mount.log))
            try:
                return os.listdir(self.mount.path) == ["there"]
            except OSError:
                return False

        wait_until(serves, 60, "the mount")


if __name__ == "__main__":
    harness.main()
