"""A mount on a directory that autofs watches (x-systemd.automount in fstab).

Only the process group that systemd mounts from may look at such a directory. The kernel lets every other process wait
until the mount is there, so a mounting process that left the group would wait for itself.
"""
import os
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment

SCRIPT = r"""
set -eu
mkfifo "$WORK/pipe"
exec 9<>"$WORK/pipe"
mount -i -t autofs -o "fd=9,pgrp=$GROUP,minproto=5,maxproto=5,direct" test "$DIR"
trap 'umount "$DIR"' EXIT
"$OSSFS2" mount "$DIR" -c "$CONF"
[ "$(cat "$DIR/hello")" = world ] || { echo "FAILED: content"; exit 1; }
daemon=$("$OSSFS2" list | sed -n "s|^$DIR  *\([0-9]*\) .*|\1|p")
[ "$(cut -d' ' -f6 "/proc/$daemon/stat")" = "$daemon" ] || { echo "FAILED: the daemon keeps the terminal"; exit 1; }
"$OSSFS2" umount "$DIR"
echo "ALL DONE"
"""


def has_autofs():
    with open("/proc/filesystems") as known:
        return any(line.split()[-1] == "autofs" for line in known)


@unittest.skipIf(os.geteuid() != 0, "only root mounts autofs")
@unittest.skipIf(not has_autofs(), "the kernel has no autofs")
class Automount(unittest.TestCase):
    def test_mount_on_demand(self):
        with Server() as server:
            server.client.put("hello", b"world")
            conf = os.path.join(harness.temporary_folder("conf"), "conf")
            with open(conf, "w") as stream:
                stream.write("--oss_endpoint=%s\n--oss_bucket=%s\n--oss_access_key_id=%s\n"
                             "--oss_access_key_secret=%s\n--log_dir=%s\n--state_dir=%s\n"
                             % (server.endpoint, server.bucket, KEY_ID, KEY_SECRET, harness.temporary_folder("log"),
                                harness.temporary_folder("state")))
            os.chmod(conf, 0o600)
            done = harness.run(
                ["unshare", "-m", "sh", "-c", SCRIPT], timeout=120, check=False,
                env=clean_environment(WORK=harness.temporary_folder("work"), DIR=harness.temporary_folder("mnt"),
                                      OSSFS2=OSSFS2, CONF=conf, GROUP=str(os.getpgrp())))
            self.assertIn("ALL DONE", done.stdout, done.stdout)


if __name__ == "__main__":
    harness.main()
