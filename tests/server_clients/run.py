#!/usr/bin/env python3
"""Foreign clients as judges of ossfs2-server: ali-oss (V1, V4, STS), boto3, rclone, s3fs.

Starts a server of its own, runs every client that is installed, says which are not, and ends with 1 when
one failed. ali-oss is installed by npm into a temporary folder (or taken from ALI_OSS_MODULES).
OSSFS2_SERVER_BIN: the server (default build/release/ossfs2-server). Arguments: names of clients.
"""
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SERVER = os.environ.get("OSSFS2_SERVER_BIN", os.path.join(ROOT, "build/release/ossfs2-server"))
ALI_OSS_VERSION = "6.23.0"
BUCKET = "judged"


def start_server(folder):
    server = subprocess.Popen([SERVER, "--root", folder + "/root", "--listen", "127.0.0.1:0", "--bucket", BUCKET,
                               "--access-key-id", "test-id", "--access-key-secret", "test-secret"],
                              stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    if not line.startswith("listening on "):
        sys.exit("the server did not start: %r" % line)
    endpoint = "http://" + line.split()[-1]
    subprocess.run(["curl", "-sf", "-X", "POST", "-o", "/dev/null",
                    endpoint + "/-/config?key=STS.test:sts-secret:sts-token"], check=True)
    return server, endpoint


def ali_oss_modules(folder):
    given = os.environ.get("ALI_OSS_MODULES")
    if given:
        return given
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder + "/npm",
                           "ali-oss@" + ALI_OSS_VERSION], capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr[-500:])
        return None
    return folder + "/npm/node_modules"


def commands(name, endpoint, folder):
    """The commands of a client; None when it is not installed."""
    if name == "ali-oss":
        modules = ali_oss_modules(folder)
        return modules and [["node", HERE + "/ali_oss.cjs", modules, endpoint, BUCKET, kind]
                            for kind in ("V1", "V4", "STS")]
    if name == "boto3":
        return importlib.util.find_spec("boto3") and [[sys.executable, HERE + "/boto3_client.py", endpoint, BUCKET]]
    return shutil.which(name) and [[sys.executable, "%s/%s_client.py" % (HERE, name), endpoint, BUCKET]]


def main():
    names = sys.argv[1:] or ["ali-oss", "boto3", "rclone", "s3fs"]
    failed = []
    with tempfile.TemporaryDirectory(prefix="server-clients-") as folder:
        server, endpoint = start_server(folder)
        try:
            for name in names:
                found = commands(name, endpoint, folder)
                if not found:
                    print("%s: SKIPPED, it is not installed here" % name)
                    continue
                if any(subprocess.run(command, timeout=300).returncode != 0 for command in found):
                    print("%s: FAILED" % name)
                    failed.append(name)
        finally:
            server.terminate()
            server.wait(20)
    if failed:
        sys.exit("failed: " + ", ".join(failed))


main()
