"""A download that is resumed by its own log: ranges in random order, by many threads, through one handle each.

  ranges.py SOURCE TARGET LOG

LOG (not on the mount) names the ranges whose writes returned; a second run trusts it and fetches only the others.
"""
import concurrent.futures
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, pwrite_all, require_same  # noqa: E402


def download(source, target, log, threads=8, chunk=MIB + 4321):
    size = os.path.getsize(source)
    part = target + ".incomplete"
    done = set()
    if os.path.exists(part) and os.path.exists(log):
        with open(log) as stream:
            done = {int(line) for line in stream if line.endswith("\n")}
    mine = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(mine, size)
    notes = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    offsets = [offset for offset in range(0, size, chunk) if offset not in done]
    random.shuffle(offsets)

    def one(offset):
        handle = os.open(part, os.O_WRONLY)
        with open(source, "rb") as reader:
            reader.seek(offset)
            pwrite_all(handle, reader.read(chunk), offset)
        os.write(notes, b"%d\n" % offset)  # before close(), which stores
        os.close(handle)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for result in [pool.submit(one, offset) for offset in offsets]:
            result.result()
    os.close(mine)
    os.rename(part, target)
    require_same(source, target, "ranges")


if __name__ == "__main__":
    download(*sys.argv[1:4])
