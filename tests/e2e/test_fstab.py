"""mount(8), fstab, umount(8), remount, and the systemd unit, as an administrator uses them.

Everything runs in a mount namespace of its own, in which /usr/sbin also has mount.ossfs2 and umount.fuse.ossfs2.
"""
import os
import socket
import subprocess
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, ROOT, Server, clean_environment

SCRIPT = r"""
set -eu
mount -t tmpfs none "$WORK"
mkdir "$WORK/up" "$WORK/work"
ln -s "$OSSFS2" "$WORK/up/mount.ossfs2"
ln -s "$OSSFS2" "$WORK/up/umount.fuse.ossfs2"
mount -t overlay none -o "lowerdir=/usr/sbin,upperdir=$WORK/up,workdir=$WORK/work" /usr/sbin
trap 'umount -l "$DIR" 2>/dev/null || :' EXIT
fail() { echo "FAILED: $*"; exit 1; }
mounted() { grep -c " $DIR " /proc/self/mountinfo || :; }
content() { [ "$(cat "$DIR/hello")" = world ] || fail "content $1"; }

mount -T "$FSTAB" "$DIR"
content "after mount"
[ "$(mounted)" = 1 ] || fail "mounted once"
mount -a -T "$FSTAB"
[ "$(mounted)" = 1 ] || fail "mount -a mounts again what is mounted"
findmnt -n -o FSTYPE,SOURCE "$DIR" | grep -q "fuse.ossfs2 *$SOURCE" || fail "source: $(findmnt "$DIR")"

echo new > "$DIR/new"
mount -T "$FSTAB" -o remount,ro "$DIR"
if echo x 2>/dev/null > "$DIR/refused"; then fail "written while read-only"; fi
content "read-only"
mount -T "$FSTAB" -o remount,rw,attr_timeout=5 "$DIR"
echo x > "$DIR/new"
if mount -T "$FSTAB" -o remount,direct_io "$DIR" 2> "$WORK/error"; then fail "direct_io by remount"; fi
grep -q "needs a new mount" "$WORK/error" || fail "error of remount: $(cat "$WORK/error")"

umount "$DIR"
[ "$(mounted)" = 0 ] || fail "umount"
mount -a -T "$FSTAB"
content "after mount -a"
[ "$(cat "$DIR/new")" = x ] || fail "what was written is gone"
"$OSSFS2" umount "$DIR"

sed 's/_netdev/_netdev,sync_upload=false/' "$FSTAB" > "$WORK/fstab"
mount -T "$WORK/fstab" "$DIR"
cp "$FSTAB" "$DIR/late"
umount "$DIR"
[ -z "$(ls "$RUN"/*.sock 2>/dev/null)" ] || fail "umount returned before the daemon had saved and left"
mount -T "$FSTAB" "$DIR"
cmp "$FSTAB" "$DIR/late" || fail "what was saved by umount"
mkdir "$WORK/bind"
mount --bind "$DIR" "$WORK/bind"
umount "$WORK/bind" 2> "$WORK/error" || fail "umount of a bind mount"
[ -s "$WORK/error" ] && fail "umount of a bind mount: $(cat "$WORK/error")"
content "after the bind mount is gone"
exec 9< "$DIR/hello"
if umount "$DIR" 2> "$WORK/error"; then fail "unmounted although it is in use"; fi
grep -q "in use by" "$WORK/error" || fail "who uses it: $(cat "$WORK/error")"
exec 9<&-
umount "$DIR"

mount -t ossfs2 "$SOURCE" "$DIR" -o "conf=$CONF,ro"
content "without fstab"
if echo x 2>/dev/null > "$DIR/refused"; then fail "written to a mount made read-only"; fi
if mount -o remount,rw "$DIR" 2> "$WORK/error"; then fail "rw of a mount made read-only"; fi
umount "$DIR"

mount -t ossfs2 "$SOURCE" "$DIR" -o "conf=$CONF"
printf '#!/bin/sh\n' > "$DIR/program"
chmod +x "$DIR/program"
"$DIR/program" || fail "a program does not start"
umount "$DIR"
mount -t ossfs2 "$SOURCE" "$DIR" -o "conf=$CONF,noexec"
findmnt -n -o OPTIONS "$DIR" | grep -q noexec || fail "noexec: $(findmnt "$DIR")"
if "$DIR/program" 2> "$WORK/error"; then fail "a program starts in spite of noexec"; fi
content "noexec"
umount "$DIR"
echo "ALL DONE"
"""


@unittest.skipIf(os.geteuid() != 0, "only root mounts by fstab")
class Fstab(unittest.TestCase):
    def test_mount_remount_umount(self):
        with Server("--fault", "op=put,key=late,kind=delay:1500") as server:
            server.client.put("hello", b"world")
            folder = harness.temporary_folder("fstab")
            conf, fstab = os.path.join(folder, "conf"), os.path.join(folder, "fstab")
            point = harness.temporary_folder("mnt")
            with open(conf, "w") as stream:
                stream.write("--oss_endpoint=%s\n--oss_access_key_id=%s\n"
                             "--oss_access_key_secret=%s\n--log_dir=%s\n--state_dir=%s\n"
                             % (server.endpoint, KEY_ID, KEY_SECRET, harness.temporary_folder("log"),
                                harness.temporary_folder("state")))
            os.chmod(conf, 0o600)
            with open(fstab, "w") as stream:
                stream.write("%s %s ossfs2 _netdev,nofail,conf=%s 0 0\n"
                             % (server.bucket, point, conf))
            run = harness.temporary_folder("run")
            done = harness.run(
                ["unshare", "-m", "sh", "-c", SCRIPT], timeout=90, check=False,
                env=clean_environment(WORK=harness.temporary_folder("work"), OSSFS2=OSSFS2, OSSFS2_RUNTIME_DIR=run,
                                      RUN=run, FSTAB=fstab, DIR=point, CONF=conf, SOURCE=server.bucket))
            self.assertIn("ALL DONE", done.stdout, done.stdout)


class Systemd(unittest.TestCase):
    @harness.needs("systemd-analyze")
    def test_unit_file(self):
        folder = harness.temporary_folder("units")
        unit = os.path.join(folder, "ossfs2@mnt-models.service")
        with open(os.path.join(ROOT, "conf/ossfs2@.service")) as source, open(unit, "w") as copy:
            copy.write(source.read().replace("/usr/bin/ossfs2", OSSFS2))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr.strip()), (0, ""))

    def test_a_wrong_config_file_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            address = os.path.join(harness.temporary_folder("run"), "notify")
            notify.bind(address)
            notify.settimeout(20)
            done = harness.run([OSSFS2, "mount", harness.temporary_folder("mnt"), "-c", "/no/such/file", "-f"],
                               check=False, env=clean_environment(NOTIFY_SOCKET=address))
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(b"STATUS=config file /no/such/file", notify.recv(4096))

    def test_ready_is_told(self):
        with Server() as server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            address = os.path.join(harness.temporary_folder("run"), "notify")
            notify.bind(address)
            notify.settimeout(20)
            mount = harness.Mount(server, start=False)
            with open(mount.log, "ab") as log:
                mount.process = subprocess.Popen(
                    mount.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=clean_environment(NOTIFY_SOCKET=address))
            try:
                told = [notify.recv(4096)]
                while told[-1].startswith(b"EXTEND_TIMEOUT_USEC="):
                    told.append(notify.recv(4096))
                self.assertGreater(len(told), 1, "no time was asked for")
                self.assertIn(b"READY=1", told[-1])
                self.assertTrue(harness.is_mounted(mount.path))
                mount.process.terminate()
                self.assertIn(b"STOPPING=1", notify.recv(4096))
                self.assertEqual(mount.process.wait(20), 0)
            finally:
                mount.destroy()


class AfterUmount(unittest.TestCase):
    """umount(8) returns before the daemon has saved everything; a mount right after it waits for that."""

    def test_mount_again_at_once(self):
        with Server() as server, harness.Mount(server, "--sync_upload=false") as mount:
            with open(os.path.join(mount.path, "late"), "w") as stream:
                stream.write("saved late")
                server.set_fault("op=put,kind=delay:8000")
            harness.wait_until(lambda: server.stats().requests("put") > 0, 60, "the upload after the close")
            harness.run(["umount", mount.path])
            first = mount.process
            self.assertIsNone(first.poll(), "it saves for some seconds")
            again = [word for word in mount.arguments() if word != "-f"]
            done = harness.run(again, timeout=60)
            self.assertIn("still saving", done.stdout)
            self.assertEqual(first.wait(60), 0)
            with open(os.path.join(mount.path, "late")) as stream:
                self.assertEqual(stream.read(), "saved late")
            harness.run([OSSFS2, "umount", mount.path])


@unittest.skipIf(os.geteuid() != 0, "only root makes mount name spaces")
class OtherNameSpace(unittest.TestCase):
    """One that was made while the mount was there has a copy of it, and keeps the daemon after umount."""

    def holder(self):
        process = subprocess.Popen(["unshare", "-m", "sleep", "600"], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def sleeps():
            with open("/proc/%d/comm" % process.pid) as stream:
                return stream.read() == "sleep\n"
        harness.wait_until(sleeps, 60, "the name space")
        return process.pid

    def test_its_processes_are_named(self):
        with Server() as server, harness.Mount(server) as mount:
            pid = self.holder()
            there = ["nsenter", "-t", str(pid), "-m", "umount", mount.path]
            for command in ([OSSFS2, "umount", mount.path], [word for word in mount.arguments() if word != "-f"]):
                done = harness.run(command, check=False, timeout=60)
                self.assertEqual(done.returncode, 1, done.stdout)
                for word in ("stored", "sleep (pid %d)" % pid, " ".join(there), "kill %d" % mount.pid):
                    self.assertIn(word, done.stdout)
            harness.run(there)
            self.assertEqual(mount.process.wait(60), 0)


class GivenUp(unittest.TestCase):
    """Who ends the start of a mount, as ^C and timeout(1) do, gets none afterwards."""

    def children(self, pid):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as stream:
            return [int(word) for word in stream.read().split()]

    def has_ended(self, pid):
        try:
            with open("/proc/%d/stat" % pid) as stream:
                return stream.read().rsplit(")", 1)[1].split()[0] == "Z"  # nobody need wait for it
        except OSError:
            return True

    def test_the_daemon_ends_with_its_starter(self):
        with Server() as server:
            mount = harness.Mount(server, start=False)
            server.set_fault("op=list,kind=delay:8000")
            starter = subprocess.Popen([word for word in mount.arguments() if word != "-f"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
            harness.wait_until(lambda: server.stats().requests("list") > 0, 60, "the question to the bucket")
            daemon, = self.children(starter.pid)
            starter.terminate()
            starter.wait()
            try:
                harness.wait_until(lambda: self.has_ended(daemon) or harness.is_mounted(mount.path), 60,
                                   "the end of the daemon")
                self.assertFalse(harness.is_mounted(mount.path))
            finally:
                mount.detach()


class Status(unittest.TestCase):
    """mount(8) and systemd look at the status of the helper: 32 is a failed mount, 1 a wrong line."""

    def test_of_the_helper(self):
        helper = os.path.join(harness.temporary_folder("sbin"), "mount.ossfs2")
        os.symlink(OSSFS2, helper)
        with Server() as server:
            given = "oss_endpoint=%s,oss_access_key_id=%s,oss_access_key_secret=wrong,state_dir=%s,log_dir=%s" % (
                server.endpoint, KEY_ID, harness.temporary_folder("state"), harness.temporary_folder("log"))
            for status, options in ((32, given), (1, given + ",atr_timeout=5"), (1, given + ",conf=/no/such/file")):
                done = harness.run([helper, server.bucket, harness.temporary_folder("mnt"), "-o", options], check=False)
                self.assertEqual(done.returncode, status, done.stdout)


class Generated(unittest.TestCase):
    """Man page and completion come from the option table."""

    def made(self, kind):
        return harness.run([OSSFS2, "docs", kind]).stdout

    @harness.needs("man")
    def test_man_page_renders(self):
        path = os.path.join(harness.temporary_folder("man"), "ossfs2.8")
        with open(path, "w") as stream:
            stream.write(self.made("man"))
        done = harness.run(["man", "--warnings", "-l", path],
                           env=clean_environment(MANPAGER="cat", MANWIDTH="100", LC_ALL="C.UTF-8"))
        self.assertNotIn("warning:", done.stdout)
        self.assertIn("oss_endpoint", done.stdout)

    def test_completion_completes(self):
        path = os.path.join(harness.temporary_folder("completion"), "ossfs2")
        with open(path, "w") as stream:
            stream.write(self.made("completion"))

        def complete(*words):
            script = ("source %s; COMP_WORDS=(%s); COMP_CWORD=%d; COMPREPLY=(); "
                      "f=$(complete -p ossfs2 | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
                      "$f ossfs2 '%s' '%s'; echo \"${COMPREPLY[@]}\""
                      % (path, " ".join("'%s'" % w for w in words), len(words) - 1, words[-1],
                         words[-2]))
            return harness.run(["bash", "-c", script]).stdout.split()

        self.assertIn("mount", complete("ossfs2", "mo"))
        self.assertIn("--oss_bucket=", complete("ossfs2", "mount", "--oss_b"))
        self.assertIn("attr_timeout=", complete("ossfs2", "set", "/mnt", "attr"))


if __name__ == "__main__":
    harness.main()
