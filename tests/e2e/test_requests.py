"""What options make of the requests: their size, how many are under way at once, and over which addresses they go.

docs/compatibility.md names these tests.
"""
import contextlib
import os
import socket
import subprocess
import threading
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, MIB, OSSFS2, Mount, is_mounted
from option_case import OptionCase

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root: another network namespace")


def overlap(lines):
    """How many of these requests (lines of the server's request log) were under way at once."""
    events = []
    for line in lines:
        end = line["time_ms"] * 1000
        events += [(end - line["taken_us"] + 1000, 1), (end, -1)]
    now = most = 0
    for _, step in sorted(events):
        now += step
        most = max(most, now)
    return most


class Concurrency(OptionCase):
    def test_prefetch_chunk_size(self):
        def sizes(*options):
            with Mount(self.server, *options) as mount:
                gets = self.requested("get", lambda: subprocess.run(
                    ["cat", os.path.join(mount.path, "big")], stdout=subprocess.DEVNULL,
                    timeout=60, check=True), key="big")
            return [x["bytes_out"] for x in gets]

        self.assertLessEqual(max(sizes("--prefetch_chunk_size=1m")), MIB)
        self.assertGreater(max(sizes()), MIB)

    def test_prefetch_concurrency_per_file(self):
        self.server.config(latency="20ms")

        def most(*options):
            with Mount(self.server, "--prefetch_chunk_size=1m", "--direct_io", *options) as mount:
                return overlap(self.requested("get", lambda: subprocess.run(
                    ["cat", os.path.join(mount.path, "big")], stdout=subprocess.DEVNULL,
                    timeout=60, check=True), key="big"))

        self.assertLessEqual(most("--prefetch_concurrency_per_file=2"), 3)  # and what cat waits for
        self.assertGreater(most(), 3)

    def test_rename_dir_concurrency(self):
        for number in range(12):
            self.client.put("many/%d" % number, b"x")
        self.server.config(latency="50ms")

        def most(old, new, *options):
            with Mount(self.server, *options) as mount:
                return overlap(self.requested("copy", lambda: os.rename(
                    os.path.join(mount.path, old), os.path.join(mount.path, new))))

        self.assertEqual(most("many", "moved", "--rename_dir_concurrency=2"), 2)
        self.assertGreater(most("moved", "many"), 3)

    def test_upload_copy_concurrency(self):
        def most(*options):
            def patch():
                with open(os.path.join(mount.path, "patched"), "r+b", buffering=0) as stream:
                    for number in range(8):
                        stream.seek((4 * number + 2) * MIB)
                        stream.write(b"p" * MIB)

            with Mount(self.server, "--upload_buffer_size=1m", *options) as mount:
                self.server.config(latency="50ms")
                lines = self.requested("copy_part", patch)
                self.server.config(latency="0ms")
            self.assertGreaterEqual(len(lines), 8)
            return overlap(lines)

        self.assertEqual(most("--upload_copy_concurrency=2"), 2)
        self.assertGreater(most(), 3)

    def test_upload_concurrency_while_mounted(self):
        def most():
            def write():
                with open(os.path.join(mount.path, "written"), "wb", buffering=0) as stream:
                    for _ in range(16):
                        stream.write(b"w" * MIB)

            return overlap(self.requested("part", write))

        with Mount(self.server, "--upload_buffer_size=1m") as mount:
            self.server.config(latency="50ms")
            self.assertGreater(most(), 3)
            harness.run([OSSFS2, "set", mount.path, "upload_concurrency=2"])
            self.assertEqual(most(), 2)


class Relay:
    """Passes bytes from a port of one address to another port: an IPv6 face of the server."""

    def __init__(self, address, target):
        self.listener = socket.create_server((address, 0), family=socket.AF_INET6)
        self.port = self.listener.getsockname()[1]
        self.target = target
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(one,), daemon=True).start()

    def connect(self, one):
        with one, socket.create_connection(self.target) as two:
            back = threading.Thread(target=self.pump, args=(two, one), daemon=True)
            back.start()
            self.pump(one, two)
            back.join()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in source, sink:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Network(OptionCase):
    @AS_ROOT
    @unittest.skipIf(not os.path.exists("/etc/hosts"), "no /etc/hosts to put another one over")
    def test_enable_ipv6(self):
        try:
            relay = Relay("::1", ("127.0.0.1", self.server.port))
        except OSError as error:
            self.skipTest("this machine has no IPv6: %s" % error)
        self.addCleanup(relay.listener.close)
        hosts = os.path.join(harness.temporary_folder("hosts"), "hosts")
        with open(hosts, "w") as stream:  # only the IPv6 address leads to the server
            stream.write("::1 oss.both.test\n127.0.0.1 oss.both.test\n")

        def check(*options):
            return harness.run(
                ["unshare", "-m", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", hosts,
                 OSSFS2, "check", "--oss_endpoint=http://oss.both.test:%d" % relay.port,
                 "--path_style", "--oss_bucket=" + self.server.bucket,
                 "--oss_access_key_id=" + KEY_ID, "--oss_access_key_secret=" + KEY_SECRET,
                 *options], check=False)

        self.assertEqual(check().returncode, 0)
        refused = check("--noenable_ipv6")
        self.assertNotEqual(refused.returncode, 0, refused.stdout)
        self.assertIn("refused", refused.stdout)

    def test_an_ipv6_endpoint_needs_ipv6(self):
        mount = Mount(self.server, "--oss_endpoint=http://[::1]:9", "--noenable_ipv6", start=False)
        done = harness.run(mount.arguments(), timeout=30, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("enable_ipv6", done.stdout)
        self.assertFalse(is_mounted(mount.path))


if __name__ == "__main__":
    harness.main()
