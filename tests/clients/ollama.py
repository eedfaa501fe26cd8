"""ollama pull: truncate to the full size, 16 threads at 16 offsets through one handle.

  ollama.py SOURCE TARGET

Beside it small JSON files with the state of each part, rewritten again and again. A second run believes them, and
goes on where they say.
"""
import concurrent.futures
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, command_line, pwrite_all, require_same  # noqa: E402


def download(source, target, parts=16):
    size = os.path.getsize(source)
    partial = target + "-partial"
    handle = os.open(partial, os.O_CREAT | os.O_RDWR, 0o644)
    os.ftruncate(handle, size)
    length = (size + parts - 1) // parts

    def state(number, done):
        with open("%s-%d" % (partial, number), "w") as stream:
            json.dump({"N": number, "Offset": number * length, "Completed": done}, stream)

    def completed(number):
        try:
            with open("%s-%d" % (partial, number)) as stream:
                return json.load(stream)["Completed"]
        except (FileNotFoundError, ValueError):  # new, or killed between its truncation and its text
            return 0

    def one(number):
        start = number * length
        end = min(size, start + length)
        done = completed(number)
        state(number, done)
        with open(source, "rb") as reader:
            reader.seek(start + done)
            for offset in range(start + done, end, MIB):
                pwrite_all(handle, reader.read(min(MIB, end - offset)), offset)
                state(number, min(MIB, end - offset) + offset - start)

    with concurrent.futures.ThreadPoolExecutor(parts) as pool:
        for result in [pool.submit(one, number) for number in range(parts)]:
            result.result()
    os.close(handle)
    for number in range(parts):
        os.unlink("%s-%d" % (partial, number))
    os.rename(partial, target)
    os.utime(target)
    require_same(source, target, "ollama")


if __name__ == "__main__":
    command_line(download)
