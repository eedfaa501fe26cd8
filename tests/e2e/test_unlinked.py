"""Files that lose their name while they are open: scratch files, replaced files, and what gc finds later."""
import contextlib
import os

import harness
from harness import MIB, MountCase, payload, wait_until, write_file


class Unlinked(MountCase):
    def ours(self):
        """Objects that only an open file needs."""
        return [k for k in self.client.keys() if ".ossfs2-" in k]

    def check(self, handle, content):
        self.assertEqual(os.fstat(handle).st_size, len(content))
        self.assertEqual(os.fstat(handle).st_nlink, 0)
        got = bytearray()
        while len(got) < len(content):
            piece = os.pread(handle, MIB, len(got))
            self.assertTrue(piece, "the file ends at %d of %d" % (len(got), len(content)))
            got += piece
        self.assertTrue(bytes(got) == content)

    def goes_on(self, handle, content):
        self.check(handle, content)
        os.pwrite(handle, b"more", len(content))
        os.pwrite(handle, b"patch", 17)
        os.fsync(handle)
        content = content[:17] + b"patch" + content[22:] + b"more"
        self.check(handle, content)
        os.ftruncate(handle, len(content) // 2)
        self.check(handle, content[:len(content) // 2])
        os.ftruncate(handle, len(content))
        self.check(handle, content[:len(content) // 2] + bytes(len(content) - len(content) // 2))
        os.close(handle)
        wait_until(lambda: not self.ours() and not self.client.uploads(), 20, "the last close to free all")

    def test_scratch_file(self):
        path = os.path.join(self.folder(), "scratch")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
        self.server.reset()
        content = payload("scratch", 100 * MIB)
        with open(os.dup(handle), "wb", buffering=0) as stream:
            harness.write_all(stream, content)
        self.assertEqual(self.server.stats().put_bytes, 0, "bytes of it were sent")
        self.goes_on(handle, content)
        self.assertIsNone(self.client.head("test_scratch_file/scratch"))

    def test_unlinked_while_streaming(self):
        path = os.path.join(self.folder(), "f")
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        content = payload("stream", 40 * MIB + 11)
        with open(os.dup(handle), "wb", buffering=0) as stream:
            harness.write_all(stream, content[:30 * MIB])
            os.unlink(path)
            self.assertFalse(os.path.exists(path))
            harness.write_all(stream, content[30 * MIB:])
        self.goes_on(handle, content)
        self.assertIsNone(self.client.head("test_unlinked_while_streaming/f"))

    def test_stored_file_and_a_new_one_of_its_name(self):
        path = os.path.join(self.folder(), "f")
        content = payload("u", 12 * MIB)
        write_file(path, "u", 12 * MIB)
        reader = os.open(path, os.O_RDONLY)
        handle = os.open(path, os.O_RDWR)
        os.unlink(path)
        os.rmdir(os.path.dirname(path))  # nothing of it is left there
        os.mkdir(os.path.dirname(path))
        write_file(path, "other", MIB)
        self.check(reader, content)
        self.assertNotIn(".ossfs2", "".join(os.listdir(self.mount.path)))
        os.close(reader)
        self.goes_on(handle, content)
        harness.check_file(path, "other", MIB)

    def test_replaced_by_a_rename(self):
        folder = self.folder()
        for size in (1000, 12 * MIB):
            path, other = os.path.join(folder, "f"), os.path.join(folder, "new")
            write_file(path, "old", size)
            write_file(other, "new", 2 * MIB)
            handle = os.open(path, os.O_RDWR)
            os.rename(other, path)
            self.goes_on(handle, payload("old", size))
            harness.check_file(path, "new", 2 * MIB)

    def test_closed_file_is_not_copied(self):
        folder = self.folder()
        for number in range(20):
            path = os.path.join(folder, "f%d" % number)
            write_file(path, number, 2 * MIB)
            with open(path, "rb") as stream:
                stream.read(10)
            self.server.reset()
            os.unlink(path)
            self.assertEqual(self.server.stats().requests("copy", "get"), 0)

    def test_killed_daemon_leaves_no_copy(self):
        path = os.path.join(self.folder(), "f")
        write_file(path, "u", 12 * MIB)
        handle = os.open(path, os.O_RDONLY)
        os.unlink(path)
        self.assertEqual(len(self.ours()), 1)
        self.mount.process.kill()
        self.mount.process.wait()
        self.mount.detach()
        with contextlib.suppress(OSError):
            os.close(handle)
        self.mount.start()
        self.assertEqual(self.ours(), [])

    def test_gc_without_the_journal(self):
        folder = self.folder()
        for name in ("edited", "unlinked"):
            write_file(os.path.join(folder, name), name, 12 * MIB)
        parked = os.open(os.path.join(folder, "unlinked"), os.O_RDONLY)
        os.unlink(os.path.join(folder, "unlinked"))
        edited = os.open(os.path.join(folder, "edited"), os.O_RDWR | os.O_TRUNC)
        with open(os.dup(edited), "wb", buffering=0) as stream:
            harness.write_all(stream, payload("half", 30 * MIB))
            os.pwrite(edited, b"patch", 10 * MIB)  # of bytes sent: a provisional publication
            self.assertEqual(len(self.ours()), 2, self.ours())
            self.mount.process.kill()
            self.mount.process.wait()
            self.mount.detach()
            with contextlib.suppress(OSError):
                stream.close()
        for handle in (parked, edited):
            with contextlib.suppress(OSError):
                os.close(handle)
        self.mount.state = harness.temporary_folder("state")  # the disk with the journal is lost
        self.mount.start()
        self.assertEqual(len(self.ours()), 2)
        self.assertIn("2 younger ones", self.gc())
        self.assertIn("would restore", self.gc("--older-than", "0s", "--dry-run"))
        self.assertEqual(len(self.ours()), 2)
        text = self.gc("--older-than", "0s")
        self.assertIn("1 restored", text)
        self.assertEqual(self.ours(), [])
        self.assertTrue(self.client.get("test_gc_without_the_journal/edited") == payload("edited", 12 * MIB))

    def test_gc_leaves_the_uploads_of_running_mounts(self):
        path = os.path.join(self.folder(), "streamed")
        reader, writer = os.pipe()

        def stream(_):
            os.close(writer)
            with open(path, "wb", buffering=0) as file:
                harness.write_all(file, payload("streamed", 20 * MIB))
                os.read(reader, 1)

        children = harness.Processes(stream, [path])
        os.close(reader)
        try:
            wait_until(self.client.uploads, 20, "the upload")
            text = self.gc("--older-than", "0s", "--state_dir=" + self.mount.state)
        finally:
            os.close(writer)
        children.join()
        self.assertIn("0 uploads aborted, 0 younger ones and 1 of running mounts", text)
        self.assertTrue(self.client.get("test_gc_leaves_the_uploads_of_running_mounts/streamed")
                        == payload("streamed", 20 * MIB))

    def test_gc_removes_nothing_when_it_cannot_tell_what_runs(self):
        self.client.request("POST", "mine", {"uploads": None})
        state = harness.temporary_folder("state")
        run = os.path.join(state, "mount", "bucket", "journal", "run-1-1")
        os.makedirs(run)
        os.symlink("lock", os.path.join(run, "lock"))  # cannot be opened, by root neither
        done = harness.run([harness.OSSFS2, "gc", "--oss_endpoint=" + self.server.endpoint,
                            "--oss_bucket=" + self.server.bucket, "--oss_access_key_id=" + harness.KEY_ID,
                            "--oss_access_key_secret=" + harness.KEY_SECRET, "--older-than", "0s",
                            "--state_dir=" + state], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(run, done.stdout)
        self.assertIn("nothing was removed", done.stdout)
        self.assertIn("1 uploads aborted", self.gc("--older-than", "0s"))

    def test_gc_goes_by_the_clock_of_the_service(self):
        self.client.request("POST", "young", {"uploads": None})
        self.server.set_fault("kind=skew:-172800")  # what a host whose clock is two days ahead sees
        try:
            self.assertIn("0 uploads aborted, 1 younger ones", self.gc("--older-than", "0s"))
        finally:
            self.server.clear_fault()
        self.assertIn("1 uploads aborted", self.gc("--older-than", "0s"))

    def gc(self, *options):
        return harness.run([harness.OSSFS2, "gc", "--oss_endpoint=" + self.server.endpoint,
                            "--oss_bucket=" + self.server.bucket, "--oss_access_key_id=" + harness.KEY_ID,
                            "--oss_access_key_secret=" + harness.KEY_SECRET, *options]).stdout


if __name__ == "__main__":
    harness.main()
