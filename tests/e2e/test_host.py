"""What the host does to a mount: its log is moved, its disks fill up or vanish, the service restarts."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import harness
from harness import (MIB, OSSFS2, Mount, Server, check_file, clean_environment, content, payload, wait_until,
                     write_all, write_file)

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")
BIG = 24 * MIB  # several parts


def text_of(path):
    with contextlib.suppress(FileNotFoundError):
        with open(path, errors="replace") as stream:
            return stream.read()
    return ""


class HostCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.client.put("old", payload(1, BIG))

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def small_disk(self, size, *options):
        folder = harness.temporary_folder("disk")
        harness.run(["mount", "-t", "tmpfs", "-o", ",".join(("size=" + size,) + options), "none", folder])
        self.addCleanup(harness.run, ["umount", "-l", folder], check=False)
        return folder

    @staticmethod
    def fill(folder):
        """Takes every byte of a small disk; returns the file that has them."""
        path = os.path.join(folder, "fill")
        with open(path, "wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(b"x" * 4096)
        return path

    def write_and_check(self, mount, name):
        path = os.path.join(mount.path, name)
        write_file(path, name, BIG)
        self.assertEqual(self.server.client.get(name), payload(name, BIG))


class Log(HostCase):
    @staticmethod
    def log_of(folder):
        return os.path.join(folder, [x for x in os.listdir(folder) if x.endswith(".log")][0])

    def reload(self, mount, log, times=1):
        os.kill(mount.pid, signal.SIGHUP)
        wait_until(lambda: text_of(log).count("SIGHUP: reading") >= times, 20, "the reload in " + log)

    def test_logrotate_moves_the_file_and_sends_a_hangup(self):
        folder = harness.temporary_folder("logs")
        with Mount(self.server, "--log_dir=" + folder) as mount:
            log = self.log_of(folder)
            self.assertIn("successfully", text_of(log))
            for number in (1, 2):
                os.rename(log, log + "-%d" % number)
                self.reload(mount, log)
                self.assertNotIn("successfully", text_of(log))
            self.assertIn("successfully", text_of(log + "-1"))
            self.assertEqual(os.stat(log).st_mode & 0o007, 0)
            mount.unmount()
            self.assertIn("is unmounted", text_of(log))

    def test_the_folder_is_removed(self):
        folder = os.path.join(harness.temporary_folder("logs"), "inner")
        with Mount(self.server, "--log_dir=" + folder) as mount:
            log = self.log_of(folder)
            shutil.rmtree(folder)
            self.reload(mount, log)
            self.write_and_check(mount, "no-log-folder")
            mount.unmount()

    @AS_ROOT
    def test_the_disk_is_full_for_a_while(self):
        folder = self.small_disk("2m")
        with Mount(self.server, "--log_dir=" + folder, "--log_level=debug") as mount:
            log = self.log_of(folder)
            fill = self.fill(folder)
            with open(log, "ab") as last:  # what is left of the page that the file has already
                last.write(b"." * (4095 - os.stat(log).st_size % 4096) + b"\n")
            for _ in range(2):
                harness.run([OSSFS2, "set", mount.path, "attr_timeout=60"])  # each writes a line
            self.write_and_check(mount, "full-log-disk")
            os.unlink(fill)
            self.reload(mount, log)
            self.assertRegex(text_of(log), "\n[0-9]+ lines of the log were lost here: No space left on device\n")
            self.assertNotIn("set attr_timeout", text_of(log))
            mount.unmount()


class StateDirectory(HostCase):
    def journal(self, mount):
        return [os.path.join(folder, name) for folder, _, names in os.walk(mount.state)
                for name in names if name.endswith(".record")]

    def test_removed_while_mounted(self):
        with Mount(self.server) as mount:
            self.write_and_check(mount, "before")
            shutil.rmtree(mount.state)
            self.write_and_check(mount, "after")
            with open(os.path.join(mount.path, "old"), "r+b", buffering=0) as stream:
                stream.seek(BIG // 2)
                stream.write(b"patched")
            self.assertEqual(self.server.client.get("old")[BIG // 2:][:7], b"patched")
            mount.unmount()

    def test_removed_while_mounted_and_then_a_crash(self):
        """What is written afterwards is in the journal that was made again."""
        with Mount(self.server) as mount:
            self.write_and_check(mount, "first")
            shutil.rmtree(mount.state)
            with open(os.path.join(mount.path, "second"), "wb", buffering=0) as stream:
                for piece in content(2, 40 * MIB):
                    write_all(stream, piece)
                wait_until(lambda: self.journal(mount), 20, "a record")
                mount.kill()
                with contextlib.suppress(OSError):
                    stream.close()
            mount.start()
            self.assertEqual(self.journal(mount), [])
            mount.unmount()

    @AS_ROOT
    def test_becomes_read_only(self):
        with Mount(self.server) as mount:
            harness.run(["mount", "--bind", mount.state, mount.state])
            self.addCleanup(harness.run, ["umount", "-l", mount.state], check=False)
            harness.run(["mount", "-o", "remount,ro,bind", mount.state])
            self.write_and_check(mount, "read-only-state")
            mount.unmount()
            self.assertIn("ossfs2 gc", text_of(mount.log))

    @AS_ROOT
    def test_full(self):
        with Mount(self.server, "--temp_dir_free_bytes=64m", start=False) as mount:
            disk = self.small_disk("80m", "nr_inodes=100")
            mount.state = os.path.join(disk, "state")
            mount.start()
            self.fill(disk)
            self.write_and_check(mount, "full-state-disk")
            with self.assertRaises(OSError) as caught, open(os.path.join(mount.path, "old"), "r+b", buffering=0) as stream:
                stream.seek(BIG // 2)
                stream.write(b"x")
            self.assertEqual(caught.exception.errno, 28, "ENOSPC, not an answer about the file")
            with open(os.path.join(mount.path, "full-state-disk"), "rb", buffering=0) as stream:
                os.unlink(stream.name)
                self.assertEqual(stream.read(MIB), payload("full-state-disk", BIG)[:MIB])
                self.collect(mount)
                stream.seek(BIG // 2)  # not read, nor asked for, so far
                self.assertEqual(stream.read(MIB), payload("full-state-disk", BIG)[BIG // 2:][:MIB])
                mount.kill()
                with contextlib.suppress(OSError):
                    stream.close()
            mount.start()
            self.assertEqual(len(self.server.client.keys(".ossfs2-")), 0, "the next start finishes it")
            mount.unmount()

    def collect(self, mount):
        """gc, for which everything is old: what the mount needs stays."""
        wait_until(lambda: time.time() % 1 > 0.9, 5, "the next second")  # the copy is older than the bound
        time.sleep(1)
        harness.run([OSSFS2, "gc", "--oss_endpoint=" + self.server.endpoint, "--oss_bucket=" + self.server.bucket,
                     "--oss_access_key_id=" + harness.KEY_ID, "--oss_access_key_secret=" + harness.KEY_SECRET,
                     "--state_dir=" + mount.state, "--older-than=0s"])
        self.assertEqual(len(self.server.client.keys(".ossfs2-unlinked-")), 1)

    def test_damaged_records(self):
        with Mount(self.server) as mount:
            with open(os.path.join(mount.path, "cut"), "wb", buffering=0) as stream:
                for piece in content(3, 40 * MIB):
                    write_all(stream, piece)
                record = wait_until(lambda: self.journal(mount), 20, "a record")[0]
                mount.kill()
                with contextlib.suppress(OSError):
                    stream.close()
            run = os.path.dirname(record)
            with open(record, "rb") as good, open(os.path.join(run, "90.record"), "wb") as half:
                half.write(good.read()[:40])
            with open(os.path.join(run, "91.record"), "wb") as huge:
                huge.truncate(1 << 40)
            os.mkdir(os.path.join(run, "92.record"))
            os.mkfifo(os.path.join(run, "93.record"))
            mount.start()
            self.assertFalse(os.path.exists(record), "the good one is done with")
            self.assertEqual(len(self.journal(mount)), 3, "the files among the damaged ones are kept")
            self.assertLess(mount.resident_bytes(peak=True), 512 * MIB)
            self.write_and_check(mount, "next")
            mount.unmount()


MAPPED_READER = """
import mmap, sys
sys.path.insert(0, sys.argv[1])
from harness import MIB, content
with open(sys.argv[2], "rb") as stream:
    mapped = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
for index, piece in enumerate(content("mapped", int(sys.argv[3]))):
    if mapped[index * MIB:index * MIB + len(piece)] != piece:
        sys.exit("MiB number %d differs" % index)
"""


class Restart(unittest.TestCase):
    """The service goes away in the middle of everything and comes back at the same address."""
    SIZE = 48 * MIB

    def test_writer_reader_and_mapped_reader_go_on(self):
        with Server() as server:
            server.client.put("read", payload("read", self.SIZE))
            server.client.put("mapped", payload("mapped", self.SIZE))
            server.config(rate="2M")
            # A machine that stands still for a while makes the outage longer, and that is not the test's matter.
            with Mount(server, "--oss_request_timeout_ms=240000") as mount:
                def at(name):
                    return os.path.join(mount.path, name)

                mapped = subprocess.Popen([sys.executable, "-c", MAPPED_READER, harness.HERE, at("mapped"),
                                           str(self.SIZE)], stderr=subprocess.PIPE, text=True)
                self.addCleanup(mapped.kill)
                works = [lambda: check_file(at("read"), "read", self.SIZE),
                         lambda: write_file(at("written"), "written", self.SIZE)]
                running = threading.Thread(target=harness.in_threads, args=(lambda work: work(), works, 200))
                failures = []

                def keep_failure(error):
                    failures.append(error.exc_value)

                previous, threading.excepthook = threading.excepthook, keep_failure
                self.addCleanup(setattr, threading, "excepthook", previous)
                running.start()
                wait_until(lambda: server.stats().requests("initiate") > 0, 60, "the upload")
                server.stop(signal.SIGKILL)
                time.sleep(2)  # the outage that is tested
                server.start()
                running.join(200)
                self.assertFalse(running.is_alive())
                self.assertEqual(failures, [])
                _, errors = mapped.communicate(timeout=200)
                self.assertEqual(mapped.returncode, 0, errors)
                self.assertEqual(server.client.get("written"), payload("written", self.SIZE))
                mount.unmount()


class HangingDaemon(unittest.TestCase):
    """A daemon that was stopped answers nothing; the commands must not wait for it."""
    LIMIT_S = 60  # for a machine that stands still now and then; each question has a limit of 2 or 10 s

    def test_others_list_and_unmount(self):
        others = clean_environment(OSSFS2_RUNTIME_DIR=harness.temporary_folder("runtime"))

        def ask(*words):
            return harness.run([OSSFS2, *words], timeout=self.LIMIT_S, env=others).stdout

        with Server() as server, Mount(server) as mount:
            os.stat(mount.path)  # known to the kernel for attr_timeout
            # On a machine that stands still one may seem to hang.
            wait_until(lambda: re.search(re.escape(mount.path) + " +- +- +mounted ", ask("list")), 60, "mounted")
            os.kill(mount.pid, signal.SIGSTOP)
            try:
                self.assertRegex(ask("list"), re.escape(mount.path) + " +- +- +hanging ")
                self.assertIn("and does not answer", ask("umount", mount.path))
                self.assertFalse(harness.is_mounted(mount.path))
            finally:
                os.kill(mount.pid, signal.SIGCONT)
            self.assertEqual(mount.process.wait(60), 0)

    def explains_link(self, ask, mount):
        wait_until(lambda: "key: d" in ask(["explain", os.path.join(mount.path, "link")]), 60, "what the link leads to")

    def test_paths_inside(self):
        """A name below the mount point is looked up by the daemon, so nobody may look it up."""
        with Server() as server, Mount(server) as mount:
            os.mkdir(os.path.join(mount.path, "d"))
            os.symlink("d", os.path.join(mount.path, "link"))
            inside = os.path.join(mount.path, "link/f")

            def ask(words):
                return harness.run([OSSFS2, *words], timeout=self.LIMIT_S, check=False).stdout

            def is_refused(words):
                self.assertIn("not answer", ask(words), words)

            self.explains_link(ask, mount)
            row = r"%s +%d +\S+ +%%s " % (re.escape(mount.path), mount.pid)
            wait_until(lambda: re.search(row % "mounted", ask(["list"])), 60, "mounted")
            os.kill(mount.pid, signal.SIGSTOP)
            try:
                self.assertRegex(ask(["list"]), row % "hanging")
                harness.in_threads(is_refused, (["explain", inside], ["warmup", inside], ["stats", inside],
                                                ["set", inside, "attr_timeout=1"]), self.LIMIT_S)
                self.assertIn("is not mounted", ask(["umount", inside]))
            finally:
                os.kill(mount.pid, signal.SIGCONT)
            self.explains_link(ask, mount)
            mount.unmount()


if __name__ == "__main__":
    harness.main()
