"""hf_transfer: up to 100 tasks; each opens the file, seeks, writes one chunk, closes.

  hf_transfer.py SOURCE TARGET

The order is random, and handles are closed while the file is still being filled.
"""
import concurrent.futures
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, command_line, require_same  # noqa: E402


def download(source, target, tasks=100, chunk=10 * MIB, seed=2):
    size = os.path.getsize(source)
    part = target + ".incomplete"
    offsets = list(range(0, size, chunk))
    random.Random(seed).shuffle(offsets)
    open(part, "wb").close()

    def one(offset):
        with open(source, "rb") as reader, open(part, "r+b", buffering=0) as writer:
            reader.seek(offset)
            data = memoryview(reader.read(chunk))
            writer.seek(offset)
            while data:
                data = data[writer.write(data):]

    with concurrent.futures.ThreadPoolExecutor(tasks) as pool:
        for result in [pool.submit(one, offset) for offset in offsets]:
            result.result()
    os.chmod(part, 0o644)
    os.rename(part, target)
    require_same(source, target, "hf_transfer")


if __name__ == "__main__":
    command_line(download)
