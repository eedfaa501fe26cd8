"""No secret shows up anywhere: not in a process, a log, or what a command prints."""
import contextlib
import glob
import os
import subprocess

import harness
from harness import KEY_ID, KEY_SECRET, OSSFS2, Server, clean_environment, fetch, free_port, tail
from setup_case import SetupCase, mount


class Secrets(SetupCase):
    """A search of everything that others can see for the secret and the token."""
    TOKEN = "stsTokenThatMustNotLeak1234567"

    def processes(self):
        """argv and environment of every ossfs2 and of its children, as the kernel shows them."""
        ours = os.path.realpath(OSSFS2)
        parents, shown, found = {}, {}, set()
        for folder in glob.glob("/proc/[0-9]*"):
            try:
                pid = int(folder[6:])
                with open(folder + "/stat") as stream:
                    parents[pid] = int(stream.read().rsplit(")", 1)[1].split()[1])
                if os.readlink(folder + "/exe") == ours:
                    found.add(pid)
            except OSError:
                continue
        found |= {pid for pid, parent in parents.items() if parent in found}
        for pid in found:
            for name in "cmdline", "environ":
                try:
                    with open("/proc/%d/%s" % (pid, name), errors="replace") as stream:
                        shown["%s of %d" % (name, pid)] = stream.read()
                except OSError:
                    continue
        return shown

    def look(self, shown):
        self.assertGreater(len(shown), 0)
        for name, text in shown.items():
            for secret in KEY_SECRET, self.TOKEN:
                self.assertNotIn(secret, text, name)

    def mounted(self, arguments, env):
        """Mounts, uses the mount, and searches what can be seen of it."""
        self.server.config(key="%s:%s:%s" % ("STSKEY", KEY_SECRET, self.TOKEN))
        path = harness.temporary_folder("mnt")
        port = free_port()
        arguments = arguments + ["--log_level=debug", "--metrics_port=%d" % port]
        status, output = mount([path] + arguments, env=env)
        self.assertEqual(status, 0, output)
        try:
            with open(os.path.join(path, "f"), "w") as stream:
                stream.write("x" * 100000)
            os.rename(os.path.join(path, "f"), os.path.join(path, "g"))
            self.server.set_fault("op=head,count=2,kind=status:403:AccessDenied")
            with contextlib.suppress(OSError):
                os.stat(os.path.join(path, "absent"))  # errors are logged
            self.server.clear_fault()
            shown = self.processes()
            self.assertGreaterEqual(len(shown), 2, "the daemon was not found")
            shown["output"] = output
            shown["metrics"] = fetch("http://127.0.0.1:%d/metrics" % port)
            with open("/proc/self/mountinfo") as stream:
                shown["mountinfo"] = stream.read()
            for command in (["list"], ["mount", "--print-config", path] + arguments,
                            ["stats", path], ["stats", path, "--json"],
                            ["explain", os.path.join(path, "g")], ["explain", path],
                            ["set", path, "log_level=info"], ["set", path, "oss_access_key_secret=x"],
                            ["check"] + arguments, ["check", "--json"] + arguments,
                            ["gc", "--dry-run"] + arguments):
                done = subprocess.run([OSSFS2] + command, capture_output=True, text=True,
                                      timeout=60, env=env, stdin=subprocess.DEVNULL, check=False)
                shown[" ".join(command[:2])] = done.stdout + done.stderr
            self.assertIn("****", shown["mount --print-config"] + "*" * (
                0 if "oss_security_token" in " ".join(arguments) else 4))
            self.look(shown)
        finally:
            harness.run([OSSFS2, "umount", path], timeout=40)
        files = {}
        for folder in (self.log_dir, self.state, "/run/ossfs2"):
            for name in glob.glob(folder + "/**", recursive=True):
                if os.path.isfile(name):
                    files[name] = tail(name, 1 << 24)
        self.look(files)

    def test_given_as_options(self):
        self.mounted(self.good(oss_access_key_id="STSKEY", oss_security_token=self.TOKEN),
                     clean_environment())

    def test_given_in_the_environment(self):
        self.mounted(self.good(oss_access_key_id=None, oss_access_key_secret=None),
                     clean_environment(OSS_ACCESS_KEY_ID="STSKEY", OSS_ACCESS_KEY_SECRET=KEY_SECRET,
                                       OSS_SESSION_TOKEN=self.TOKEN,
                                       ALIBABA_CLOUD_ACCESS_KEY_SECRET=KEY_SECRET))

    def test_given_by_fromenv(self):
        self.mounted(self.good(oss_access_key_id="STSKEY", oss_access_key_secret=None) +
                     ["--fromenv=oss_access_key_secret,security_token"],
                     clean_environment(FLAGS_oss_access_key_secret=KEY_SECRET,
                                       FLAGS_security_token=self.TOKEN))

    def test_children_do_not_inherit_keys(self):
        folder = harness.temporary_folder("process")
        program, seen = os.path.join(folder, "give"), os.path.join(folder, "seen")
        with open(program, "w") as script:
            script.write("#!/bin/sh\n/usr/bin/env > %s\ncat /proc/$PPID/environ >> %s\n"
                         "printf '%%s' '{\"AccessKeyId\":\"%s\",\"AccessKeySecret\":\"%s\"}'\n"
                         % (seen, seen, KEY_ID, KEY_SECRET))
        os.chmod(program, 0o700)
        self.mounted(self.good(oss_access_key_id=None, oss_access_key_secret=None,
                               credential_process=program),
                     clean_environment(OSS_ACCESS_KEY_ID="STSKEY", OSS_ACCESS_KEY_SECRET=KEY_SECRET,
                                       OSS_SESSION_TOKEN=self.TOKEN, KEPT="visible"))
        with open(seen, errors="replace") as stream:
            text = stream.read()
        self.assertIn("KEPT=visible", text)
        self.look({"environment of credential_process": text})

    def test_the_server_hides_its_secret(self):
        pid = self.server.process.pid
        with open("/proc/%d/cmdline" % pid) as stream:
            self.assertIn("--access-key-secret", text := stream.read())
        self.look({"cmdline of the server": text})
        path = self.config(KEY_SECRET + "\n")
        with Server("--secret-file", path, secret=None) as server:
            server.client.put("by-file", b"x")


if __name__ == "__main__":
    harness.main()
