"""A local OSS server for a test. Part of harness."""
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from clean_up import register, tail, temporary_folder, unregister
from oss_client import OssClient
from programs import SERVER, clean_environment, wait_until

KEY_ID = "TESTKEYID0123456"
KEY_SECRET = "testSecretThatMustNotLeak9876543"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url):
    """The text at a URL, without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read().decode()


class Stats:
    """The server's counters. A counter that does not exist counts as 0."""

    def __init__(self, data):
        self.data = data

    def requests(self, *kinds):
        table = self.data.get("requests", {})
        if not kinds:
            return self.data.get("requests_total", sum(table.values()))
        return sum(table.get(kind, 0) for kind in kinds)

    def __getattr__(self, name):
        return self.__dict__["data"].get(name, 0)

    def __repr__(self):
        return json.dumps(self.data, sort_keys=True)


class Server:
    """An ossfs2-server of its own on a free port, with a folder of its own."""

    def __init__(self, *options, bucket="test", root=None, secret=KEY_SECRET):
        self.options = list(options) + (["--access-key-secret", secret] if secret else [])
        self.bucket = bucket
        self.root = root or temporary_folder("server")
        self.log = os.path.join(temporary_folder("log"), "server.log")
        self.port = 0
        self.process = None
        register(self)  # first: a server that never listens must be ended too
        self.start()

    def start(self):
        """Starts it, or starts it again on the same port and folder."""
        command = [SERVER, "--root", self.root, "--listen", "127.0.0.1:%d" % self.port,
                   "--bucket", self.bucket, "--access-key-id", KEY_ID] + self.options
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=clean_environment())

        def announced():
            if self.process.poll() is not None:
                raise AssertionError("ossfs2-server ended with %s:\n%s"
                                     % (self.process.returncode, tail(self.log)))
            with open(self.log, "rb") as stream:
                stream.seek(begin)
                for line in stream.read().decode(errors="replace").splitlines():
                    if "listening on 127.0.0.1:" in line:
                        digits = line.split("listening on 127.0.0.1:")[1].split()[0]
                        return int(digits.rstrip(".,;"))
            return 0

        self.port = wait_until(announced, 20, "the server's port")
        return self

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port

    @property
    def client(self):
        return OssClient("127.0.0.1", self.port, self.bucket, KEY_ID, KEY_SECRET)

    def call(self, method, path):
        request = urllib.request.Request(self.endpoint + path, method=method,
                                         data=b"" if method == "POST" else None)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return answer.read()

    def stats(self):
        return Stats(json.loads(self.call("GET", "/-/stats")))

    def reset(self):
        self.call("POST", "/-/reset")

    def set_fault(self, spec):
        request = urllib.request.Request(self.endpoint + "/-/fault", method="POST",
                                         data=spec.encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError("the server refused the fault '%s': %s"
                                 % (spec, error.read().decode(errors="replace"))) from None

    def clear_fault(self):
        self.call("DELETE", "/-/fault")

    def config(self, **values):
        self.call("POST", "/-/config?" + "&".join("%s=%s" % item for item in values.items()))

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def destroy(self):
        self.stop(signal.SIGKILL)
        unregister(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()
