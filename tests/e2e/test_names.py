"""Keys that are no good names, and prefixes: nothing crashes, hides or escapes."""
import errno
import os
import sys
import unittest

import harness
from harness import Mount, Server, check_file, payload, write_file

ODD_KEYS = {
    "dir/a//b": b"double slash",
    "dir/../up": b"dot dot",
    "dir/./same": b"dot",
    "/leading": b"leading slash",
    "dir/" + "n" * 300: b"too long",
    b"dir/bad-\xff\xfe-utf8": b"invalid utf-8",
    "dir/twin": b"a file",
    "dir/twin/child": b"below a directory of the same name",
    "dir/new\nline": b"new line",
    "dir/tab\there": b"tab",
    "dir/back\\slash": b"backslash",
    "dir/100% &?#+": b"url characters",
    "dir/<xml>&amp;": b"xml characters",
    "dir/日本語": b"utf-8",
    "..": b"only dots",
    "dir/trailing /": b"",
    "dir/...": b"three dots are a name",
}


class OddKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = cls.server.client
        cls.refused = set()
        for key, value in ODD_KEYS.items():
            try:
                cls.client.put(key, value)
            except Exception as error:  # a server may refuse a key; the client must live anyway
                cls.refused.add(key)
                print("the server refuses the key %r: %s" % (key, error))
        assert cls.refused == {"/leading", b"dir/bad-\xff\xfe-utf8"}, cls.refused
        cls.client.put("dir/normal-1", b"1")
        cls.client.put("dir/zzz/normal-2", b"2")
        cls.mount = Mount(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.mount.destroy()
        cls.server.destroy()

    def test_others_are_seen(self):
        folder = os.path.join(self.mount.path, "dir")
        names = os.listdir(folder)
        for wanted in ("normal-1", "zzz", "twin", "...", "日本語", "back\\slash", "100% &?#+",
                       "<xml>&amp;", "new\nline", "tab\there"):
            self.assertIn(wanted, names)
        self.assertEqual(len(names), len(set(names)), "a name is listed twice")
        for name in names:
            self.assertNotIn(name, ("", ".", ".."))
            self.assertLessEqual(len(os.fsencode(name)), 255)
            os.lstat(os.path.join(folder, name))
        with open(os.path.join(folder, "zzz/normal-2")) as stream:
            self.assertEqual(stream.read(), "2")

    def test_contents(self):
        for key, value in ODD_KEYS.items():
            raw = os.fsencode(key) if isinstance(key, str) else key
            parts = raw.split(b"/")
            plain = all(p not in (b"", b".", b"..") and len(p) <= 255 for p in parts)
            if not plain or key in self.refused or raw == b"dir/twin/child":
                continue
            with self.subTest(key=key):
                path = os.path.join(os.fsencode(self.mount.path), raw)
                with open(path, "rb") as stream:
                    self.assertEqual(stream.read(), value)

    def test_walk_ends(self):
        count = 0
        for _, folders, files in os.walk(os.fsencode(self.mount.path)):
            count += len(folders) + len(files)
            self.assertLess(count, 200, "the walk goes round in circles")
        self.assertGreater(count, 10)

    def test_nothing_escapes(self):
        top = os.listdir(self.mount.path)
        self.assertIn("dir", top)
        self.assertNotIn("..", top)
        self.assertNotIn("", top)
        self.assertNotIn("up", os.listdir(os.path.dirname(self.mount.path)))

    def test_folder_with_odd_keys_is_not_empty(self):
        self.client.put("onlyodd/a//b", b"x")
        with self.assertRaises(OSError) as caught:
            os.rmdir(os.path.join(self.mount.path, "onlyodd"))
        self.assertIn(caught.exception.errno, (errno.ENOTEMPTY, errno.EEXIST))
        self.assertIn("onlyodd/a//b", self.client.keys("onlyodd/"))


class Prefix(unittest.TestCase):
    def test_prefix_with_and_without_slashes(self):
        with Server() as server:
            client = server.client
            client.put("models/llama/config.json", b"{}")
            client.put("models-other/secret", b"no")
            client.put("outside", b"no")
            for prefix in ("models", "/models", "models/", "/models/"):
                with self.subTest(prefix=prefix), \
                        Mount(server, "--oss_bucket_prefix=" + prefix) as mount:
                    self.assertEqual(os.listdir(mount.path), ["llama"])
                    with open(os.path.join(mount.path, "llama/config.json")) as stream:
                        self.assertEqual(stream.read(), "{}")
            with Mount(server, "--oss_bucket_prefix=models") as mount:
                write_file(os.path.join(mount.path, "f"), 1, 9000)
                os.rename(os.path.join(mount.path, "f"), os.path.join(mount.path, "g"))
                os.makedirs(os.path.join(mount.path, "d/e"))
                os.rename(os.path.join(mount.path, "d"), os.path.join(mount.path, "h"))
                self.assertEqual(client.get("models/g"), payload(1, 9000))
                try:  # an absolute target outside the mount may be refused
                    os.symlink("/etc/hostname", os.path.join(mount.path, "link"))
                except OSError:
                    pass
            outside = {k for k in client.keys() if not k.startswith("models/")}
            self.assertEqual(outside, {"models-other/secret", "outside"})

    def test_two_mounts_see_each_other(self):
        with Server() as server, Mount(server, "--attr_timeout=1") as one, \
                Mount(server, "--attr_timeout=1") as two:
            write_file(os.path.join(one.path, "f"), 1, 100000)
            check_file(os.path.join(two.path, "f"), 1, 100000)
            write_file(os.path.join(one.path, "f"), 2, 200000)

            def changed():
                return os.stat(os.path.join(two.path, "f")).st_size == 200000
            harness.wait_until(changed, 10, "the other mount to see the new version")
            check_file(os.path.join(two.path, "f"), 2, 200000)
            os.unlink(os.path.join(one.path, "f"))
            harness.wait_until(lambda: not os.path.exists(os.path.join(two.path, "f")), 10,
                               "the other mount to see the removal")


class ManyEntries(unittest.TestCase):
    """The cases of bench/metadata_cases.py with 2,000 entries: requests are counted, time is not judged."""

    def test_requests_of_listings_and_walks(self):
        sys.path.append(os.path.join(harness.ROOT, "bench"))
        import metadata_cases
        results = metadata_cases.run(metadata_cases.Sizes(small=True))
        self.assertEqual(len(results), len(metadata_cases.CASES))
        for result in results:
            self.assertEqual(result["missed"], [], result)


if __name__ == "__main__":
    harness.main()
