"""What objects and buckets bring along that the file system did not choose: encryption of an object's own, versions."""
import errno
import os

import harness
from harness import MIB, KEY_ID, KEY_SECRET, OSSFS2, MountCase, payload

ENCRYPTION = ("x-oss-server-side-encryption", "x-oss-server-side-encryption-key-id")


class OwnEncryption(MountCase):
    """The service encrypts copies as the bucket has it, unless they ask for what the source has."""

    def encryption(self, key):
        return tuple(self.client.head(key).get(name) for name in ENCRYPTION)

    def test_it_stays(self):
        for name, size in (("small", 1000), ("large", 12 * MIB), ("d/listed", 1000)):
            self.client.put(name, payload(name, size), **{ENCRYPTION[0]: "KMS", ENCRYPTION[1]: "key-1"})
        path = lambda name: os.path.join(self.mount.path, name)
        os.chmod(path("small"), 0o640)
        os.rename(path("small"), path("moved"))
        self.assertEqual(self.encryption("moved"), ("KMS", "key-1"))
        with open(path("moved"), "wb") as stream:
            stream.write(b"other")
        self.assertEqual(self.client.get("moved"), b"other")
        self.assertEqual(self.encryption("moved"), ("KMS", "key-1"))
        with open(path("large"), "r+b") as stream:
            stream.seek(3 * MIB)
            stream.write(b"patch")
        self.assertEqual(self.encryption("large"), ("KMS", "key-1"))
        self.assertEqual(os.listdir(path("d")), ["listed"])
        os.rename(path("d"), path("e"))
        self.assertEqual(self.encryption("e/listed"), ("KMS", "key-1"))
        with open(path("new"), "wb") as stream:
            stream.write(b"new")
        os.rename(path("new"), path("newer"))
        self.assertEqual(self.encryption("newer"), (None, None))

    def test_an_appendable_object_takes_no_key(self):
        with harness.Mount(self.server, "--enable_appendable_object=true") as mount:
            self.client.put("log", b"one", **{ENCRYPTION[0]: "KMS", ENCRYPTION[1]: "key-1"})
            with open(os.path.join(mount.path, "log"), "ab") as stream:
                stream.write(b"two")
            self.assertEqual(self.client.get("log"), b"onetwo")


class Tags(MountCase):
    """The service keeps tags in copies of whole objects only."""

    def test_they_stay(self):
        path = lambda name: os.path.join(self.mount.path, name)
        for name, size in (("small", 1000), ("large", 12 * MIB)):
            self.client.put(name, payload(name, size), **{"x-oss-tagging": "team=a%20b&keep=1"})
        count = lambda name: self.client.head(name).get("x-oss-tagging-count")
        self.assertEqual(count("small"), "2")
        os.chmod(path("small"), 0o640)
        os.rename(path("small"), path("moved"))
        with open(path("moved"), "wb") as stream:
            stream.write(b"other")
        self.assertEqual(self.client.get("moved"), b"other")
        self.assertEqual(count("moved"), "2")
        with open(path("large"), "r+b") as stream:
            stream.seek(3 * MIB)
            stream.write(b"patch")
        self.assertEqual(count("large"), "2")
        with open(path("large"), "wb") as stream:
            stream.write(payload("new", 20 * MIB))
        self.assertEqual(self.client.get("large"), payload("new", 20 * MIB))
        self.assertEqual(count("large"), "2")


class Versioned(MountCase):
    """Where the service ignores "do not overwrite"."""
    server_options = ("--versioned",)

    def test_exclusive_creates_ask_before_they_write(self):
        folder = self.folder("x")  # its answer tells of the versions
        handle = os.open(os.path.join(folder, "lock"), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(handle, b"ours")
        self.client.put("x/lock", b"theirs")  # another host
        with self.assertRaises(OSError) as caught:
            os.close(handle)
        self.assertEqual(caught.exception.errno, errno.EEXIST)
        self.assertEqual(self.client.get("x/lock"), b"theirs")
        with open(self.mount.log, encoding="utf-8") as log:
            self.assertEqual(log.read().count("the bucket keeps versions"), 1)

    def test_check_warns(self):
        done = harness.run([OSSFS2, "check", "--oss_endpoint=" + self.server.endpoint, "--oss_bucket=" + self.server.bucket,
                            "--oss_access_key_id=" + KEY_ID, "--oss_access_key_secret=" + KEY_SECRET], check=False)
        self.assertRegex(done.stdout, "warn +versioning")


if __name__ == "__main__":
    harness.main()
