#!/usr/bin/env python3
"""Real programs of Python on a mount: huggingface_hub downloads from a local Hub; transformers, safetensors and torch
save and load. Debian 12 has only torch of these, so it runs where they are installed (the GPU machines of the
benchmarks): what is missing is named and left out. Ends with 1 when something failed.

  tests/model_programs/run.py [--gigabytes 2] [MOUNT OPTION...]

OSSFS2_BIN and OSSFS2_SERVER_BIN name the binaries, OSSFS2_TEST_DIR the folder of all files (3 times the size).
"""
import argparse
import importlib.util
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import harness  # noqa: E402
import hugging_face  # noqa: E402
from hub import Hub  # noqa: E402


def make_repository(gigabytes):
    """Shards, and the many small files around them, in folders too."""
    folder = harness.temporary_folder("repository")
    shards = 8
    for number in range(shards):
        harness.write_file("%s/model-%05d-of-%05d.safetensors" % (folder, number + 1, shards), number,
                           int(gigabytes * 1e9) // shards + number)
    for number, size in enumerate((0, 1, 17, 800, 4096, 11422654, 70000, 1 << 20, (1 << 20) - 1)):
        harness.write_file("%s/file-%d.json" % (folder, number), 100 + number, size)
    for number in range(40):
        os.makedirs("%s/onnx/part-%d" % (folder, number % 5), exist_ok=True)
        harness.write_file("%s/onnx/part-%d/weights-%d.bin" % (folder, number % 5, number), 200 + number, 3000 * number)
    return folder


def check(hub, folder):
    """Every file of the repository, through links, has the right bytes."""
    for name, digest in hub.hashes.items():
        if harness.sha256(os.path.join(folder, name)) != digest:
            raise AssertionError("%s has other bytes" % os.path.join(folder, name))


def downloads(mount, hub):
    for kind in ("folder", "cache"):
        where = os.path.join(mount.path, "hub-" + kind)
        hub.take_counts()
        folder, seconds = hugging_face.download(hub, kind, where)
        check(hub, folder)
        gets, sent = hub.take_counts()
        print("ok  download into a %s: %d GETs, %.2f GB, %.2f s" % (kind, gets, sent / 1e9, seconds), flush=True)
        folder, seconds = hugging_face.download(hub, kind, where)
        gets, _ = hub.take_counts()
        if gets:
            raise AssertionError("downloaded again: %d files" % gets)
        print("ok  again, nothing downloaded: %.2f s" % seconds, flush=True)
        mount.remount()
        check(hub, folder)
        print("ok  the same after a new mount", flush=True)
        killed_where = where + "-killed"
        killed = hugging_face.kill_in_the_middle(hub, kind, killed_where)
        before = hub.take_counts()[1]
        folder, seconds = hugging_face.download(hub, kind, killed_where)
        check(hub, folder)
        print("ok  %s after %.2f GB, then the rest: %.2f GB, %.2f s"
              % ("killed" if killed else "through", before / 1e9, hub.take_counts()[1] / 1e9, seconds), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("options", nargs="*")
    a = parser.parse_args()
    harness.watch(1200)
    failed = []
    with harness.Server() as server, harness.Mount(server, *a.options) as mount:
        if importlib.util.find_spec("huggingface_hub"):
            import huggingface_hub
            print("--  huggingface_hub %s" % huggingface_hub.__version__)
            try:
                with Hub(make_repository(a.gigabytes)) as hub:
                    downloads(mount, hub)
            except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
                print("FAILED  huggingface_hub: %s" % error)
                failed.append("huggingface_hub")
        else:
            print("--  huggingface_hub: not installed")
        if importlib.util.find_spec("torch"):
            for name in ("torch", "transformers", "safetensors"):
                if importlib.util.find_spec(name):
                    print("--  %s %s" % (name, __import__(name).__version__))
            done = subprocess.run([sys.executable, os.path.join(HERE, "load_and_save.py"),
                                   harness.temporary_folder("local"), os.path.join(mount.path, "saved")],
                                  timeout=500, check=False)
            if done.returncode != 0:
                failed.append("load_and_save.py")
        else:
            print("--  torch: not installed")
        if failed:
            print(harness.tail(mount.log))
        else:
            mount.unmount()
            print("ok  unmounted, nothing left behind")
    harness.destroy_all()
    sys.exit("failed: " + ", ".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
