"""What commands say about a mount that does not serve them, and about a service that refuses: what failed, and what to do."""
import os
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Mount, Server, clean_environment

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")
NOBODY = 65534


def folder_of_nobody():
    folder = harness.temporary_folder("user")
    os.chmod(os.path.dirname(folder), 0o711)
    os.chown(folder, NOBODY, NOBODY)
    return folder


def ossfs2(*arguments, before=(), **more):
    """(status, output) of a command; `before`: a command that runs it."""
    done = harness.run([*before, OSSFS2, *arguments], check=False, timeout=60, **more)
    return done.returncode, done.stdout


class NotServed(unittest.TestCase):
    def refused(self, word, path, **more):
        for command in (["stats", path], ["explain", path + "/x"], ["set", path, "log_level=debug"]):
            status, output = ossfs2(*command, **more)
            self.assertEqual(status, 1, output)
            self.assertIn(word, output)

    def test_a_dead_mount(self):
        with Server() as server, Mount(server) as mount:
            mount.process.kill()
            mount.process.wait()
            self.refused("the daemon of %s has died: mount it again" % mount.path, mount.path)
            status, output = ossfs2("warmup", mount.path)
            self.assertEqual(status, 1, output)
            self.assertIn("mount it again", output)
            self.assertEqual(ossfs2("umount", mount.path), (0, ""))

    def test_a_mount_of_somebody_else(self):
        with Server() as server, Mount(server) as mount:
            self.refused("was mounted by another user", mount.path,
                         env=clean_environment(OSSFS2_RUNTIME_DIR=harness.temporary_folder("run")))

    @AS_ROOT
    @harness.needs("setpriv", "fusermount3")
    def test_umount_by_another_user(self):
        with Server() as server, Mount(server, "--allow_other") as mount:
            status, output = ossfs2("umount", mount.path, env=clean_environment(OSSFS2_RUNTIME_DIR=folder_of_nobody()),
                                    before=["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"])
            self.assertEqual(status, 1, output)
            self.assertIn("unmount it as that user or as root", output)
            self.assertTrue(harness.is_mounted(mount.path))


class Refused(unittest.TestCase):
    """By the service, or by the machine."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.destroy)

    def options(self):
        return ["--oss_endpoint=" + self.server.endpoint, "--oss_bucket=" + self.server.bucket,
                "--oss_access_key_id=" + KEY_ID, "--oss_access_key_secret=" + KEY_SECRET]

    def test_rename_of_an_archived_object_names_it(self):
        self.server.client.put("old", b"cold", x_oss_storage_class="Archive")
        with Mount(self.server) as mount:
            with self.assertRaises(OSError):
                os.rename(mount.path + "/old", mount.path + "/new")
            self.assertIn("copy of old to new", harness.tail(mount.log))
            status, output = ossfs2("warmup", mount.path)
            self.assertEqual(status, 1, output)
            self.assertIn("archived and not restored", output)

    def test_check_of_a_clock_that_is_corrected_only_warns(self):
        self.server.set_fault("kind=skew:1200")
        status, output = ossfs2("check", *self.options())
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"warn  clock +differs .* mounts work.*\n.*timedatectl")

    def test_check_says_the_next_step_once(self):
        self.server.set_fault("op=put,kind=status:403:AccessDenied")
        output = ossfs2("check", *self.options())[1]
        self.assertRegex(output, r"warn  put .*\n.*-> give the key the right oss:PutObject")
        self.assertNotIn("Next:", output)

    def test_check_of_a_prefix_that_holds_nothing(self):
        self.server.client.put("models/a", b"x")
        for prefix, expected in (("models", ""), ("modles", "nothing is stored below modles/")):
            status, output = ossfs2("check", "--oss_bucket_prefix=" + prefix, *self.options())
            self.assertEqual(status, 0, output)
            self.assertEqual("warn  prefix" in output, expected != "", output)
            self.assertIn(expected, output)

    @AS_ROOT
    @harness.needs("setpriv")
    def test_device_that_the_user_may_not_open(self):
        folder = folder_of_nobody()
        script = ("mount -t tmpfs -o mode=755 none /mnt && mknod -m 600 /mnt/fuse c 10 229 && "
                  "mount --bind /mnt/fuse /dev/fuse && "
                  "exec setpriv --reuid=%d --regid=%d --clear-groups \"$@\"" % (NOBODY, NOBODY))
        own = {"HOME": folder, "OSSFS2_RUNTIME_DIR": folder + "/run", "XDG_STATE_HOME": folder}
        for command in (["mount", folder_of_nobody()], ["check"]):
            status, output = ossfs2(*command, *self.options(), env=clean_environment(**own),
                                    before=["unshare", "-m", "sh", "-c", script, "sh"])
            self.assertEqual(status, 1, output)
            self.assertIn("chmod 666 /dev/fuse", output)


if __name__ == "__main__":
    harness.main()
