"""Wrong set-ups: each ends soon, with a status, a sentence that helps, and nothing mounted.

And the ways in which a right set-up may be written: the file form of the existing
client, environment, fstab helper. And that no secret shows up anywhere.
"""
import contextlib
import glob
import os
import socket
import subprocess
import threading
import unittest

import harness
from harness import (KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, fetch, free_port,
                     is_mounted, tail)

# A mount that cannot work says so within 15 s; a machine under load gets more.
LIMIT_S = 60


AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")


def mount(arguments, before=(), **more):
    """Runs `ossfs2 mount ...` (`before`: a command that runs it); returns (status, output)."""
    done = subprocess.run([*before, OSSFS2, "mount"] + arguments, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, env=more.get("env") or clean_environment())
    return done.returncode, done.stdout


def make_certificate(folder):
    """A key and a self-signed certificate for 127.0.0.1; returns their paths."""
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
                 "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate])
    return certificate, key


class TlsServer(Server):
    """A server that speaks TLS with a certificate of its own."""

    def __init__(self, *options):
        self.certificate, key = make_certificate(harness.temporary_folder("tls"))
        super().__init__("--tls-cert", self.certificate, "--tls-key", key, *options)

    @property
    def endpoint(self):
        return "https://127.0.0.1:%d" % self.port


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
    def refuse(self, arguments, *words, path=None, env=None, before=(), busy=False, ends=None):
        """The mount must fail, with the status `ends` if given; each of `words` is a text or a tuple of alternatives."""
        path = harness.temporary_folder("mnt") if path is None else path
        try:
            status, output = mount([path] + arguments, env=env, before=before)
            self.assertNotEqual(status, 0, output)
            self.assertEqual(status, ends or status, output)
            self.assertEqual(is_mounted(path), busy, output)
            self.assertGreater(len(output.strip()), 20, "no explanation")
            self.assertNotIn(KEY_SECRET, output)
            for word in words:
                choices = (word,) if isinstance(word, str) else word
                self.assertTrue(any(c.lower() in output.lower() for c in choices),
                                "none of %s in:\n%s" % (choices, output))
            return output
        finally:
            if is_mounted(path) and not busy:
                subprocess.run(["umount", "-l", path], check=False)

    def test_no_bucket(self):
        self.refuse(self.good(oss_bucket=None), "oss_bucket", ends=1)

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
        self.refuse(self.good(oss_access_key_secret="wrong"), "SignatureDoesNotMatch", "secret", ends=243)

    def test_wrong_bucket(self):
        self.refuse(self.good(oss_bucket="no-such-bucket"), "NoSuchBucket", "no-such-bucket", ends=254)

    def test_bucket_name_that_cannot_be(self):
        self.refuse(self.good(oss_bucket="Bad_Bucket!"), "bucket")

    def test_wrong_region(self):
        with Server("--region", "cn-hangzhou") as server:
            self.refuse(self.good(oss_endpoint=server.endpoint, oss_region="cn-beijing"),
                        ("region", "cn-hangzhou"))

    def test_expired_token(self):
        self.server.config(key="STS.expired:secret:token", expire_key="STS.expired")
        self.refuse(self.good(oss_access_key_id="STS.expired", oss_access_key_secret="secret",
                              oss_security_token="token"),
                    "SecurityTokenExpired", "expired", ("new token", "get a new one", "renew"))

    def test_clock_that_the_service_refuses(self):
        self.server.set_fault("kind=status:403:RequestTimeTooSkewed")
        try:
            self.refuse(self.good(), "clock", ("timedatectl", "ntp"))
        finally:
            self.server.clear_fault()

    def test_no_right_to_list(self):
        self.server.set_fault("op=list,kind=status:403:AccessDenied")
        try:
            self.refuse(self.good(), "AccessDenied", "oss:ListObjects", ends=243)
        finally:
            self.server.clear_fault()

    def test_http_to_a_tls_port(self):
        with TlsServer() as server:
            self.refuse(self.good(oss_endpoint="http://127.0.0.1:%d" % server.port), "https://")

    def test_authority_that_signed_something_else(self):
        with TlsServer() as server:
            other = make_certificate(harness.temporary_folder("ca"))[0]
            self.refuse(self.good(oss_endpoint=server.endpoint, ca_file=other),
                        "certificate", "ca_file")

    def test_authority_file_that_is_none(self):
        path = self.config("this is no certificate\n")
        self.refuse(self.good(oss_endpoint=self.server.endpoint.replace("http", "https", 1),
                              ca_file=path), "ca_file", path)
        self.refuse(self.good(ca_file="/nonexistent.pem"), "ca_file", "/nonexistent.pem")

    def test_proxy_is_down(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.refuse(self.good(http_proxy="http://127.0.0.1:%d" % port), "proxy", "http_proxy",
                    ("refused", "connect"))

    def test_address_that_answers_nothing(self):
        with socket.socket() as listener:  # a full queue: further connections are dropped silently
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            fillers = [socket.socket() for _ in range(4)]
            for one in fillers:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            self.refuse(self.good(oss_endpoint="http://127.0.0.1:%d" % port),
                        "127.0.0.1:%d" % port, ("time", "deadline", "no answer"),
                        ("firewall", "internal endpoint", "check"))
            for one in fillers:
                one.close()

    @AS_ROOT
    def test_no_fuse_device(self):
        script = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\""
        self.refuse(self.good(), "/dev/fuse", ("modprobe fuse", "--device /dev/fuse"),
                    before=["unshare", "-m", "sh", "-c", script, "sh"])

    def test_busy_mount_point(self):
        with harness.Mount(self.server) as first:
            self.refuse(self.good(), "already", str(first.pid), "ossfs2 umount", path=first.path,
                        busy=True)
            self.assertTrue(os.path.exists(os.path.join(first.path, "hello")))

    @AS_ROOT
    def test_busy_mount_point_of_another_file_system(self):
        path = harness.temporary_folder("busy")
        harness.run(["mount", "-t", "tmpfs", "none", path])
        try:
            open(os.path.join(path, "theirs"), "w").close()
            self.refuse(self.good(), "not empty", "nonempty", path=path, busy=True)
        finally:
            harness.run(["umount", path])

    def test_unreadable_config_file(self):
        folder = harness.temporary_folder("conf")
        self.refuse(["-c", folder], folder, ("directory", "not a file"))

    @AS_ROOT
    def test_unreadable_config_file_of_somebody_else(self):
        path = self.config("--oss_bucket=test\n")
        done = subprocess.run([OSSFS2, "mount", "/mnt", "-c", path], user=65534, group=65534,
                              cwd="/", capture_output=True, text=True, timeout=20, check=False,
                              stdin=subprocess.DEVNULL, env=clean_environment())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(path, done.stderr)
        self.assertIn("Permission denied", done.stderr)

    def test_credential_file_that_all_may_read(self):
        path = self.config("%s:%s\n" % (KEY_ID, KEY_SECRET))
        os.chmod(path, 0o644)
        self.refuse(self.good(oss_access_key_id=None, oss_access_key_secret=None,
                              credential_file=path), path, "chmod 600")

    @AS_ROOT
    def test_full_log_disk(self):
        folder = harness.temporary_folder("full")
        harness.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder])
        try:
            with open(os.path.join(folder, "rubbish"), "wb") as stream:
                stream.write(b"x" * 65536)
            self.refuse(self.good(log_dir=folder), "log_dir", "full", "free space")
        finally:
            harness.run(["umount", folder])

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
        self.refuse(self.good(oss_bukket="x"), "oss_bukket", "oss_bucket", ends=1)

    def test_bad_size(self):
        self.refuse(self.good(memory_data_cache_size="16x"), "memory_data_cache_size", "16x")

    def test_bad_number(self):
        self.refuse(self.good(attr_timeout="soon"), "attr_timeout", "soon")

    def test_number_out_of_range(self):
        self.refuse(self.good(prefetch_chunk_size="1k"), "prefetch_chunk_size")

    def test_refused_option_is_not_ignored(self):
        self.refuse(self.good(hdfs_set_owner_on_create="true"), "hdfs_set_owner_on_create")

    def test_mount_point_is_missing(self):
        path = os.path.join(harness.temporary_folder("x"), "missing")
        self.refuse(self.good(), path, path=path, ends=1)

    def test_mount_point_is_empty(self):
        """A variable that is not set: not the current directory."""
        self.refuse(self.good(), "empty", path="", ends=255)

    def test_mount_point_below_a_missing_folder(self):
        """The daemon's directory is /, where the same relative path may exist."""
        path = harness.temporary_folder("x")
        self.refuse(self.good(), path[1:], "no such directory", path=path[1:])
        self.assertFalse(is_mounted(path))

    def test_current_directory_is_removed(self):
        gone = harness.temporary_folder("gone")
        self.refuse(self.good(), "current directory was removed", path=".",
                    before=["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone])

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
    def test_clock_that_is_off_by_an_hour_is_learnt(self):
        self.server.set_fault("kind=skew:3600")
        try:
            self.check(self.good(log_dir=self.log_dir + "/skew"))
            logs = "".join(tail(x) for x in glob.glob(self.log_dir + "/skew/*.log"))
            self.assertIn("clock of this machine differs", logs)
            self.assertIn("timedatectl", logs)
        finally:
            self.server.clear_fault()

    def check(self, arguments, env=None, command=None):
        """The mount must come up in the background and serve; then it is taken down."""
        path = harness.temporary_folder("mnt")
        try:
            if command:
                done = harness.run([c.replace("MNT", path) for c in command], timeout=30, env=env)
                output = done.stdout
            else:
                status, output = mount([path] + arguments, env=env)
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

    def test_config_from_a_pipe(self):
        path = self.config(self.text())
        self.check(None, command=["bash", "-c", "%s mount MNT -c <(cat %s)" % (OSSFS2, path)])
        self.check(None, command=["sh", "-c", "cat %s | %s mount MNT -c /dev/stdin" % (path, OSSFS2)])

    def test_check_of_an_archive_mount(self):
        done = harness.run([OSSFS2, "check"] + self.good(storage_class="Archive"), check=False)
        self.assertIn("down at", done.stdout)
        self.assertNotIn("InvalidObjectState", done.stdout)

    def test_check_of_a_key_that_may_not_end_uploads(self):
        client = self.server.client
        done = harness.run([OSSFS2, "check"] + self.good())
        self.assertRegex(done.stdout, "pass  upload ")
        self.server.set_fault("op=abort,kind=status:403:AccessDenied")
        self.addCleanup(self.server.clear_fault)
        done = harness.run([OSSFS2, "check"] + self.good())
        self.assertRegex(done.stdout, "warn  upload .*stays open\n.*oss:AbortMultipartUpload: ")
        self.assertEqual(len(client.uploads()), 1)

    def test_closed_standard_descriptors(self):
        path = self.config(self.text())
        for closed in ("<&- >&-", "<&- >&- 2>&-", ">&-"):
            self.check(None, command=["sh", "-c", "%s mount MNT -c %s %s" % (OSSFS2, path, closed)])

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
    """A search of everything that others can see for the secret and the token."""
    TOKEN = "stsTokenThatMustNotLeak1234567"

    def processes(self):
        """argv and environment of every ossfs2 and of its children, as the kernel shows them."""
        ours = os.path.realpath(OSSFS2)
        parents, shown, found = {}, {}, set()
        for folder in glob.glob("/proc/[0-9]*"):
            try:
                pid = int(folder[6:])
                with open(folder + "/stat") as stream:
                    parents[pid] = int(stream.read().rsplit(")", 1)[1].split()[1])
                if os.readlink(folder + "/exe") == ours:
                    found.add(pid)
            except OSError:
                continue
        found |= {pid for pid, parent in parents.items() if parent in found}
        for pid in found:
            for name in "cmdline", "environ":
                try:
                    with open("/proc/%d/%s" % (pid, name), errors="replace") as stream:
                        shown["%s of %d" % (name, pid)] = stream.read()
                except OSError:
                    continue
        return shown

    def look(self, shown):
        self.assertGreater(len(shown), 0)
        for name, text in shown.items():
            for secret in KEY_SECRET, self.TOKEN:
                self.assertNotIn(secret, text, name)

    def mounted(self, arguments, env):
        """Mounts, uses the mount, and searches what can be seen of it."""
        self.server.config(key="%s:%s:%s" % ("STSKEY", KEY_SECRET, self.TOKEN))
        path = harness.temporary_folder("mnt")
        port = free_port()
        arguments = arguments + ["--log_level=debug", "--metrics_port=%d" % port]
        status, output = mount([path] + arguments, env=env)
        self.assertEqual(status, 0, output)
        try:
            with open(os.path.join(path, "f"), "w") as stream:
                stream.write("x" * 100000)
            os.rename(os.path.join(path, "f"), os.path.join(path, "g"))
            self.server.set_fault("op=head,count=2,kind=status:403:AccessDenied")
            with contextlib.suppress(OSError):
                os.stat(os.path.join(path, "absent"))  # errors are logged
            self.server.clear_fault()
            shown = self.processes()
            self.assertGreaterEqual(len(shown), 2, "the daemon was not found")
            shown["output"] = output
            shown["metrics"] = fetch("http://127.0.0.1:%d/metrics" % port)
            with open("/proc/self/mountinfo") as stream:
                shown["mountinfo"] = stream.read()
            for command in (["list"], ["mount", "--print-config", path] + arguments,
                            ["stats", path], ["stats", path, "--json"],
                            ["explain", os.path.join(path, "g")], ["explain", path],
                            ["set", path, "log_level=info"], ["set", path, "oss_access_key_secret=x"],
                            ["check"] + arguments, ["check", "--json"] + arguments,
                            ["gc", "--dry-run"] + arguments):
                done = subprocess.run([OSSFS2] + command, capture_output=True, text=True,
                                      timeout=60, env=env, stdin=subprocess.DEVNULL, check=False)
                shown[" ".join(command[:2])] = done.stdout + done.stderr
            self.assertIn("****", shown["mount --print-config"] + "*" * (
                0 if "oss_security_token" in " ".join(arguments) else 4))
            self.look(shown)
        finally:
            harness.run([OSSFS2, "umount", path], timeout=40)
        files = {}
        for folder in (self.log_dir, self.state, "/run/ossfs2"):
            for name in glob.glob(folder + "/**", recursive=True):
                if os.path.isfile(name):
                    files[name] = tail(name, 1 << 24)
        self.look(files)

    def test_given_as_options(self):
        self.mounted(self.good(oss_access_key_id="STSKEY", oss_security_token=self.TOKEN),
                     clean_environment())

    def test_given_in_the_environment(self):
        self.mounted(self.good(oss_access_key_id=None, oss_access_key_secret=None),
                     clean_environment(OSS_ACCESS_KEY_ID="STSKEY", OSS_ACCESS_KEY_SECRET=KEY_SECRET,
                                       OSS_SESSION_TOKEN=self.TOKEN,
                                       ALIBABA_CLOUD_ACCESS_KEY_SECRET=KEY_SECRET))

    def test_given_by_fromenv(self):
        self.mounted(self.good(oss_access_key_id="STSKEY", oss_access_key_secret=None) +
                     ["--fromenv=oss_access_key_secret,security_token"],
                     clean_environment(FLAGS_oss_access_key_secret=KEY_SECRET,
                                       FLAGS_security_token=self.TOKEN))

    def test_children_do_not_inherit_keys(self):
        folder = harness.temporary_folder("process")
        program, seen = os.path.join(folder, "give"), os.path.join(folder, "seen")
        with open(program, "w") as script:
            script.write("#!/bin/sh\n/usr/bin/env > %s\ncat /proc/$PPID/environ >> %s\n"
                         "printf '%%s' '{\"AccessKeyId\":\"%s\",\"AccessKeySecret\":\"%s\"}'\n"
                         % (seen, seen, KEY_ID, KEY_SECRET))
        os.chmod(program, 0o700)
        self.mounted(self.good(oss_access_key_id=None, oss_access_key_secret=None,
                               credential_process=program),
                     clean_environment(OSS_ACCESS_KEY_ID="STSKEY", OSS_ACCESS_KEY_SECRET=KEY_SECRET,
                                       OSS_SESSION_TOKEN=self.TOKEN, KEPT="visible"))
        with open(seen, errors="replace") as stream:
            text = stream.read()
        self.assertIn("KEPT=visible", text)
        self.look({"environment of credential_process": text})

    def test_the_server_hides_its_secret(self):
        pid = self.server.process.pid
        with open("/proc/%d/cmdline" % pid) as stream:
            self.assertIn("--access-key-secret", text := stream.read())
        self.look({"cmdline of the server": text})
        path = self.config(KEY_SECRET + "\n")
        with Server("--secret-file", path, secret=None) as server:
            server.client.put("by-file", b"x")


if __name__ == "__main__":
    harness.main()
