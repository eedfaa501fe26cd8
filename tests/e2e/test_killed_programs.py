"""Programs that are killed while the service is silent: they are gone at once, and what they closed is stored."""
import os
import signal
import subprocess
import sys
import unittest

import harness
from fault_case import SIZE
from harness import Mount, Server, payload, wait_until


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


if __name__ == "__main__":
    harness.main()
