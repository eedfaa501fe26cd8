"""Each request of an upload by name, in a loop: the daemon is killed there, the server is lost there, or the
request fails for a while. A file whose close returned 0 has its bytes; every other has the old ones or is
absent; no upload and no object of ours stays.
"""
import contextlib
import errno
import os
import signal
import unittest

import harness
from harness import MIB, Mount, Server, payload, wait_until

OLD = payload("old", 12 * MIB + 7)
BIG = payload("new", 28 * MIB + 3)


def write_new(stream):
    harness.write_all(stream, BIG)


def append(stream):
    stream.seek(0, os.SEEK_END)
    harness.write_all(stream, BIG)


def patch(stream):
    stream.seek(5 * MIB)
    harness.write_all(stream, b"P" * 1000)
    stream.seek(100)
    harness.write_all(stream, b"Q" * 1000)


def patch_sent(stream):
    """Bytes that are only in parts already sent are changed: a provisional publication."""
    harness.write_all(stream, BIG)
    stream.seek(12 * MIB)
    harness.write_all(stream, b"P" * 1000)


def small(stream):
    harness.write_all(stream, BIG[:5000])


def spliced(base, *pieces):
    for offset, data in pieces:
        base = base[:offset] + data + base[offset + len(data):]
    return base


# name: (the old content, how it is opened, what is done, the new content, the requests of its upload)
WORK = {
    "small": (None, "wb", small, BIG[:5000], ("put",)),
    "stream": (None, "wb", write_new, BIG, ("initiate", "part", "complete")),
    "replace": (OLD, "wb", write_new, BIG, ("initiate", "part", "complete")),
    "append": (OLD, "r+b", append, OLD + BIG, ("initiate", "copy_part", "part", "complete")),
    "patch": (OLD, "r+b", patch, spliced(OLD, (5 * MIB, b"P" * 1000), (100, b"Q" * 1000)),
              ("initiate", "part", "copy_part", "complete")),
    "provisional": (OLD, "wb+", patch_sent, spliced(BIG, (12 * MIB, b"P" * 1000)),
                    ("initiate", "part", "copy", "complete", "copy_part", "delete")),
}
STEPS = [(name, step) for name, work in WORK.items() for step in work[4]]


class Steps(unittest.TestCase):
    mount_options = ("--oss_request_timeout_ms=20000", "--stall_timeout_ms=2000", "--attr_timeout=1")

    def setUp(self):
        self.number = 0
        self.server = Server("--no-copy-crc")
        self.client = self.server.client
        self.mount = Mount(self.server, *self.mount_options)

    def tearDown(self):
        self.mount.destroy()
        self.server.destroy()

    def start(self, name, fault):
        """A process that does the work under a fault; `closed()`: the errno of its close (0: good), None: not yet."""
        old, mode, work, _, _ = WORK[name]
        folder = os.path.join(self.mount.path, "dir")
        os.makedirs(folder, exist_ok=True)
        # Another file each time: the mount believes what it knew of the last one for a while.
        self.number += 1
        self.name = "%s-%d" % (name, self.number)
        if old is not None:
            self.client.put("dir/" + self.name, old)
        self.server.reset()
        self.server.set_fault(fault)  # nothing but the work may meet it
        note = os.path.join(self.mount.state, "closed")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(note)

        def body(_):
            try:
                with open(os.path.join(folder, self.name), mode, buffering=0) as stream:
                    work(stream)
                failure = 0
            except OSError as error:
                failure = error.errno
            with open(note + "-", "w", encoding="ascii") as stream:
                stream.write(str(failure))
            os.rename(note + "-", note)
        writer = harness.Processes(body, [name])

        def closed():
            try:
                with open(note, encoding="ascii") as stream:
                    return int(stream.read())
            except FileNotFoundError:
                return None
        return writer, closed

    def reached(self, closed):
        wait_until(lambda: self.server.stats().faults or closed() is not None, 60, "the step")
        self.assertTrue(self.server.stats().faults, "the step was never made (close: %s)" % closed())

    def check(self, name, closed):
        old, _, _, new, _ = WORK[name]
        key = "dir/" + self.name
        there = self.client.get(key) if self.client.head(key) is not None else None
        if closed == 0:
            self.assertTrue(there == new, "close was good, the bytes are not")
        else:
            self.assertTrue(there in (old, new), "neither the old version nor the whole new one: %s" % (
                "absent" if there is None else "%d bytes" % len(there)))
        self.assertEqual([k for k in self.client.keys() if ".ossfs2-" in k], [], "objects of ours stay")

    def kill_at(self, kind):
        for name, step in STEPS:
            with self.subTest(work=name, step=step, kind=kind):
                writer, closed = self.start(name, "op=%s,key=dir/,kind=%s" % (step, kind))
                self.reached(closed)
                self.mount.process.kill()
                self.mount.process.wait()
                self.server.clear_fault()
                self.mount.detach()
                writer.join(60)
                result = closed()
                self.mount.start()
                self.check(name, result)
                wait_until(lambda: not self.client.uploads(), 20, "stale uploads to be aborted")

    def test_killed_before_each_step(self):
        self.kill_at("stall")

    def test_killed_after_each_step(self):
        self.kill_at("delay:60000")

    def fail_at(self, kind, must_work):
        for name, step in STEPS:
            with self.subTest(work=name, step=step, kind=kind):
                writer, closed = self.start(name, "op=%s,key=dir/,kind=%s" % (step, kind))
                writer.join(100)
                self.server.clear_fault()
                if must_work:
                    self.assertEqual(closed(), 0, errno.errorcode.get(closed()))
                self.check(name, closed())
                if "lost-answer" in kind and step == "initiate":
                    # Nobody was told the id of the upload that was opened first.
                    harness.run([harness.OSSFS2, "gc", "--oss_endpoint=" + self.server.endpoint,
                                 "--oss_bucket=" + self.server.bucket,
                                 "--oss_access_key_id=" + harness.KEY_ID,
                                 "--oss_access_key_secret=" + harness.KEY_SECRET, "--older-than=0s"])
                wait_until(lambda: not self.client.uploads(), 20, "stale uploads to be aborted")

    def test_resets_at_each_step(self):
        self.fail_at("reset,count=3", True)

    def test_storm_of_500_at_each_step(self):
        self.fail_at("status:500:InternalError,count=4", True)

    def test_lost_answers_at_each_step(self):
        self.fail_at("lost-answer,count=2", True)

    def test_server_lost_at_each_step(self):
        for name, step in STEPS:
            with self.subTest(work=name, step=step):
                writer, closed = self.start(name, "op=%s,key=dir/,kind=stall" % step)
                self.reached(closed)
                self.server.stop(signal.SIGKILL)
                self.server.start()
                writer.join(100)
                self.assertEqual(closed(), 0, errno.errorcode.get(closed()))
                self.check(name, closed())
                wait_until(lambda: not self.client.uploads(), 20, "stale uploads to be aborted")


if __name__ == "__main__":
    harness.main()
