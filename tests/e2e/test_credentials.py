"""Keys that change while a mount is in use: a role of the instance, a command.

docs/compatibility.md names these tests.
"""
import contextlib
import http.client
import http.server
import json
import os
import signal
import threading
import time
import urllib.parse

import harness
from harness import KEY_ID, KEY_SECRET, Mount
from option_case import OptionCase


class KeyServer:
    """A fake of a metadata service that answers with keys; counts how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.lifetime_s = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                answer = {"Code": "Success", "AccessKeyId": KEY_ID, "AccessKeySecret": KEY_SECRET}
                if outer.lifetime_s is not None:
                    answer["Expiration"] = time.strftime(
                        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + outer.lifetime_s))
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/role" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Proxy:
    """An HTTP proxy that passes requests on and keeps their URLs."""

    def __init__(self):
        self.urls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                outer.urls.append(self.path)
                parts = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                onward = http.client.HTTPConnection(parts.netloc, timeout=30)
                onward.request(self.command, self.path[len("http://" + parts.netloc):], body or None,
                               dict(self.headers))
                answer = onward.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                onward.close()

            do_GET = do_PUT = do_POST = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Credentials(OptionCase):
    def use_keys_until(self, mount, condition, what):
        def step():
            with contextlib.suppress(FileNotFoundError):
                os.stat(os.path.join(mount.path, "absent"))  # each asks the server
            return condition()
        harness.wait_until(step, 20, what)

    def test_ram_role_and_refresh_interval(self):
        keys = KeyServer()
        self.addCleanup(keys.close)
        with Mount(self.server, "--ram_role=" + keys.url, *self.NO_KEYS) as mount:
            self.use_keys_until(mount, lambda: True, "a request")
            self.assertEqual(keys.asked, 1, "keys that do not expire are asked for once")
        keys.lifetime_s = 3600
        with Mount(self.server, "--ram_role=" + keys.url, "--credential_refresh_interval=1",
                   *self.NO_KEYS):
            harness.wait_until(lambda: keys.asked >= 4, 20, "refreshes of an idle mount")

    def test_no_proxy_sees_the_keys_of_a_role(self):
        keys, proxy = KeyServer(), Proxy()
        self.addCleanup(keys.close)
        self.addCleanup(proxy.close)
        with Mount(self.server, "--ram_role=" + keys.url, "--http_proxy=" + proxy.url, *self.NO_KEYS) as mount:
            self.assertGreater(len(proxy.urls), 0, "requests to the bucket go through it")
            self.assertEqual(keys.asked, 1)
            os.kill(mount.pid, signal.SIGHUP)
            harness.wait_until(lambda: keys.asked >= 2, 20, "keys after the reload")
        self.assertEqual([url for url in proxy.urls if url.startswith(keys.url)], [])

    def test_credential_process(self):
        folder = harness.temporary_folder("process")
        program, runs = os.path.join(folder, "give"), os.path.join(folder, "runs")
        with open(program, "w") as script:
            script.write("#!/bin/sh\necho run >> %s\nprintf '%%s' '%s'\n" % (runs, json.dumps(
                {"AccessKeyId": KEY_ID, "AccessKeySecret": KEY_SECRET})))
        os.chmod(program, 0o700)

        def count():
            with open(runs) as lines:
                return len(lines.readlines())

        with Mount(self.server, "--credential_process=" + program,
                   "--credential_refresh_interval=1", *self.NO_KEYS) as mount:
            self.assertEqual(count(), 1)
            self.use_keys_until(mount, lambda: count() >= 3, "a second and a third run")

    def test_old_keys_are_refused_before_the_new_ones_are_there(self):
        path = os.path.join(harness.temporary_folder("keys"), "keys")

        def give(text):
            with open(os.open(path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as stream:
                stream.write(text)
            os.rename(path + ".new", path)

        give("%s:%s\n" % (KEY_ID, KEY_SECRET))
        new = "NEWKEYID01234567:newSecretThatMustNotLeak98765432"
        with Mount(self.server, "--credential_file=" + path, *self.NO_KEYS) as mount:
            self.addCleanup(self.server.config, key="%s:%s" % (KEY_ID, KEY_SECRET))
            target = os.path.join(mount.path, "written-meanwhile")
            with open(target, "wb", buffering=0) as stream:
                harness.write_all(stream, harness.payload(1, 20 * harness.MIB))
                self.server.config(remove_key=KEY_ID)
                self.server.config(key=new)
                half = "%s:%s\n" % (new.split(":")[0], KEY_SECRET)  # as a file that is read while it is written
                changes = [threading.Timer(0.5, give, [half]), threading.Timer(3, give, [new + "\n"])]
                for change in changes:
                    change.start()
                self.assertEqual(sorted(os.listdir(os.path.join(mount.path, "d"))), ["f0", "f1", "f2"])
                harness.write_all(stream, harness.payload(2, 20 * harness.MIB))
            for change in changes:
                change.join()
            with open(target, "rb") as stream:
                self.assertEqual(stream.read(), harness.payload(1, 20 * harness.MIB) +
                                 harness.payload(2, 20 * harness.MIB))
            log = harness.tail(mount.log, 1 << 20)
            self.assertIn("which it took until now", log)
            self.assertNotIn("newSecret", log)


if __name__ == "__main__":
    harness.main()
