"""The bytes that the tests write, and whether the same ones come back. Part of harness.

Content: 1 MiB blocks that depend on the seed and on their place, so that a
block in the wrong file or at the wrong offset is noticed. Cheap to make.
"""
import hashlib
import os
import random

MIB = 1 << 20

_bases = {}


def block(seed, index, size=MIB):
    if seed not in _bases:
        if len(_bases) > 64:
            _bases.clear()
        _bases[seed] = random.Random("block-%s" % (seed,)).randbytes(MIB - 16)
    return (index.to_bytes(16, "little") + _bases[seed])[:size]


def content(seed, size):
    """The bytes of a file of this size, as pieces of 1 MiB and a rest."""
    for index in range((size + MIB - 1) // MIB):
        yield block(seed, index, min(MIB, size - index * MIB))


def payload(seed, size):
    return b"".join(content(seed, size))


def write_file(path, seed, size, mode="wb"):
    with open(path, mode, buffering=0) as stream:
        for piece in content(seed, size):
            write_all(stream, piece)


def write_all(stream, data):
    view = memoryview(data)
    while view:
        view = view[stream.write(view):]


def check_file(path, seed, size):
    """Raises unless the file has exactly these bytes."""
    with open(path, "rb", buffering=0) as stream:
        for index, piece in enumerate(content(seed, size)):
            got = b""
            while len(got) < len(piece):
                more = stream.read(len(piece) - len(got))
                if not more:
                    raise AssertionError("%s ends at %d, not at %d"
                                         % (path, index * MIB + len(got), size))
                got += more
            if got != piece:
                raise AssertionError("%s differs in its MiB number %d" % (path, index))
        if stream.read(1):
            raise AssertionError("%s is longer than %d" % (path, size))


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while piece := stream.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def tree_hashes(root):
    """Relative path -> hash of every file, link target of every link, '' for folders."""
    result = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, root)
            if os.path.islink(path):
                result[key] = "-> " + os.readlink(path)
            elif os.path.isdir(path):
                result[key] = ""
            else:
                result[key] = sha256(path)
    return result
