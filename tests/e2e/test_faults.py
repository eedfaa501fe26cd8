"""Bad answers of the service: what is read and listed is right, or the program gets an errno. Never wrong bytes."""
import os
import signal
import time
import unittest

import harness
from fault_case import HONEST, SIZE, FaultCase
from harness import MIB, Mount, Server, check_file, payload, write_file


class Reads(FaultCase):
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


class Listings(FaultCase):
    def test_list_5xx(self):
        self.list_under("op=list|head,kind=status:503,count=4")

    def test_list_xml_cut_off(self):
        self.list_under("op=list,kind=bad-xml,count=2")


class ForEver(FaultCase):
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
