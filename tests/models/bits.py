"""Random weights that are cheap to make and always finite.

The exponent bits of every number are pinned, so that no value is huge, NaN or
infinite. The same seed gives the same bytes. Standard library only.
"""
import hashlib
import random
import struct

MIB = 1 << 20

# name -> (bytes of a block, bits kept of the random ones, bits set)
KINDS = {
    "F32": (4, struct.pack("<I", 0x81FFFFFF), struct.pack("<I", 0x3A000000)),
    "F16": (2, struct.pack("<H", 0x8FFF), struct.pack("<H", 0x2000)),
    "BF16": (2, struct.pack("<H", 0x81FF), struct.pack("<H", 0x3A00)),
    "F8_E4M3": (1, b"\x9f", b"\x20"),
    "Q8_0": (34, struct.pack("<H", 0x03FF) + b"\xff" * 32, struct.pack("<H", 0x0400) + bytes(32)),
}
_bases = {}


def _base(kind, seed):
    """One piece of about 1 MiB of masked random blocks."""
    if (kind, seed) not in _bases:
        width, keep, pinned = KINDS[kind]
        count = MIB // width
        bits = random.Random("%s/%s" % (seed, kind)).getrandbits(count * width * 8)
        bits &= int.from_bytes(keep * count, "little")
        bits |= int.from_bytes(pinned * count, "little")
        _bases[kind, seed] = bits.to_bytes(count * width, "little")
    return _bases[kind, seed]


def pieces(kind, size, seed, name):
    """The bytes of one tensor: the base piece, rotated differently for each piece."""
    base, width = _base(kind, seed), KINDS[kind][0]
    digest = hashlib.sha256(("%s/%s" % (seed, name)).encode()).digest()
    turn, step = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:12], "little") | 1
    while size > 0:
        at = turn % (len(base) // width) * width
        piece = base[at:] + base[:at]
        yield piece if size >= len(piece) else piece[:size]
        size -= len(piece)
        turn += step


def size_of(text):
    """'256M' -> bytes."""
    unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text)
