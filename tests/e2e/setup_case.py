"""What the tests of whole set-ups share: a server, also with TLS, and the options and config file of a mount."""
import os
import subprocess
import unittest

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, is_mounted

# A mount that cannot work says so within 15 s; a machine under load gets more.
LIMIT_S = 60


def mount(arguments, before=(), **more):
    """Runs `ossfs2 mount ...` (`before`: a command that runs it); returns (status, output)."""
    done = subprocess.run([*before, OSSFS2, "mount"] + arguments, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, env=more.get("env") or clean_environment())
    return done.returncode, done.stdout


def make_certificate(folder):
    """A key and a self-signed certificate for 127.0.0.1; returns their paths."""
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
                 "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate])
    return certificate, key


class TlsServer(Server):
    """A server that speaks TLS with a certificate of its own."""

    def __init__(self, *options):
        self.certificate, key = make_certificate(harness.temporary_folder("tls"))
        super().__init__("--tls-cert", self.certificate, "--tls-key", key, *options)

    @property
    def endpoint(self):
        return "https://127.0.0.1:%d" % self.port


class SetupCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.client.put("hello", b"world")
        cls.log_dir = harness.temporary_folder("logs")
        cls.state = harness.temporary_folder("state")

    @classmethod
    def tearDownClass(cls):
        cls.server.destroy()

    def good(self, **changes):
        """The options of a right set-up, with changes; None drops one."""
        options = {"oss_endpoint": self.server.endpoint, "oss_bucket": self.server.bucket,
                   "oss_access_key_id": KEY_ID, "oss_access_key_secret": KEY_SECRET,
                   "log_dir": self.log_dir, "state_dir": self.state}
        options.update(changes)
        return ["--%s=%s" % item for item in options.items() if item[1] is not None]

    def config(self, text):
        path = os.path.join(harness.temporary_folder("conf"), "ossfs2.conf")
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, 0o600)
        return path

    def refuse(self, arguments, *words, path=None, env=None, before=(), busy=False, ends=None):
        """The mount must fail, with the status `ends` if given; each of `words` is a text or a tuple of alternatives."""
        path = harness.temporary_folder("mnt") if path is None else path
        try:
            status, output = mount([path] + arguments, env=env, before=before)
            self.assertNotEqual(status, 0, output)
            self.assertEqual(status, ends or status, output)
            self.assertEqual(is_mounted(path), busy, output)
            self.assertGreater(len(output.strip()), 20, "no explanation")
            self.assertNotIn(KEY_SECRET, output)
            for word in words:
                choices = (word,) if isinstance(word, str) else word
                self.assertTrue(any(c.lower() in output.lower() for c in choices),
                                "none of %s in:\n%s" % (choices, output))
            return output
        finally:
            if is_mounted(path) and not busy:
                subprocess.run(["umount", "-l", path], check=False)
