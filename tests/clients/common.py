"""What the replay programs share."""
import hashlib
import os

MIB = 1 << 20


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while piece := stream.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def write_all(handle, data):
    """write() until all is written."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view):]


def pwrite_all(handle, data, offset):
    view = memoryview(data)
    while view:
        count = os.pwrite(handle, view, offset)
        view, offset = view[count:], offset + count


def require_same(source, target, what):
    if digest_of(source) != digest_of(target):
        raise AssertionError("%s: %s differs from %s" % (what, target, source))


def command_line(download):
    """main() of a replay program: NAME.py SOURCE TARGET."""
    import sys
    if len(sys.argv) != 3:
        sys.exit("usage: %s SOURCE TARGET" % os.path.basename(sys.argv[0]))
    download(sys.argv[1], sys.argv[2])
