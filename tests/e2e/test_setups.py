"""The ways in which a right set-up may be written: the file form of the existing client, environment, fstab helper."""
import glob
import os
import subprocess

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, is_mounted, tail
from setup_case import SetupCase, mount


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

    @harness.RAISES_READ_AHEAD
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


if __name__ == "__main__":
    harness.main()
