"""ModelScope's downloads, call by call.

  modelscope.py SOURCE_FOLDER TARGET_FOLDER [old|new|parallel [MIB]]

"old" is up to 1.37: a temporary name opened for append, hashed while written,
renamed, and an index rewritten after every file. "new" is from 1.38 on: an
.incomplete file, renamed, then read whole for its SHA-256. "parallel" is
MODELSCOPE_DOWNLOAD_PARALLELS: part files (of so many MiB) that are merged.
A second run goes on at the end of what the first one left.
"""
import concurrent.futures
import fcntl
import hashlib
import os
import pickle
import sys
import tempfile
import threading

MIB = 1 << 20
_index_lock = threading.Lock()


def _files(source):
    return sorted(n for n in os.listdir(source) if os.path.isfile(os.path.join(source, n)))


def _probe(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _each(work, names, workers):
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for result in [pool.submit(work, name) for name in names]:
            result.result()


def download_old(source, target, workers=8, stop_after=None):
    """stop_after: each file ends after so many bytes, as an interrupted run does."""
    for name in (".msc", ".mdl", ".mv"):
        _probe(os.path.join(target, name))
    temporary = os.path.join(target, "._____temp")
    os.makedirs(temporary, exist_ok=True)
    index = {}

    def one(name):
        part = os.path.join(temporary, name)
        origin = os.path.join(source, name)
        size, digest = os.path.getsize(origin), hashlib.sha256()
        done = _probe(part) or 0
        if done:  # resume: the size by seek, and the hash of what is there
            with open(part, "rb") as stream:
                assert stream.seek(0, os.SEEK_END) == done
                stream.seek(0)
                while piece := stream.read(MIB):
                    digest.update(piece)
        if size == 0:
            open(part, "w+").close()
        else:
            with open(origin, "rb") as reader, open(part, "ab+") as writer:
                reader.seek(done)
                os.fstat(writer.fileno())
                writer.seek(0, os.SEEK_END)
                while piece := reader.read(MIB):
                    writer.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    if stop_after and done >= stop_after:
                        return
        with open(origin, "rb") as reader:
            assert hashlib.sha256(reader.read()).hexdigest() == digest.hexdigest(), name
        final = os.path.join(target, name)
        _probe(final)
        os.rename(part, final)
        assert os.stat(final).st_size == size
        with _index_lock:
            index[name] = digest.hexdigest()
            handle, path = tempfile.mkstemp(prefix="tmp", suffix=".tmp", dir=target)
            with os.fdopen(handle, "wb") as stream:
                pickle.dump(index, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(path, os.path.join(target, ".msc"))

    _each(one, _files(source), workers)
    with open(os.path.join(target, ".mv"), "w") as stream:
        stream.write("Revision:master,CreatedAt:1700000000")


def download_new(source, target, workers=4, stop_after=None, progress=None, verified=None):
    """progress(bytes) is called for each piece written, verified(bytes) for each read back."""
    def one(name, locks):
        final, origin = os.path.join(target, name), os.path.join(source, name)
        with open(origin, "rb") as reader:
            wanted = hashlib.sha256(reader.read()).hexdigest()
        _probe(final)
        with open(os.path.join(locks, name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _probe(final)
            part = final + ".incomplete"
            done = _probe(part) or 0
            flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if done else os.O_TRUNC)
            handle = os.open(part, flags, 0o644)
            with os.fdopen(handle, "ab" if done else "wb") as writer, open(origin, "rb") as reader:
                reader.seek(done)
                while piece := reader.read(MIB):
                    writer.write(piece)
                    done += len(piece)
                    if progress:
                        progress(len(piece))
                    if stop_after and done >= stop_after:
                        return
            os.rename(part, final)
            digest = hashlib.sha256()
            with open(final, "rb") as stream:
                while piece := stream.read(MIB):
                    digest.update(piece)
                    if verified:
                        verified(len(piece))
            assert digest.hexdigest() == wanted, name

    with tempfile.TemporaryDirectory(prefix="modelscope-lock-") as locks:
        _each(lambda name: one(name, locks), _files(source), workers)


def download_parallel(source, target, parts=4, part_size=160 * MIB):
    for name in _files(source):
        origin, size = os.path.join(source, name), os.path.getsize(os.path.join(source, name))
        ranges = [(start, min(start + part_size, size)) for start in range(0, size, part_size)]
        names = {r: os.path.join(target, "%s_%d_%d" % (name, r[0], r[1] - 1)) for r in ranges}

        def one(span):
            with open(origin, "rb") as reader, open(names[span], "ab+") as writer:
                done = writer.seek(0, os.SEEK_END)
                reader.seek(span[0] + done)
                left = span[1] - span[0] - done
                while left:
                    piece = reader.read(min(MIB, left))
                    writer.write(piece)
                    left -= len(piece)

        _each(one, ranges, parts)
        merged, digest = os.path.join(target, "._merge_" + name), hashlib.sha256()
        with open(merged, "wb") as writer:
            for span in ranges:
                with open(names[span], "rb") as reader:
                    while piece := reader.read(16 * MIB):
                        digest.update(piece)
                        writer.write(piece)
                os.unlink(names[span])
        with open(origin, "rb") as reader:
            assert hashlib.sha256(reader.read()).hexdigest() == digest.hexdigest(), name
        os.rename(merged, os.path.join(target, name))


def main():
    source, target = sys.argv[1:3]
    kind = sys.argv[3] if len(sys.argv) > 3 else "new"
    more = {"part_size": int(sys.argv[4]) * MIB} if len(sys.argv) > 4 else {}
    {"old": download_old, "new": download_new, "parallel": download_parallel}[kind](source, target, **more)


if __name__ == "__main__":
    main()
