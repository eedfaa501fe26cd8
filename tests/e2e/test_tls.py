"""A mount over https: bytes both ways are the same, also while the server cuts connections."""
import hashlib
import os
import random
import unittest

import harness
from harness import MIB, Mount
from setup_case import TlsServer

SIZES = [0, 1, 16383, 16384, 16385, 256 * 1024 + 1, 5 * MIB + 3, 40 * MIB + 7]


class Tls(unittest.TestCase):
    def round_trip(self, *options):
        source = random.Random(int(os.environ.get("OSSFS2_TEST_SEED", "7")))
        with TlsServer(*options) as server:
            sums = {}
            with Mount(server, "--ca_file=" + server.certificate) as one:
                for size in SIZES:
                    data = source.randbytes(size)
                    sums[size] = hashlib.sha256(data).hexdigest()
                    with open(os.path.join(one.path, "file-%d" % size), "wb") as stream:
                        stream.write(data)
            # A new daemon has nothing cached.
            with Mount(server, "--ca_file=" + server.certificate) as one:
                self.assertEqual(len(os.listdir(one.path)), len(SIZES))
                for size in SIZES:
                    with open(os.path.join(one.path, "file-%d" % size), "rb") as stream:
                        data = stream.read()
                    self.assertEqual(len(data), size)
                    self.assertEqual(hashlib.sha256(data).hexdigest(), sums[size], "%d bytes" % size)

    def test_files_of_every_size(self):
        self.round_trip()

    def test_connections_that_are_cut(self):
        # Each is met often, and none of them for ever.
        self.round_trip("--fault", "op=get|part|put,rate=0.3,seed=3,kind=reset,count=30",
                        "--fault", "op=get,rate=0.3,seed=5,kind=short,count=30",
                        "--fault", "op=part|put,rate=0.2,seed=9,kind=lost-answer,count=10")


if __name__ == "__main__":
    harness.main()
