"""The end of a mount whose server does not answer: bounded by flush_deadline, not by the time-outs of requests. What was
not saved is told, and the next mount finds the bucket in order."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import unittest

import harness
from harness import MIB, OSSFS2, Mount, Server, block, clean_environment, payload, temporary_folder, wait_until

# One request may take 60 s, and several follow one another; the bound leaves a busy machine ten times what is needed.
OPTIONS = ("--upload_buffer_size=1m", "--flush_deadline=1", "--oss_request_timeout_ms=60000", "--total_mem_limit=64m",
           "--staging_size_max=16m")
BOUND_S = 30


class Stop(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.client.put("old", payload("old", 24 * MIB))
        self.children = []
        self.files = []

    def tearDown(self):
        for fd in self.files:
            with contextlib.suppress(OSError):
                os.close(fd)
        for pid in self.children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self.server.destroy()

    def mounted(self, *options):
        mount = Mount(self.server, *OPTIONS, *options)
        self.addCleanup(mount.destroy)
        os.stat(mount.path + "/old")
        return mount

    def open(self, mount, name, flags=os.O_CREAT | os.O_RDWR):
        self.files.append(os.open(mount.path + "/" + name, flags))
        return self.files[-1]

    def close(self, fd):
        self.files.remove(fd)
        os.close(fd)

    def program(self, work):
        """A process that goes on with the mount while it ends."""
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                work()
            os._exit(0)
        self.children.append(pid)

    def silence(self, requests):
        """No answers from now on; `requests` are sent and wait."""
        self.server.set_fault("kind=stall")
        before = self.server.stats().requests()
        requests()
        wait_until(lambda: self.server.stats().requests() > before, 20, "a request that waits")

    def end(self, mount):
        """The daemon's exit status after SIGTERM, within the bound."""
        mount.process.send_signal(signal.SIGTERM)
        try:
            status = mount.process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            self.fail("the daemon is there %d s after SIGTERM\n%s" % (BOUND_S, harness.tail(mount.log)))
        return status

    def next_mount(self, mount):
        """Mounts again with a server that works; what it says of the last time."""
        mount.detach()
        self.server.clear_fault()
        mount.start()
        with open(mount.log, errors="replace") as log:
            return {line.split("could not save: ")[1].split(":")[0] for line in log if "could not save: " in line}

    def test_writers(self):
        mount = self.mounted()
        saved = self.open(mount, "saved")
        os.write(saved, b"saved")
        os.fsync(saved)
        os.write(self.open(mount, "idle"), b"not saved")
        busy = self.open(mount, "busy")
        for index in range(6):
            os.write(busy, block("busy", index))
        self.silence(lambda: self.program(lambda: [os.write(busy, block("busy", index)) for index in range(6, 200)]))
        self.assertEqual(self.end(mount), 1)
        self.assertEqual(self.next_mount(mount), {"/idle", "/busy"})
        self.assertEqual(sorted(self.server.client.keys()), ["old", "saved"])
        self.assertEqual(self.server.client.uploads(), [])

    def test_provisional_version(self):
        """The old version comes back, although the end had no time for it."""
        mount = self.mounted()
        fd = self.open(mount, "old", os.O_RDWR | os.O_TRUNC)
        for index in range(12):
            os.write(fd, block("new", index))
        os.pwrite(fd, b"patch", 5 * MIB)  # in a part that was sent: stored provisionally
        self.assertEqual(self.server.client.head("old")["content-length"], str(12 * MIB))
        self.server.set_fault("kind=stall")
        self.assertEqual(self.end(mount), 1)
        self.assertEqual(self.next_mount(mount), {"/old"})
        self.assertEqual(self.server.client.get("old"), payload("old", 24 * MIB))
        self.assertEqual(list(self.server.client.keys()), ["old"])

    def test_readers_and_names(self):
        for index in range(3):
            self.server.client.put("model-0000%d-of-00003.bin" % (index + 1), payload(index, 8 * MIB))
        mount = self.mounted()
        os.listdir(mount.path)

        def requests():
            self.program(lambda: harness.sha256(mount.path + "/old"))
            self.program(lambda: harness.sha256(mount.path + "/model-00001-of-00003.bin"))
            self.program(lambda: os.stat(mount.path + "/nothing"))
            self.program(lambda: os.mkdir(mount.path + "/folder"))
            self.program(lambda: os.rename(mount.path + "/old", mount.path + "/new"))
            self.program(lambda: subprocess.run([OSSFS2, "explain", mount.path + "/other"], env=clean_environment(),
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False))

        self.silence(requests)
        self.assertEqual(self.end(mount), 0)  # nothing was unsaved
        self.assertEqual(self.next_mount(mount), set())
        self.assertEqual(self.server.client.get("old"), payload("old", 24 * MIB))

    def test_late_closes_and_attributes(self):
        mount = self.mounted("--sync_upload=false")
        os.chmod(mount.path + "/old", 0o600)
        late = self.open(mount, "late")
        os.write(late, payload("late", 3 * MIB))
        self.silence(lambda: self.close(late))
        self.assertEqual(self.end(mount), 1)
        self.assertEqual(self.next_mount(mount), {"/late", "/old"})

    def test_umount_names_what_was_not_saved(self):
        mount = self.mounted("--sync_upload=false")
        late = self.open(mount, "late")
        os.write(late, b"late")
        self.silence(lambda: self.close(late))
        done = subprocess.run([OSSFS2, "umount", mount.path], capture_output=True, text=True, timeout=2 * BOUND_S,
                              env=clean_environment(), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/late", done.stderr)
        self.assertEqual(mount.process.wait(BOUND_S), 1)

    def test_a_close_that_fails_meanwhile(self):
        """Of a program that was killed: its files go with it, and are told of as others are."""
        mount = self.mounted("--flush_deadline=60", "--oss_request_timeout_ms=12000", "--stall_timeout_ms=2000")
        program = subprocess.Popen(
            [sys.executable, "-c", "import os, sys, time\nfor number in range(2):\n"
             "    os.write(os.open(sys.argv[1] + str(number), os.O_CREAT | os.O_RDWR), b'lost')\n"
             "print('written', flush=True)\ntime.sleep(1000)", mount.path + "/lost"], stdout=subprocess.PIPE)
        program.stdout.readline()
        self.silence(lambda: program.send_signal(signal.SIGKILL))
        program.stdout.close()
        program.wait()  # it leaves its closes to the daemon
        self.assertEqual(self.end(mount), 1)
        self.assertEqual(self.next_mount(mount), {"/lost%d" % number for number in range(2)})

    def test_a_server_that_is_gone(self):
        mount = self.mounted()
        os.write(self.open(mount, "idle"), b"not saved")
        self.server.stop(signal.SIGKILL)
        self.assertEqual(self.end(mount), 1)
        self.server.start()
        self.assertEqual(self.next_mount(mount), {"/idle"})

    def test_a_server_that_answers(self):
        """All is saved, and nothing canceled."""
        mount = self.mounted("--flush_deadline=60")
        fd = self.open(mount, "busy")
        for index in range(20):
            os.write(fd, block("busy", index))
        self.assertEqual(self.end(mount), 0)
        self.assertEqual(self.server.client.get("busy"), payload("busy", 20 * MIB))


def using(text):
    """Command lines that name it."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open("/proc/%s/cmdline" % name, "rb") as stream:
                line = stream.read().replace(b"\0", b" ").decode(errors="replace")
            if text in line:
                found.append(line)
    return found


def mounted_below(folder):
    with open("/proc/self/mountinfo") as table:
        return [line.split()[4] for line in table if line.split()[4].startswith(folder)]


class Benchmarks(unittest.TestCase):
    """timeout(1) and CI end a benchmark by SIGTERM: its mounts, server and files in memory go with it."""

    def test_nothing_is_left(self):
        folder = temporary_folder("bench")
        run = os.path.join(harness.ROOT, "bench", "run.py")
        process = subprocess.Popen([sys.executable, run, "--quick", "--only", "random-1", "--target", "ossfs2", "--out", folder],
                                   env=clean_environment(OSSFS2_TEST_DIR=folder), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: [subprocess.run(["umount", "-l", path], check=False) for path in mounted_below(folder)])
        self.addCleanup(process.kill)
        wait_until(lambda: mounted_below(folder) or process.poll() is not None, 60, "a mount")
        process.terminate()
        output = process.communicate(timeout=90)[0]
        if "too little free memory" in output:
            self.skipTest(output.strip())
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, output)
        self.assertEqual(mounted_below(folder), [])
        own = "ossfs2-e2e-%d-" % process.pid
        self.assertEqual(using(own), [])
        self.assertEqual([name for parent in (folder, "/dev/shm") for name in os.listdir(parent) if name.startswith(own)], [])

    def test_killed_rank(self):
        """The loader's bench does not wait for a rank that the kernel killed for its memory."""
        load = ("import os, signal, sys, types\n"
                "sys.path.insert(0, sys.argv[1])\n"
                "import model_load\n"
                "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
                "if __name__ == '__main__':\n"
                "    a = types.SimpleNamespace(ranks=2, method='mmap', with_torch=False, device='cpu')\n"
                "    try: model_load.load(a, sys.argv[2])\n"
                "    except RuntimeError as error: print(error)\n"
                "else: model_load.load_plain = die\n")
        folder = temporary_folder("killed")
        with open(folder + "/load.py", "w") as stream:
            stream.write(load)
        with open(folder + "/m.safetensors", "w"):
            pass
        done = harness.run([sys.executable, folder + "/load.py", os.path.join(harness.ROOT, "bench"), folder], timeout=60)
        self.assertRegex(done.stdout, r"rank [01] ended with -9")


class StopWhilePagesAreFilled(unittest.TestCase):
    """A thread that puts bytes into the page cache waits for a page whose READ came after the last one that was taken: no
    signal ends it, so nobody could end the daemon."""
    ROUNDS = 4
    FUSE_CONTROL = "/sys/fs/fuse/connections"

    def setUp(self):
        # The reader waits for the network, and what comes ahead of it is far enough ahead to be filled.
        self.server = Server("--synthetic", "big=2G", "--rate-per-connection", "40M", "--latency", "20ms")
        self.addCleanup(self.server.destroy)

    def filled_bytes(self, mount):
        text = harness.run([OSSFS2, "stats", mount.path, "--json"]).stdout
        return int(re.search(r'page_fill_bytes_total"?:(\d+)', text).group(1))

    def abort(self, connection):
        """So that a daemon that hangs can be ended at all."""
        if not os.listdir(self.FUSE_CONTROL):
            subprocess.run(["mount", "-t", "fusectl", "none", self.FUSE_CONTROL], check=False)
        with open("%s/%d/abort" % (self.FUSE_CONTROL, connection), "w") as stream:
            stream.write("1")

    def test_reader_goes_on(self):
        for _ in range(self.ROUNDS):
            mount = Mount(self.server, "--page_cache_fill_threads=2", "--total_mem_limit=1g")
            self.addCleanup(mount.destroy)
            connection = os.minor(os.stat(mount.path).st_dev)
            reader = subprocess.Popen(["dd", "if=" + mount.path + "/big", "of=/dev/null", "bs=128k"],
                                      stderr=subprocess.DEVNULL)
            wait_until(lambda: self.filled_bytes(mount) > 64 * MIB, 60, "filled pages")
            mount.process.send_signal(signal.SIGTERM)
            try:
                mount.process.wait(BOUND_S)
            except subprocess.TimeoutExpired:
                self.abort(connection)
                self.fail("the daemon is there %d s after SIGTERM" % BOUND_S)
            finally:
                reader.kill()
                reader.wait()
            mount.destroy()


if __name__ == "__main__":
    harness.main()
