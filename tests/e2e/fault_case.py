"""FaultCase: operations of programs on a mount whose service does what a fault rule says."""
import errno
import os

from harness import MIB, Mount, MountCase, Server, check_file, payload, write_file

# Errno values that a program may meet when the service does not work.
HONEST = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EACCES, errno.EBUSY,
          errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EREMOTEIO}

SIZE = 20 * MIB + 99


class FaultCase(MountCase):
    mount_options = ("--oss_request_timeout_ms=20000", "--stall_timeout_ms=2000",
                     "--attr_timeout=1")

    @classmethod
    def setUpClass(cls):
        """Objects are made before the mount, which may believe its listings for a while."""
        cls.server = Server(*cls.server_options)
        cls.client = cls.server.client
        for name in dir(cls):
            if name.startswith("test_read_"):
                cls.client.put(name, payload(name, SIZE))
            if name.startswith("test_list_"):
                for number in range(30):
                    cls.client.put("%s/f%02d" % (name, number), b"x")
        cls.mount = Mount(cls.server, *cls.mount_options)

    def tearDown(self):
        self.server.clear_fault()
        super().tearDown()

    def attempt(self, work):
        """Runs it; returns the errno of an honest failure, or 0."""
        try:
            work()
            return 0
        except OSError as error:
            self.assertIn(error.errno, HONEST, error)
            return error.errno

    def read_under(self, rule, must_work=True):
        name = self._testMethodName
        self.server.set_fault(rule)
        path = os.path.join(self.mount.path, name)
        failure = self.attempt(lambda: check_file(path, name, SIZE))
        if must_work:
            self.assertEqual(failure, 0, "%s was not survived: %s" % (
                rule, errno.errorcode.get(failure)))

    def list_under(self, rule, must_work=True):
        folder = os.path.join(self.mount.path, self._testMethodName)
        self.server.set_fault(rule)
        names = []
        failure = self.attempt(lambda: names.extend(os.listdir(folder)))
        self.assertNotEqual(failure, errno.ENOENT, "a failed list is not an absent folder")
        if failure == 0:
            self.assertEqual(len(names), 30, "a failed list must not be a short one")
        if must_work:
            self.assertEqual(failure, 0)

    def write_under(self, rule, size, must_work=True):
        """After a good close the object is right; after a bad one the old version is there."""
        name = self._testMethodName
        path = os.path.join(self.mount.path, name)
        write_file(path, "old", 2 * MIB)
        self.server.set_fault(rule)
        failure = self.attempt(lambda: write_file(path, "new", size))
        self.server.clear_fault()
        stored = self.client.get(name)
        if failure == 0:
            self.assertEqual(len(stored), size, rule)
            self.assertEqual(stored, payload("new", size), "%s: close was good, bytes are not" % rule)
        else:
            self.assertFalse(must_work, "%s was not survived: %s" % (rule, errno.errorcode[failure]))
            # The old version, or all of the new one (a late try that worked); nothing else.
            whole = (payload("old", 2 * MIB), payload("new", size))
            self.assertTrue(stored in whole, "%s: damaged, %d bytes" % (rule, len(stored)))
