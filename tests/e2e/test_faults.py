"""Bad answers of the service: the data is right, or the program gets an errno. Never wrong bytes."""
import errno
import os
import re
import signal
import subprocess
import sys
import time
import unittest

import harness
from harness import MIB, Mount, MountCase, Server, check_file, payload, wait_until, write_file

# Errno values that a program may meet when the service does not work.
HONEST = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EACCES, errno.EBUSY,
          errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EREMOTEIO}

SIZE = 20 * MIB + 99


class Faulty(MountCase):
    mount_options = ("--oss_request_timeout_ms=20000", "--stall_timeout_ms=2000",
                     "--attr_timeout=1")

    @classmethod
    def setUpClass(cls):
        """Objects are made before the mount, which may believe its listings for a while."""
        cls.server = Server(*cls.server_options)
        cls.client = cls.server.client
        for name in dir(cls):
            if name.startswith("test_read_"):
                cls.client.put(name, payload(name, SIZE))
            if name.startswith("test_list_"):
                for number in range(30):
                    cls.client.put("%s/f%02d" % (name, number), b"x")
        cls.mount = Mount(cls.server, *cls.mount_options)

    def tearDown(self):
        self.server.clear_fault()
        super().tearDown()

    def attempt(self, work):
        """Runs it; returns the errno of an honest failure, or 0."""
        try:
            work()
            return 0
        except OSError as error:
            self.assertIn(error.errno, HONEST, error)
            return error.errno

    def read_under(self, rule, must_work=True):
        name = self._testMethodName
        self.server.set_fault(rule)
        path = os.path.join(self.mount.path, name)
        failure = self.attempt(lambda: check_file(path, name, SIZE))
        if must_work:
            self.assertEqual(failure, 0, "%s was not survived: %s" % (
                rule, errno.errorcode.get(failure)))

    def list_under(self, rule, must_work=True):
        folder = os.path.join(self.mount.path, self._testMethodName)
        self.server.set_fault(rule)
        names = []
        failure = self.attempt(lambda: names.extend(os.listdir(folder)))
        self.assertNotEqual(failure, errno.ENOENT, "a failed list is not an absent folder")
        if failure == 0:
            self.assertEqual(len(names), 30, "a failed list must not be a short one")
        if must_work:
            self.assertEqual(failure, 0)

    def write_under(self, rule, size, must_work=True):
        """After a good close the object is right; after a bad one the old version is there."""
        name = self._testMethodName
        path = os.path.join(self.mount.path, name)
        write_file(path, "old", 2 * MIB)
        self.server.set_fault(rule)
        failure = self.attempt(lambda: write_file(path, "new", size))
        self.server.clear_fault()
        stored = self.client.get(name)
        if failure == 0:
            self.assertEqual(len(stored), size, rule)
            self.assertEqual(stored, payload("new", size), "%s: close was good, bytes are not" % rule)
        else:
            self.assertFalse(must_work, "%s was not survived: %s" % (rule, errno.errorcode[failure]))
            # The old version, or all of the new one (a late try that worked); nothing else.
            whole = (payload("old", 2 * MIB), payload("new", size))
            self.assertTrue(stored in whole, "%s: damaged, %d bytes" % (rule, len(stored)))


class Reads(Faulty):
    def test_read_5xx_now_and_then(self):
        self.read_under("op=get|head|list,kind=status:503,rate=0.3,seed=1")

    def test_read_500_three_times(self):
        self.read_under("op=get,kind=status:500:InternalError,count=3")

    def test_read_429_with_retry_after(self):
        self.read_under("op=get,kind=status:429:TooManyRequests:1,count=4")

    def test_read_resets(self):
        self.read_under("op=get,kind=reset,rate=0.3,seed=2")

    def test_read_short_bodies(self):
        self.read_under("op=get,kind=short,rate=0.5,seed=3")

    def test_read_stall(self):
        self.read_under("op=get,kind=stall,count=2")

    def test_read_html_instead_of_data(self):
        self.read_under("op=get,kind=html,count=3")

    def test_read_clock_skew(self):
        self.read_under("kind=skew:7200")

    def test_read_late_answers(self):
        self.read_under("op=get,kind=delay:300,rate=0.5,seed=4")

    def test_corrupt_bytes_are_noticed_when_asked(self):
        self.client.put("crc", payload("crc", SIZE))
        self.server.set_fault("op=get,kind=corrupt,count=1")
        with Mount(self.server, "--verify_read_crc64=true", *self.mount_options) as mount:
            path = os.path.join(mount.path, "crc")
            got = b""
            with open(path, "rb", buffering=0) as stream:
                failure = self.attempt(lambda: self.read_to_the_end(stream))
            if failure == 0:
                with open(path, "rb") as stream:
                    got = stream.read()
            if failure == 0 and got != payload("crc", SIZE):
                log = harness.tail(mount.log, 1 << 20)
                self.assertIn("crc", log.lower(), "wrong bytes, and no word of it")


    @staticmethod
    def read_to_the_end(stream):
        while stream.read(MIB):
            pass


class Ended(unittest.TestCase):
    """A program that is killed while the service is silent is gone at once, not after the deadline."""

    def test_killed_while_the_service_is_silent(self):
        with Server() as server:
            server.client.put("read", payload(1, SIZE))
            for name in ("look", "dir/entry"):
                server.client.put(name, b"x")
            with Mount(server, "--oss_request_timeout_ms=600000",
                       "--stall_timeout_ms=600000") as mount:
                os.stat(os.path.join(mount.path, "read"))
                server.set_fault("kind=stall")
                for command in (["stat", "look"], ["ls", "dir"], ["cat", "read"],
                                ["dd", "if=read", "of=/dev/null", "bs=1M", "skip=16", "iflag=direct"]):
                    with self.subTest(command=command):
                        before = server.stats().requests()
                        program = subprocess.Popen(command, cwd=mount.path, stdout=subprocess.DEVNULL,
                                                   stderr=subprocess.DEVNULL)
                        wait_until(lambda: server.stats().requests() > before, 20, "its request")
                        program.kill()
                        program.wait(60)
                mount.kill()  # its requests would wait for ten minutes more


class EndedWriter(unittest.TestCase):
    """A program that is killed while it stores something is gone long before the deadline, and its file is stored."""
    options = ("--oss_request_timeout_ms=600000", "--stall_timeout_ms=600000", "--upload_buffer_size=1m",
               "--upload_concurrency=2")
    body = ("import os, sys\n"
            "fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n"
            "left = memoryview(bytes(range(256)) * 4096 * int(sys.argv[2]))\n"
            "while left: left = left[os.write(fd, left):]\n"
            "getattr(os, sys.argv[3])(fd)\n")

    def kill_one(self, mount, server, name, mib, last):
        def stores():
            return server.stats().requests("put", "part")

        before = stores()
        program = subprocess.Popen([sys.executable, "-c", self.body, os.path.join(mount.path, name), str(mib), last])
        wait_until(lambda: stores() > before, 60, "its request")
        program.send_signal(signal.SIGTERM)
        program.wait(60)

    def test_close_and_fsync(self):
        wanted = bytes(range(256)) * 4096
        with Server() as server, Mount(server, *self.options, "--stall_timeout_ms=5000") as mount:
            for last in ("close", "fsync"):
                with self.subTest(last=last):
                    server.set_fault("op=put,kind=stall")
                    self.kill_one(mount, server, last, 1, last)
                    server.clear_fault()
                    wait_until(lambda: server.client.head(last), 60, "the file, stored without its program")
                    self.assertEqual(server.client.get(last), wanted)

    def test_write(self):
        with Server() as server, Mount(server, *self.options) as mount:
            server.set_fault("op=part,kind=stall")
            self.kill_one(mount, server, "write", 40, "close")
            mount.kill()  # its requests would wait for ten minutes more

    def test_what_fails_is_in_the_log(self):
        with Server() as server, Mount(server, *self.options, "--stall_timeout_ms=8000") as mount:
            server.set_fault("op=put,kind=stall,count=1")
            server.set_fault("op=put,kind=status:403:AccessDenied")
            self.kill_one(mount, server, "refused", 1, "close")
            log = wait_until(lambda: [line for line in harness.tail(mount.log, 1 << 20).splitlines()
                                      if "was killed while it closed" in line], 60, "the error in the log")
            self.assertIn("refused", log[0])


class Listings(Faulty):
    def test_list_5xx(self):
        self.list_under("op=list|head,kind=status:503,count=4")

    def test_list_xml_cut_off(self):
        self.list_under("op=list,kind=bad-xml,count=2")


class ForEver(Faulty):
    """Faults that do not go away: an errno, in time."""
    mount_options = ("--oss_request_timeout_ms=4000", "--attr_timeout=1")

    def test_read_html(self):
        self.read_under("op=get,kind=html", must_work=False)

    def test_read_range_is_ignored(self):
        self.read_under("op=get,kind=no-range", must_work=False)

    def test_list_xml_cut_off(self):
        self.list_under("op=list,kind=bad-xml", must_work=False)

    def test_list_html(self):
        self.list_under("op=list|head,kind=html", must_work=False)

    def test_list_forbidden(self):
        self.list_under("op=list|head,kind=status:403:AccessDenied", must_work=False)

    def test_put_html(self):
        self.write_under("op=put,kind=html", 100000, must_work=False)

    def test_complete_html(self):
        self.write_under("op=complete,kind=html", 40 * MIB, must_work=False)

    def test_forbidden(self):
        self.write_under("op=put|initiate|part|complete,kind=status:403:AccessDenied", 20 * MIB,
                         must_work=False)


class Writes(Faulty):
    def test_put_5xx(self):
        self.write_under("op=put,kind=status:500,count=3", 100000)

    def test_put_answer_lost(self):
        self.write_under("op=put,kind=lost-answer,count=1", 100000)

    def test_put_corrupt(self):
        self.write_under("op=put,kind=corrupt,count=1", 100000)

    def test_parts_5xx_and_resets(self):
        self.write_under("op=initiate|part|complete,kind=status:503,rate=0.3,seed=5", 40 * MIB)
        self.write_under("op=initiate|part|complete,kind=reset,rate=0.3,seed=6", 40 * MIB)

    def test_part_corrupt(self):
        self.write_under("op=part,kind=corrupt,count=2", 40 * MIB)

    def test_complete_answer_lost(self):
        self.write_under("op=complete,kind=lost-answer,count=1", 40 * MIB)

    def test_complete_with_another_crc(self):
        self.write_under("op=complete,kind=wrong-crc,count=1", 40 * MIB)

    def test_initiate_xml_cut_off(self):
        self.write_under("op=initiate,kind=bad-xml,count=2", 40 * MIB)

    def test_initiate_answer_lost(self):
        key = self._testMethodName
        # Another client is at work on the same key.
        answer = self.client.request("POST", key, {"uploads": None})[2].decode()
        stranger = re.search("<UploadId>(.*)</UploadId>", answer)[1]
        self.client.request("PUT", key, {"partNumber": 1, "uploadId": stranger}, body=b"theirs")
        for rule in ("op=initiate,kind=lost-answer,count=1", "op=initiate,kind=bad-xml,count=2"):
            self.write_under(rule, 40 * MIB)
        wait_until(lambda: self.client.uploads() == [key], 20, "no stale upload to remain, but for the stranger's")
        self.client.request("DELETE", key, {"uploadId": stranger})  # 404 if it had been aborted

    def test_upload_ended_by_another_client(self):
        key = self._testMethodName
        self.client.put(key, b"old")

        def work():
            with open(os.path.join(self.mount.path, key), "wb", buffering=0) as stream:
                harness.write_all(stream, payload(key, 20 * MIB))
                wait_until(lambda: self.client.uploads() == [key], 20, "the upload to be open")
                listing = self.client.request("GET", "", {"uploads": None})[2].decode()
                upload = re.search("<UploadId>(.*)</UploadId>", listing)[1]
                self.client.request("DELETE", key, {"uploadId": upload})
                harness.write_all(stream, payload(key, 20 * MIB))
        self.assertEqual(self.attempt(work), errno.EIO)
        self.assertEqual(self.client.get(key), b"old")
        write_file(os.path.join(self.mount.path, key), "again", 20 * MIB)
        self.assertEqual(self.client.get(key), payload("again", 20 * MIB))

    def test_a_failed_file_does_not_disturb_others(self):
        self.server.set_fault("op=put,key=bad-,kind=status:403:AccessDenied")
        results = {}

        def work(name):
            results[name] = self.attempt(
                lambda: write_file(os.path.join(self.mount.path, name), name, 300000))
        harness.in_threads(work, ["bad-1", "good-1", "bad-2", "good-2"])
        self.assertEqual([results["good-1"], results["good-2"]], [0, 0])
        self.assertTrue(results["bad-1"] and results["bad-2"], "a refused write was acknowledged")
        self.assertEqual(self.client.get("good-1"), payload("good-1", 300000))


class Names(Faulty):
    mount_options = ("--oss_request_timeout_ms=8000", "--attr_timeout=1")

    def rename_under(self, rule, size=3 * MIB):
        name = self._testMethodName
        one, two = os.path.join(self.mount.path, name), os.path.join(self.mount.path, name + "-2")
        write_file(one, "r", size)
        self.server.set_fault(rule)
        failure = self.attempt(lambda: os.rename(one, two))
        self.server.clear_fault()
        keys = self.client.keys(name)
        left = name + "-2" if failure == 0 else name
        self.assertIn(left, keys, "%s: lost (errno %d)" % (rule, failure))
        self.assertEqual(self.client.get(left), payload("r", size))
        return failure, keys

    def test_copy_html(self):
        self.rename_under("op=copy|copy_part,kind=html")

    def test_copy_5xx(self):
        self.assertEqual(self.rename_under("op=copy,kind=status:503,count=3")[0], 0)

    def test_copy_answer_lost(self):
        failure, keys = self.rename_under("op=copy,kind=lost-answer,count=1")
        self.assertEqual(failure, 0)
        self.assertEqual(len(keys), 1, keys)

    def test_copy_with_another_crc(self):
        failure, keys = self.rename_under("op=copy,kind=wrong-crc,count=1")
        self.assertEqual(failure, errno.EIO)
        self.assertEqual(len(keys), 1, keys)

    def test_delete_fails(self):
        failure, keys = self.rename_under("op=delete,kind=status:500,count=2")
        self.assertEqual(failure, 0)
        self.assertEqual(len(keys), 1, keys)

    def test_unlink_answer_lost(self):
        path = os.path.join(self.mount.path, "gone")
        write_file(path, 1, 100)
        self.server.set_fault("op=delete,kind=lost-answer,count=1")
        os.unlink(path)
        self.assertIsNone(self.client.head("gone"))


class NeverStored(MountCase):
    """The kernel may believe a name for attr_timeout, 60 s."""

    def test_a_new_file_that_was_not_stored_is_gone(self):
        path = os.path.join(self.mount.path, "never-stored")
        self.server.set_fault("op=put,key=never-stored,kind=status:403:AccessDenied")
        with self.assertRaises(PermissionError):
            write_file(path, 1, 1000)
        wait_until(lambda: not os.path.exists(path), 30, "the kernel to forget the name")
        self.server.clear_fault()
        write_file(path, 2, 1000)
        self.assertEqual(self.client.get("never-stored"), payload(2, 1000))


class Restart(unittest.TestCase):
    def test_server_is_away_for_4_seconds(self):
        with Server() as server, Mount(server) as mount:
            for number in range(4):
                server.client.put("r%d" % number, payload(number, 24 * MIB))
            write_file(os.path.join(mount.path, "torename"), "x", 3 * MIB)

            def work(kind):
                if kind == "write":
                    write_file(os.path.join(mount.path, "w"), "w", 24 * MIB)
                elif kind == "small":
                    write_file(os.path.join(mount.path, "s"), "s", 1000)
                elif kind == "list":
                    os.listdir(mount.path)
                elif kind == "rename":
                    os.rename(os.path.join(mount.path, "torename"),
                              os.path.join(mount.path, "renamed"))
                elif kind == "mkdir":
                    os.mkdir(os.path.join(mount.path, "d"))
                else:
                    check_file(os.path.join(mount.path, kind), int(kind[1:]), 24 * MIB)
            server.stop(signal.SIGKILL)
            workers = harness.Processes(work, ["write", "small", "list", "rename", "mkdir", "r0",
                                               "r1", "r2"])
            time.sleep(4)  # the outage that is tested
            server.start()
            workers.join()
            check_file(os.path.join(mount.path, "w"), "w", 24 * MIB)
            check_file(os.path.join(mount.path, "renamed"), "x", 3 * MIB)
            self.assertEqual(server.client.get("w"), payload("w", 24 * MIB))

    def test_server_that_stays_away_is_an_error_in_time(self):
        with Server() as server, Mount(server, "--oss_request_timeout_ms=5000",
                                       "--attr_timeout=0") as mount:
            server.client.put("f", payload("f", 20 * MIB))
            self.assertEqual(os.listdir(mount.path), ["f"])
            server.stop(signal.SIGKILL)

            def read(path):
                with open(path, "rb", buffering=0) as stream:
                    stream.read(MIB)

            with self.assertRaises(OSError) as caught:
                harness.in_threads(read, [os.path.join(mount.path, "f")], limit=100)
            self.assertIn(caught.exception.errno, HONEST)
            server.start()
            harness.wait_until(lambda: self.reads(mount), 20, "the mount to work again")

    @staticmethod
    def reads(mount):
        try:
            check_file(os.path.join(mount.path, "f"), "f", 20 * MIB)
            return True
        except OSError:
            return False


if __name__ == "__main__":
    harness.main()
