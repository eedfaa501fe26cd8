"""Wrong set-ups: each ends soon, with a status, a sentence that helps, and nothing mounted.

And the ways in which a right set-up may be written: the file form of the existing
client, environment, fstab helper. And that no secret shows up anywhere.
"""
import glob
import os
import socket
import subprocess
import threading
import time
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, is_mounted, tail

LIMIT_S = 15


def mount(arguments, **more):
    """Runs `ossfs2 mount ...`; returns (status, output, seconds)."""
    started = time.monotonic()
    done = subprocess.run([OSSFS2, "mount"] + arguments, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60,
                          stdin=subprocess.DEVNULL, env=more.get("env") or clean_environment())
    return done.returncode, done.stdout, time.monotonic() - started


class SetupCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.client.put("hello", b"world")
        cls.log_dir = harness.temporary_folder("logs")
        cls.state = harness.temporary_folder("state")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def good(self, **changes):
        """The options of a right set-up, with changes; None drops one."""
        options = {"oss_endpoint": self.server.endpoint, "oss_bucket": self.server.bucket,
                   "oss_access_key_id": KEY_ID, "oss_access_key_secret": KEY_SECRET,
                   "log_dir": self.log_dir, "state_dir": self.state}
        options.update(changes)
        return ["--%s=%s" % item for item in options.items() if item[1] is not None]


    def config(self, text):
        path = os.path.join(harness.temporary_folder("conf"), "ossfs2.conf")
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, 0o600)
        return path


class Wrong(SetupCase):
    def refuse(self, arguments, *words, path=None, limit=LIMIT_S, env=None):
        """The mount must fail; each of `words` is a text or a tuple of alternatives."""
        path = path or harness.temporary_folder("mnt")
        try:
            status, output, seconds = mount([path] + arguments, env=env)
            self.assertNotEqual(status, 0, output)
            self.assertFalse(is_mounted(path), output)
            self.assertLess(seconds, limit, output)
            self.assertGreater(len(output.strip()), 20, "no explanation")
            self.assertNotIn(KEY_SECRET, output)
            for word in words:
                choices = (word,) if isinstance(word, str) else word
                self.assertTrue(any(c.lower() in output.lower() for c in choices),
                                "none of %s in:\n%s" % (choices, output))
            return output
        finally:
            if is_mounted(path):
                subprocess.run(["umount", "-l", path], check=False)

    def test_no_bucket(self):
        self.refuse(self.good(oss_bucket=None), "oss_bucket")

    def test_no_endpoint(self):
        self.refuse(self.good(oss_endpoint=None), "oss_endpoint")

    def test_no_credentials(self):
        env = clean_environment(HOME=harness.temporary_folder("home"))
        self.refuse(self.good(oss_access_key_id=None, oss_access_key_secret=None),
                    ("credential", "access key", "oss_access_key_id"), env=env)

    def test_wrong_key_id(self):
        self.refuse(self.good(oss_access_key_id="NOSUCHKEYID"), "InvalidAccessKeyId",
                    ("oss_access_key_id", "access key"))

    def test_wrong_secret(self):
        self.refuse(self.good(oss_access_key_secret="wrong"), "SignatureDoesNotMatch", "secret")

    def test_wrong_bucket(self):
        self.refuse(self.good(oss_bucket="no-such-bucket"), "NoSuchBucket", "no-such-bucket")

    def test_bucket_name_that_cannot_be(self):
        self.refuse(self.good(oss_bucket="Bad_Bucket!"), "bucket")

    def test_wrong_region(self):
        with Server("--region", "cn-hangzhou") as server:
            self.refuse(self.good(oss_endpoint=server.endpoint, oss_region="cn-beijing"),
                        ("region", "cn-hangzhou"))

    def test_nobody_listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.refuse(self.good(oss_endpoint="http://127.0.0.1:%d" % port),
                    ("refused", "connect"), "oss_endpoint")

    def test_unknown_host(self):
        self.refuse(self.good(oss_endpoint="http://oss.invalid"), "oss.invalid",
                    ("resolve", "name"))

    def test_https_to_a_plain_port(self):
        self.refuse(self.good(oss_endpoint=self.server.endpoint.replace("http", "https", 1)),
                    ("https", "tls", "ssl"))

    def test_not_an_oss_server(self):
        listener = socket.create_server(("127.0.0.1", 0))
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        body = b"<html><body>Welcome to the hotel</body></html>"
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                           b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
                                           % (len(body), body))
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            self.refuse(self.good(oss_endpoint="http://127.0.0.1:%d" % listener.getsockname()[1]),
                        ("OSS", "proxy", "portal", "not an"))
        finally:
            stop.set()
            listener.close()

    def test_endpoint_that_is_no_address(self):
        self.refuse(self.good(oss_endpoint="ftp://somewhere"), "oss_endpoint")

    def test_unknown_option(self):
        self.refuse(self.good(oss_bukket="x"), "oss_bukket", "oss_bucket")

    def test_bad_size(self):
        self.refuse(self.good(memory_data_cache_size="16x"), "memory_data_cache_size", "16x")

    def test_bad_number(self):
        self.refuse(self.good(attr_timeout="soon"), "attr_timeout", "soon")

    def test_number_out_of_range(self):
        self.refuse(self.good(prefetch_chunk_size="1k"), "prefetch_chunk_size")

    def test_refused_option_is_not_ignored(self):
        self.refuse(self.good(auto_create_bucket="true"), "auto_create_bucket")

    def test_mount_point_is_missing(self):
        path = os.path.join(harness.temporary_folder("x"), "missing")
        self.refuse(self.good(), path, path=path)

    def test_mount_point_is_a_file(self):
        path = os.path.join(harness.temporary_folder("x"), "file")
        open(path, "w").close()
        self.refuse(self.good(), "directory", path=path)

    def test_mount_point_is_not_empty(self):
        path = harness.temporary_folder("full")
        open(os.path.join(path, "thing"), "w").close()
        self.refuse(self.good(), "empty", "nonempty", path=path)

    def test_config_file_is_missing(self):
        self.refuse(["-c", "/nonexistent/ossfs2.conf"], "/nonexistent/ossfs2.conf")

    def test_typo_in_the_config_file(self):
        path = self.config("# a comment\n--oss_bucket=test\n\n--oss_endpont=http://x\n")
        self.refuse(["-c", path], path, "oss_endpont", "oss_endpoint", ("4", "line"))

    def test_bad_value_in_the_config_file(self):
        path = self.config("--oss_bucket=test\n--ro=perhaps\n")
        self.refuse(["-c", path] + self.good(), path, "ro", "perhaps", ("2", "line"))

    def test_config_line_without_dashes(self):
        path = self.config("oss_bucket=test\noss_endpoint=http://127.0.0.1:1\n")
        self.refuse(["-c", path], ("--", "oss_bucket"))

    def test_memory_limit_too_small(self):
        self.refuse(self.good(total_mem_limit="1M"), "total_mem_limit")

    def test_log_folder_cannot_be_made(self):
        self.refuse(self.good(log_dir="/proc/nowhere/logs"), "log_dir")

    def test_staging_folder_cannot_be_made(self):
        self.refuse(self.good(temp_dir="/proc/nowhere/staging"), ("temp_dir", "staging"))

    def test_no_arguments(self):
        done = subprocess.run([OSSFS2], capture_output=True, text=True, timeout=20,
                              env=clean_environment(), stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("mount", done.stdout + done.stderr)

    def test_umount_of_nothing(self):
        done = subprocess.run([OSSFS2, "umount", harness.temporary_folder("x")],
                              capture_output=True, text=True, timeout=20,
                              env=clean_environment(), stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not", (done.stdout + done.stderr).lower())


class Right(SetupCase):
    def check(self, arguments, env=None, command=None):
        """The mount must come up in the background and serve; then it is taken down."""
        path = harness.temporary_folder("mnt")
        try:
            if command:
                done = harness.run([c.replace("MNT", path) for c in command], timeout=30, env=env)
                output = done.stdout
            else:
                status, output, _ = mount([path] + arguments, env=env)
                self.assertEqual(status, 0, output)
            self.assertTrue(is_mounted(path), output)
            with open(os.path.join(path, "hello")) as stream:
                self.assertEqual(stream.read(), "world")
            return output
        finally:
            if is_mounted(path):
                harness.run([OSSFS2, "umount", path], timeout=40)
            self.assertFalse(is_mounted(path))

    def text(self):
        return ("# my bucket\n\n--oss_endpoint=%s\n  --oss_bucket=%s\n-oss_access_key_id=%s\n"
                "--oss_access_key_secret=%s\n--memory_data_cache_size=16g\n--log_dir=%s\n"
                "--state_dir=%s\n" % (self.server.endpoint, self.server.bucket, KEY_ID, KEY_SECRET,
                                      self.log_dir, self.state))

    def test_config_file_of_the_existing_client(self):
        output = self.check(["-c", self.config(self.text())])
        self.assertIn("success", output.lower())

    def test_command_line_wins_over_the_file(self):
        path = self.config(self.text() + "--oss_bucket=wrong\n")
        self.check(["--conf", path, "--oss_bucket=" + self.server.bucket, "--noreaddirplus"])

    def test_names_of_the_existing_client_are_accepted(self):
        self.check(self.good(prefetch_chunks="16", upload_buffer_size="16MiB", attr_timeout="5",
                             disk_data_cache_dir="", enable_transmission_control="true",
                             max_inode_cache_count="1000", dir_mode="0755", file_mode="0644",
                             close_to_open="true", oss_request_timeout_ms="20000"))

    @unittest.skipIf(os.geteuid() != 0, "only root may raise the kernel's read-ahead")
    def test_read_ahead_is_raised_on_every_mount(self):
        for _ in range(6):  # it was lost now and then, when it was set before INIT was answered
            with harness.Mount(self.server, "--read_ahead_kb=768") as one:
                device = os.stat(one.path).st_dev
                name = "/sys/class/bdi/%d:%d/read_ahead_kb" % (os.major(device), os.minor(device))

                def raised():
                    with open(name) as stream:
                        return stream.read().strip() == "768"
                harness.wait_until(raised, 5, "the kernel's read-ahead")

    def test_environment(self):
        env = clean_environment(OSS_ACCESS_KEY_ID=KEY_ID, OSS_ACCESS_KEY_SECRET=KEY_SECRET)
        self.check(self.good(oss_access_key_id=None, oss_access_key_secret=None), env=env)

    def test_fstab_helper(self):
        folder = harness.temporary_folder("sbin")
        helper = os.path.join(folder, "mount.ossfs2")
        os.symlink(OSSFS2, helper)
        options = ("_netdev,nofail,rw,noatime,oss_endpoint=%s,oss_access_key_id=%s,"
                   "oss_access_key_secret=%s,log_dir=%s,state_dir=%s"
                   % (self.server.endpoint, KEY_ID, KEY_SECRET, self.log_dir, self.state))
        output = self.check(None, command=[helper, self.server.bucket, "MNT", "-o", options])
        self.assertNotIn(KEY_SECRET, output)

    def test_signature_v4(self):
        with Server("--region", "cn-hangzhou") as server:
            server.client.put("hello", b"world")
            self.check(self.good(oss_endpoint=server.endpoint, oss_region="cn-hangzhou"))

    def test_version_and_help(self):
        for arguments in (["--version"], ["-v"], ["--help"], ["mount", "--help"]):
            done = subprocess.run([OSSFS2] + arguments, capture_output=True, text=True, timeout=20,
                                  env=clean_environment(), stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 0, arguments)
            self.assertTrue(done.stdout.strip(), arguments)


class Secrets(SetupCase):
    def test_no_secret_is_shown(self):
        path = harness.temporary_folder("mnt")
        status, output, _ = mount([path] + self.good(log_level="debug"))
        self.assertEqual(status, 0, output)
        try:
            with open(os.path.join(path, "f"), "w") as stream:
                stream.write("x" * 100000)
            os.rename(os.path.join(path, "f"), os.path.join(path, "g"))
            shown = {"output": output}
            for folder in glob.glob("/proc/[0-9]*"):
                try:
                    if os.readlink(folder + "/exe").startswith(os.path.realpath(OSSFS2)) and \
                            "server" not in os.path.basename(os.readlink(folder + "/exe")):
                        with open(folder + "/cmdline") as stream:
                            shown[folder] = stream.read()
                except OSError:
                    continue
            self.assertGreater(len(shown), 1, "the daemon was not found")
            with open("/proc/self/mountinfo") as stream:
                shown["mountinfo"] = stream.read()
            for command in (["list"], ["print-config"] + self.good(), ["stats", path],
                            ["check"] + self.good(), ["bugreport", path]):
                done = subprocess.run([OSSFS2] + command, capture_output=True, text=True,
                                      timeout=30, env=clean_environment(),
                                      stdin=subprocess.DEVNULL)
                shown[" ".join(command[:1])] = done.stdout + done.stderr
            for name, text in shown.items():
                self.assertNotIn(KEY_SECRET, text, name)
        finally:
            harness.run([OSSFS2, "umount", path], timeout=40)
        for folder in (self.log_dir, self.state):
            for name in glob.glob(folder + "/**", recursive=True):
                if os.path.isfile(name):
                    self.assertNotIn(KEY_SECRET, tail(name, 1 << 24), name)


if __name__ == "__main__":
    harness.main()
