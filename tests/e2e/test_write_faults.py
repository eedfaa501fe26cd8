"""Bad answers to writes, renames and removals: after a good close the file is right, after a bad one the old one is."""
import errno
import os
import re

import harness
from fault_case import FaultCase
from harness import MIB, MountCase, payload, wait_until, write_file


class Writes(FaultCase):
    def test_put_5xx(self):
        self.write_under("op=put,kind=status:500,count=3", 100000)

    def test_put_answer_lost(self):
        self.write_under("op=put,kind=lost-answer,count=1", 100000)

    def test_put_corrupt(self):
        self.write_under("op=put,kind=corrupt,count=1", 100000)

    def test_parts_5xx_and_resets(self):
        self.write_under("op=initiate|part|complete,kind=status:503,rate=0.3,seed=5", 40 * MIB)
        self.write_under("op=initiate|part|complete,kind=reset,rate=0.3,seed=6", 40 * MIB)

    def test_part_corrupt(self):
        self.write_under("op=part,kind=corrupt,count=2", 40 * MIB)

    def test_complete_answer_lost(self):
        self.write_under("op=complete,kind=lost-answer,count=1", 40 * MIB)

    def test_complete_with_another_crc(self):
        self.write_under("op=complete,kind=wrong-crc,count=1", 40 * MIB)

    def test_initiate_xml_cut_off(self):
        self.write_under("op=initiate,kind=bad-xml,count=2", 40 * MIB)

    def test_initiate_answer_lost(self):
        key = self._testMethodName
        # Another client is at work on the same key.
        answer = self.client.request("POST", key, {"uploads": None})[2].decode()
        stranger = re.search("<UploadId>(.*)</UploadId>", answer)[1]
        self.client.request("PUT", key, {"partNumber": 1, "uploadId": stranger}, body=b"theirs")
        for rule in ("op=initiate,kind=lost-answer,count=1", "op=initiate,kind=bad-xml,count=2"):
            self.write_under(rule, 40 * MIB)
        wait_until(lambda: self.client.uploads() == [key], 20, "no stale upload to remain, but for the stranger's")
        self.client.request("DELETE", key, {"uploadId": stranger})  # 404 if it had been aborted

    def test_upload_ended_by_another_client(self):
        key = self._testMethodName
        self.client.put(key, b"old")

        def work():
            with open(os.path.join(self.mount.path, key), "wb", buffering=0) as stream:
                harness.write_all(stream, payload(key, 20 * MIB))
                wait_until(lambda: self.client.uploads() == [key], 20, "the upload to be open")
                listing = self.client.request("GET", "", {"uploads": None})[2].decode()
                upload = re.search("<UploadId>(.*)</UploadId>", listing)[1]
                self.client.request("DELETE", key, {"uploadId": upload})
                harness.write_all(stream, payload(key, 20 * MIB))
        self.assertEqual(self.attempt(work), errno.EIO)
        self.assertEqual(self.client.get(key), b"old")
        write_file(os.path.join(self.mount.path, key), "again", 20 * MIB)
        self.assertEqual(self.client.get(key), payload("again", 20 * MIB))

    def test_a_failed_file_does_not_disturb_others(self):
        self.server.set_fault("op=put,key=bad-,kind=status:403:AccessDenied")
        results = {}

        def work(name):
            results[name] = self.attempt(
                lambda: write_file(os.path.join(self.mount.path, name), name, 300000))
        harness.in_threads(work, ["bad-1", "good-1", "bad-2", "good-2"])
        self.assertEqual([results["good-1"], results["good-2"]], [0, 0])
        self.assertTrue(results["bad-1"] and results["bad-2"], "a refused write was acknowledged")
        self.assertEqual(self.client.get("good-1"), payload("good-1", 300000))


class Names(FaultCase):
    mount_options = ("--oss_request_timeout_ms=8000", "--attr_timeout=1")

    def rename_under(self, rule, size=3 * MIB):
        name = self._testMethodName
        one, two = os.path.join(self.mount.path, name), os.path.join(self.mount.path, name + "-2")
        write_file(one, "r", size)
        self.server.set_fault(rule)
        failure = self.attempt(lambda: os.rename(one, two))
        self.server.clear_fault()
        keys = self.client.keys(name)
        left = name + "-2" if failure == 0 else name
        self.assertIn(left, keys, "%s: lost (errno %d)" % (rule, failure))
        self.assertEqual(self.client.get(left), payload("r", size))
        return failure, keys

    def test_copy_html(self):
        self.rename_under("op=copy|copy_part,kind=html")

    def test_copy_5xx(self):
        self.assertEqual(self.rename_under("op=copy,kind=status:503,count=3")[0], 0)

    def test_copy_answer_lost(self):
        failure, keys = self.rename_under("op=copy,kind=lost-answer,count=1")
        self.assertEqual(failure, 0)
        self.assertEqual(len(keys), 1, keys)

    def test_copy_with_another_crc(self):
        failure, keys = self.rename_under("op=copy,kind=wrong-crc,count=1")
        self.assertEqual(failure, errno.EIO)
        self.assertEqual(len(keys), 1, keys)

    def test_delete_fails(self):
        failure, keys = self.rename_under("op=delete,kind=status:500,count=2")
        self.assertEqual(failure, 0)
        self.assertEqual(len(keys), 1, keys)

    def test_unlink_answer_lost(self):
        path = os.path.join(self.mount.path, "gone")
        write_file(path, 1, 100)
        self.server.set_fault("op=delete,kind=lost-answer,count=1")
        os.unlink(path)
        self.assertIsNone(self.client.head("gone"))


class NeverStored(MountCase):
    """The kernel may believe a name for attr_timeout, 60 s."""

    def test_a_new_file_that_was_not_stored_is_gone(self):
        path = os.path.join(self.mount.path, "never-stored")
        self.server.set_fault("op=put,key=never-stored,kind=status:403:AccessDenied")
        with self.assertRaises(PermissionError):
            write_file(path, 1, 1000)
        wait_until(lambda: not os.path.exists(path), 30, "the kernel to forget the name")
        self.server.clear_fault()
        write_file(path, 2, 1000)
        self.assertEqual(self.client.get("never-stored"), payload(2, 1000))


if __name__ == "__main__":
    harness.main()
