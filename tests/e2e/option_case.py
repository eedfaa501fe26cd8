"""What the tests of single options share: one server with a log of its requests, for many short mounts."""
import json
import os
import unittest

import harness
from harness import Server


class OptionCase(unittest.TestCase):
    NO_KEYS = ("--oss_access_key_id=", "--oss_access_key_secret=")  # takes back those that Mount gives

    @classmethod
    def setUpClass(cls):
        cls.requests_log = os.path.join(harness.temporary_folder("log"), "requests")
        cls.server = Server("--requests-log", cls.requests_log, "--synthetic", "big=64m",
                            "--synthetic", "patched=32m")
        cls.client = cls.server.client
        for number in range(3):
            cls.client.put("d/f%d" % number, b"x")
        cls.client.put("hello", b"world")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def tearDown(self):
        self.server.config(latency="0ms")

    def requested(self, operation, work, **fields):
        """The requests of one kind that the server answered during work()."""
        begin = os.path.getsize(self.requests_log)
        work()
        with open(self.requests_log) as log:
            log.seek(begin)
            lines = [json.loads(line) for line in log]
        return [x for x in lines if x["op"] == operation and
                all(x[name] == value for name, value in fields.items())]
