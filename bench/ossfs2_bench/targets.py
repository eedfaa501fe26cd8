"""What is measured: our mount, other mounts, and the limits (raw HTTP, tmpfs)."""
import os
import shlex
import shutil
import signal
import subprocess
import time

from . import processes

import harness  # tests/e2e, put on the path by run.py


class Target:
    """Somewhere that a workload can run. A fresh one is cold."""
    kind = "mount"  # or "http" or "local"
    ours = False
    template = ""

    def __init__(self, name):
        self.name = name
        self.path = None

    def start(self, server):
        """Makes it ready for the bucket of this server."""

    def stop(self):
        """Takes it down; nothing is left."""

    def abort(self):
        """Ends it at once, also when it hangs: requests that wait for it fail. stop() follows."""

    def end(self):
        """After the last trial of a scenario."""

    def processes(self):
        return []


class MountTarget(Target):
    """A mount program that is given as a command template.

    Fields of the template: {mountpoint} {endpoint} {host} {port} {bucket} {key_id}
    {key_secret} {workdir}. It may stay in the foreground or go to the background;
    its processes are found by the mount point in their command line.
    """

    def __init__(self, name, template, ready_s=30):
        super().__init__(name)
        self.template, self.ready_s = template, ready_s
        self.process = None

    def prepare(self, fields):
        """Writes files that the program needs."""

    def start(self, server):
        self.workdir = harness.temporary_folder(self.name)
        self.path = os.path.join(self.workdir, "mnt")
        os.mkdir(self.path)
        self.log = os.path.join(self.workdir, "log")
        fields = {"mountpoint": self.path, "endpoint": server.endpoint, "host": "127.0.0.1",
                  "port": server.port, "bucket": server.bucket, "key_id": harness.KEY_ID,
                  "key_secret": harness.KEY_SECRET, "workdir": self.workdir}
        self.prepare(fields)
        command = [word.format(**fields) for word in shlex.split(self.template)]
        harness.register(self)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            env=harness.clean_environment())
        end = time.monotonic() + self.ready_s
        while not harness.is_mounted(self.path):
            code = self.process.poll()
            if time.monotonic() > end or code not in (None, 0):
                text = harness.tail(self.log, 600)
                self.stop()
                raise RuntimeError("%s did not mount: %s" % (self.name, text.strip()))
            time.sleep(0.02)
        self.wait_for_answer(end)

    def wait_for_answer(self, end):
        """Until the mount answers; in a process of its own, because this one must not hang with it."""
        probe = subprocess.Popen(["stat", "-f", "-c", "%T", self.path], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            probe.wait(max(1.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.abort()
            probe.wait()
            raise RuntimeError("%s mounted, but does not answer" % self.name) from None

    def processes(self):
        return processes.using(self.path)

    def abort(self):
        if self.path is None:
            return
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        subprocess.run(["umount", "-l", self.path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def stop(self):
        if self.path is None:
            return
        pids = self.processes()
        polite = [["fusermount3", "-u", self.path]] if shutil.which("fusermount3") else []
        polite.append(["umount", self.path])
        for command in polite + [["umount", "-l", self.path]]:
            for _ in range(20 if command is polite[0] else 1):
                if not harness.is_mounted(self.path):
                    break
                done = subprocess.run(command, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, timeout=120, check=False)
                if done.returncode:
                    time.sleep(0.5)
        end = time.monotonic() + 20
        while time.monotonic() < end and any(self.alive(pid) for pid in pids):
            time.sleep(0.01)
        for pid in pids:
            if self.alive(pid):
                os.kill(pid, signal.SIGKILL)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.workdir, ignore_errors=True)
        self.path = None
        harness.unregister(self)

    def destroy(self):
        """For the end of the program, which nobody waits for."""
        self.abort()
        self.stop()

    def alive(self, pid):
        if self.process and pid == self.process.pid:
            return self.process.poll() is None
        return os.path.exists("/proc/%d" % pid)


OURS = ("{binary} mount {{mountpoint}} --oss_endpoint={{endpoint}} --oss_bucket={{bucket}} "
        "--oss_access_key_id={{key_id}} --oss_access_key_secret={{key_secret}} "
        "--state_dir={{workdir}}/state --log_dir={{workdir}}/logs -f {more}")


def ours(name, binary, more=""):
    target = MountTarget(name, OURS.format(binary=shlex.quote(binary), more=more))
    target.ours = True
    return target


class S3fs(MountTarget):
    def __init__(self):
        super().__init__("s3fs", "s3fs {bucket} {mountpoint} -f -o passwd_file={workdir}/passwd "
                                 "-o url={endpoint} -o use_path_request_style -o endpoint=us-east-1 "
                                 "-o parallel_count=16 -o max_stat_cache_size=200000")

    def prepare(self, fields):
        path = os.path.join(self.workdir, "passwd")
        with open(path, "w") as stream:
            stream.write("%(key_id)s:%(key_secret)s\n" % fields)
        os.chmod(path, 0o600)


class Rclone(MountTarget):
    def __init__(self):
        super().__init__("rclone", "rclone --config {workdir}/rclone.conf --cache-dir {workdir}/cache "
                                   "mount s:{bucket} {mountpoint} --vfs-cache-mode full "
                                   "--vfs-write-back 100ms "
                                   "--vfs-read-chunk-size 32M --buffer-size 32M")

    def prepare(self, fields):
        with open(os.path.join(self.workdir, "rclone.conf"), "w") as stream:
            stream.write("[s]\ntype = s3\nprovider = Other\nendpoint = %(endpoint)s\n"
                         "region = us-east-1\naccess_key_id = %(key_id)s\n"
                         "secret_access_key = %(key_secret)s\nforce_path_style = true\n" % fields)


class RawHttp(Target):
    """The limit of the network path: curl without any file system."""
    kind = "http"

    def __init__(self):
        super().__init__("curl")

    def start(self, server):
        self.client = server.client


class Tmpfs(Target):
    """The limit of the workload: the same files in memory, made once for all trials of a scenario."""
    kind = "local"

    def __init__(self):
        super().__init__("tmpfs")
        self.fresh = False

    def start(self, server):
        self.fresh = self.path is None
        if self.fresh:
            self.path = harness.temporary_folder("tmpfs", "/dev/shm")

    def end(self):
        if self.path:
            shutil.rmtree(self.path, ignore_errors=True)
            self.path = None


def present(binary, peers):
    """All targets of this machine; `peers` is a list of NAME=COMMAND."""
    found = [ours("ossfs2", binary), ours("ossfs2-direct", binary, "--direct_io")]
    if shutil.which("s3fs"):
        found.append(S3fs())
    if shutil.which("rclone"):
        found.append(Rclone())
    for peer in peers:
        name, _, command = peer.partition("=")
        if not name or "{mountpoint}" not in command:
            raise SystemExit("--peer wants NAME=COMMAND with {mountpoint} in it, not '%s'" % peer)
        found.append(MountTarget(name, command))
    if shutil.which("curl"):
        found.append(RawHttp())
    found.append(Tmpfs())
    return found
