"""safetensors >= 0.8 save_file: O_EXCL, truncate to the full size, write in order, rename.

  safetensors_save.py SOURCE TARGET
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from clients.common import MIB, command_line, require_same, write_all  # noqa: E402


def save(source, target):
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, ".tmp%s-%d" % (name, os.getpid()))
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.ftruncate(handle, os.path.getsize(source))
    with open(source, "rb") as reader:
        while piece := reader.read(MIB):
            write_all(handle, piece)
    os.close(handle)
    os.rename(temporary, target)
    os.chmod(target, 0o644)
    require_same(source, target, "safetensors save")


if __name__ == "__main__":
    command_line(save)
