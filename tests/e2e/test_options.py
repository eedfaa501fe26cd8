"""What single options do, seen from outside: in the kernel's requests, at the server, in the process.

docs/compatibility.md names these tests. One server, many short mounts.
"""
import collections
import contextlib
import ctypes
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import harness
from harness import (KEY_ID, KEY_SECRET, MIB, OSSFS2, Mount, Server, clean_environment, fetch,
                     free_port, is_mounted)

NOBODY = 65534
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root: another user, or mount(2)")


def opcodes(mount, work):
    """The kernel's requests during work(), by name, from the trace of a mount with -d."""
    begin = os.path.getsize(mount.log)
    work()
    with open(mount.log, "rb") as log:
        log.seek(begin)
        text = log.read().decode(errors="replace")
    return collections.Counter(re.findall(r"opcode: ([A-Z]+)", text))


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


def threads(pid, name):
    """How many threads of the process have this name."""
    count = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(OSError):
            with open("/proc/%d/task/%s/comm" % (pid, task)) as comm:
                count += comm.read().strip() == name
    return count


class OptionCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.requests_log = os.path.join(harness.temporary_folder("log"), "requests")
        cls.server = Server("--requests-log", cls.requests_log, "--synthetic", "big=64m",
                            "--synthetic", "patched=32m")
        cls.client = cls.server.client
        for number in range(3):
            cls.client.put("d/f%d" % number, b"x")
        cls.client.put("hello", b"world")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def tearDown(self):
        self.server.config(latency="0ms")

    def requested(self, operation, work, **fields):
        """The requests of one kind that the server answered during work()."""
        begin = os.path.getsize(self.requests_log)
        work()
        with open(self.requests_log) as log:
            log.seek(begin)
            lines = [json.loads(line) for line in log]
        return [x for x in lines if x["op"] == operation and
                all(x[name] == value for name, value in fields.items())]


class KernelCache(OptionCase):
    """Options that tell the kernel what it may answer itself; -d shows what it still asks."""

    def traced(self, *options):
        mount = Mount(self.server, "-d", *options)
        self.addCleanup(mount.destroy)
        os.listdir(os.path.join(mount.path, "d"))
        return mount

    def stat_twice(self, mount, name):
        def work():
            for _ in range(2):
                with contextlib.suppress(FileNotFoundError):
                    os.stat(os.path.join(mount.path, name))
        return opcodes(mount, work)

    def test_debug_traces_and_stays_in_the_foreground(self):
        with Mount(self.server, "-d") as mount:
            self.assertGreater(opcodes(mount, lambda: os.listdir(mount.path))["OPENDIR"], 0)
            self.assertTrue(mount.alive())
        with Mount(self.server) as mount:
            self.assertEqual(opcodes(mount, lambda: os.listdir(mount.path)), {})

    def test_names_and_attributes_are_kept_by_default(self):
        asked = self.stat_twice(self.traced(), "d/f0")
        self.assertLessEqual(asked["LOOKUP"] + asked["GETATTR"], 1, asked)

    def test_fuse_attr_timeout(self):
        asked = self.stat_twice(self.traced("--fuse_attr_timeout=0"), "d/f0")
        self.assertGreaterEqual(asked["GETATTR"], 1, asked)
        mount = self.traced("--fuse_attr_timeout=0")
        asked = self.requested("head", lambda: self.stat_twice(mount, "d/f0"))
        self.assertEqual(asked, [], "attr_timeout still holds inside ossfs2")

    def test_fuse_entry_timeout(self):
        asked = self.stat_twice(self.traced("--fuse_entry_timeout=0"), "d/f0")
        self.assertGreaterEqual(asked["LOOKUP"], 2, asked)

    def test_negative_timeout(self):
        asked = self.stat_twice(self.traced(), "d/absent")
        self.assertEqual(asked["LOOKUP"], 2, asked)
        mount = self.traced("--negative_timeout=60")
        self.assertEqual(self.stat_twice(mount, "d/absent")["LOOKUP"], 1)
        with open(os.path.join(mount.path, "d/absent"), "w"):
            pass  # an own creation is seen at once all the same
        self.assertTrue(os.path.exists(os.path.join(mount.path, "d/absent")))
        os.unlink(os.path.join(mount.path, "d/absent"))

    def test_readdirplus(self):
        def list_long(mount):
            def work():
                for entry in os.scandir(os.path.join(mount.path, "d")):
                    entry.stat()
            return opcodes(mount, work)

        with Mount(self.server, "-d") as mount:
            asked = list_long(mount)
            self.assertGreaterEqual(asked["READDIRPLUS"], 1, asked)
            self.assertLessEqual(asked["LOOKUP"], 1, asked)  # that of the directory itself
        with Mount(self.server, "-d", "--noreaddirplus") as mount:
            asked = list_long(mount)
            self.assertEqual(asked["READDIRPLUS"], 0, asked)
            self.assertGreaterEqual(asked["READDIR"], 1, asked)
            self.assertGreaterEqual(asked["LOOKUP"], 3, asked)

    def test_kernel_readdir_cache_timeout(self):
        for options, again in ([], True), (["--kernel_readdir_cache_timeout=60"], False):
            mount = self.traced(*options)
            asked = opcodes(mount, lambda: self.assertEqual(
                len(os.listdir(os.path.join(mount.path, "d"))), 3))
            self.assertEqual(asked["READDIR"] + asked["READDIRPLUS"] > 0, again, asked)


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
        with Mount(self.server, "-c", conf, *Credentials.NO_KEYS) as mount:
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


class KeyServer:
    """A fake of a metadata service that answers with keys; counts how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.lifetime_s = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                answer = {"Code": "Success", "AccessKeyId": KEY_ID, "AccessKeySecret": KEY_SECRET}
                if outer.lifetime_s is not None:
                    answer["Expiration"] = time.strftime(
                        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + outer.lifetime_s))
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/role" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Proxy:
    """An HTTP proxy that passes requests on and keeps their URLs."""

    def __init__(self):
        self.urls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                outer.urls.append(self.path)
                parts = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                onward = http.client.HTTPConnection(parts.netloc, timeout=30)
                onward.request(self.command, self.path[len("http://" + parts.netloc):], body or None,
                               dict(self.headers))
                answer = onward.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                onward.close()

            do_GET = do_PUT = do_POST = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Credentials(OptionCase):
    NO_KEYS = ("--oss_access_key_id=", "--oss_access_key_secret=")

    def use_keys_until(self, mount, condition, what):
        def step():
            with contextlib.suppress(FileNotFoundError):
                os.stat(os.path.join(mount.path, "absent"))  # each asks the server
            return condition()
        harness.wait_until(step, 20, what)

    def test_ram_role_and_refresh_interval(self):
        keys = KeyServer()
        self.addCleanup(keys.close)
        with Mount(self.server, "--ram_role=" + keys.url, *self.NO_KEYS) as mount:
            self.use_keys_until(mount, lambda: True, "a request")
            self.assertEqual(keys.asked, 1, "keys that do not expire are asked for once")
        keys.lifetime_s = 3600
        with Mount(self.server, "--ram_role=" + keys.url, "--credential_refresh_interval=1",
                   *self.NO_KEYS):
            harness.wait_until(lambda: keys.asked >= 4, 20, "refreshes of an idle mount")

    def test_no_proxy_sees_the_keys_of_a_role(self):
        keys, proxy = KeyServer(), Proxy()
        self.addCleanup(keys.close)
        self.addCleanup(proxy.close)
        with Mount(self.server, "--ram_role=" + keys.url, "--http_proxy=" + proxy.url, *self.NO_KEYS) as mount:
            self.assertGreater(len(proxy.urls), 0, "requests to the bucket go through it")
            self.assertEqual(keys.asked, 1)
            os.kill(mount.pid, signal.SIGHUP)
            harness.wait_until(lambda: keys.asked >= 2, 20, "keys after the reload")
        self.assertEqual([url for url in proxy.urls if url.startswith(keys.url)], [])

    def test_credential_process(self):
        folder = harness.temporary_folder("process")
        program, runs = os.path.join(folder, "give"), os.path.join(folder, "runs")
        with open(program, "w") as script:
            script.write("#!/bin/sh\necho run >> %s\nprintf '%%s' '%s'\n" % (runs, json.dumps(
                {"AccessKeyId": KEY_ID, "AccessKeySecret": KEY_SECRET})))
        os.chmod(program, 0o700)

        def count():
            with open(runs) as lines:
                return len(lines.readlines())

        with Mount(self.server, "--credential_process=" + program,
                   "--credential_refresh_interval=1", *self.NO_KEYS) as mount:
            self.assertEqual(count(), 1)
            self.use_keys_until(mount, lambda: count() >= 3, "a second and a third run")


if __name__ == "__main__":
    harness.main()
