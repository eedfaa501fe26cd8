"""huggingface_hub with local_dir over plain HTTP.

  huggingface_hub.py SOURCE_FOLDER TARGET_FOLDER

Locks with fchmod, an .incomplete file written in 10 MiB pieces, a probe file, chmod,
a rename across folders, and a metadata file whose time must not be older than the
file's. A second run checks that rule and downloads nothing.
"""
import concurrent.futures
import fcntl
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, require_same  # noqa: E402


class Lock:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o664)
        os.fchmod(self.handle, 0o664)
        fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *_):
        fcntl.flock(self.handle, fcntl.LOCK_UN)
        os.close(self.handle)


def is_fresh(target, metadata):
    """The hub's rule: the metadata counts unless the file is newer than it says."""
    try:
        with open(metadata) as stream:
            stamp = float(stream.read().split()[2])
        return os.stat(target).st_mtime - 1 <= stamp
    except FileNotFoundError:
        return False


def download(source, target, workers=8):
    """Returns the names of the files that were downloaded."""
    cache = os.path.join(target, ".cache", "huggingface", "download")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "..", "CACHEDIR.TAG"), "w") as stream:
        stream.write("Signature: 8a477f597d28d172789f06886806bc55\n")
    fetched = []

    def one(name):
        final, metadata = os.path.join(target, name), os.path.join(cache, name + ".metadata")
        with Lock(os.path.join(cache, name + ".lock")):
            if is_fresh(final, metadata):
                return
        with Lock(os.path.join(cache, name + ".lock")):
            part = os.path.join(cache, "abc.%s.%s.incomplete" % (name, uuid.uuid4().hex[:8]))
            size = os.path.getsize(os.path.join(source, name))
            facts = os.statvfs(cache)
            assert facts.f_bavail * facts.f_frsize > size, "statfs shows too little space"
            with open(part, "wb") as writer, open(os.path.join(source, name), "rb") as reader:
                while piece := reader.read(10 * MIB):
                    writer.write(piece)
                assert writer.tell() == size
            probe = os.path.join(target, "tmp_" + uuid.uuid4().hex)
            open(probe, "w").close()
            mode = os.stat(probe).st_mode & 0o777
            os.unlink(probe)
            os.chmod(part, mode)
            os.replace(part, final)
        with Lock(os.path.join(cache, name + ".lock")):
            with open(metadata, "w") as stream:
                stream.write("commit\netag\n%f\n" % time.time())
        require_same(os.path.join(source, name), final, "huggingface_hub")
        fetched.append(name)

    names = sorted(n for n in os.listdir(source) if os.path.isfile(os.path.join(source, n)))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for result in [pool.submit(one, name) for name in names]:
            result.result()
    return fetched


if __name__ == "__main__":
    download(*sys.argv[1:3])
