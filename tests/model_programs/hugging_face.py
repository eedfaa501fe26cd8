"""huggingface_hub as it is installed, into a mount: into a folder (--local-dir) and into its cache (HF_HOME), with
symlinks, locks and renames; killed and run again; run again when all is there."""
import os
import signal
import subprocess
import sys
import time

WORKERS = 32
END_S = 240

DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download
kind, name, where = sys.argv[1:4]
options = {"local_dir": where} if kind == "folder" else {"cache_dir": where}
print(snapshot_download(name, max_workers=%d, **options))
""" % WORKERS


def start(hub, kind, where):
    environment = dict(os.environ, HF_ENDPOINT=hub.endpoint, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1",
                       HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HOME=where + "-home", NO_PROXY="127.0.0.1")
    return subprocess.Popen([sys.executable, "-c", DOWNLOAD, kind, hub.name, where], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def download(hub, kind, where):
    """Returns the folder that it names, and how long it took."""
    began = time.monotonic()
    program = start(hub, kind, where)
    try:
        out, errors = program.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        program.kill()
        raise
    if program.returncode != 0:
        raise AssertionError("snapshot_download ended with %d:\n%s" % (program.returncode, errors[-3000:]))
    return out.strip().splitlines()[-1], time.monotonic() - began


def kill_in_the_middle(hub, kind, where, share=0.4):
    total = sum(os.path.getsize(os.path.join(hub.folder, name)) for name in hub.hashes)
    program = start(hub, kind, where)
    while program.poll() is None and hub.sent_bytes < share * total:
        time.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    return program.returncode == -signal.SIGKILL
