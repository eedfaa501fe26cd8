"""Wrong set-ups: each ends soon, with a status, a sentence that helps, and nothing mounted."""
import os
import socket
import subprocess
import threading
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, is_mounted
from setup_case import SetupCase, TlsServer, make_certificate

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")


class Wrong(SetupCase):
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

    @AS_ROOT
    @harness.needs("setpriv")
    def test_a_container_that_may_not_mount(self):
        self.refuse(self.good(), "--cap-add SYS_ADMIN", before=["setpriv", "--bounding-set=-sys_admin"])

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
        # setpriv, since it still finds a program that lies below a private home directory.
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", OSSFS2, "mount", "/mnt",
                               "-c", path], cwd="/", capture_output=True, text=True, timeout=20, check=False,
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


if __name__ == "__main__":
    harness.main()
