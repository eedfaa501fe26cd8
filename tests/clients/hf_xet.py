"""hf_xet: many writers at random offsets (1.1 and 1.2), or one writer (from 1.3).

  hf_xet.py SOURCE TARGET

In both cases the Python side holds a write handle of its own on the same path:
opened first, never written, closed last.
"""
import concurrent.futures
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, command_line, pwrite_all, require_same  # noqa: E402


def download_random(source, target, writers=32, chunk=MIB + 4321, seed=1):
    size = os.path.getsize(source)
    with open(target, "wb"):  # the idle handle
        offsets = list(range(0, size, chunk))
        random.Random(seed).shuffle(offsets)

        def one(offset):
            handle = os.open(target, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                with open(source, "rb") as reader:
                    reader.seek(offset)
                    pwrite_all(handle, reader.read(chunk), offset)
            finally:
                os.close(handle)

        with concurrent.futures.ThreadPoolExecutor(writers) as pool:
            for result in [pool.submit(one, offset) for offset in offsets]:
                result.result()
    require_same(source, target, "hf_xet random")


def download_sequential(source, target):
    with open(target, "wb"):
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with open(source, "rb") as reader:
            while buffers := [b for b in (reader.read(256 * 1024) for _ in range(24)) if b]:
                wanted = sum(map(len, buffers))
                done = os.writev(handle, buffers)
                if done < wanted:  # short writev: the rest plainly
                    rest = b"".join(buffers)[done:]
                    while rest:
                        rest = rest[os.write(handle, rest):]
        os.close(handle)
    require_same(source, target, "hf_xet sequential")


if __name__ == "__main__":
    command_line(download_random)
