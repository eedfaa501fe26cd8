"""What a file that is replaced again and again may be for whoever reads it: which versions exist, and to which of them
belongs what was read. For replaced.py.
"""
import array
import mmap
import struct
import time

PAGE = 4096
VERSIONS = 4000  # of one file, at most


def content(number, version, offset, count):
    """Words of 8 bytes: version (2 bytes), file, and their place. Offsets are multiples of 8."""
    first, last = offset // 8, (offset + count + 7) // 8
    low = number << 16 | version
    return array.array("Q", range(first << 24 | low, last << 24 | low, 1 << 24)).tobytes()[:count]


class Versions:
    """Of one file, shared by all processes: which versions exist, and how large they are."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 16 + 16 * VERSIONS)  # begun, done, passes, refused ones; size and time of each

    def count(self, refused):
        """Nearly: processes count at once."""
        for place in (8, 12) if refused else (8,):
            struct.pack_into("<I", self.memory, place, struct.unpack_from("<I", self.memory, place)[0] + 1)

    def numbers(self):
        return struct.unpack_from("<II", self.memory, 0)

    def of(self, version):
        return struct.unpack_from("<Qd", self.memory, 16 + 16 * version)

    def begin(self, version, size):
        struct.pack_into("<Qd", self.memory, 16 + 16 * version, size, 0.0)
        struct.pack_into("<I", self.memory, 0, version)

    def end(self, version):
        struct.pack_into("<d", self.memory, 24 + 16 * version, time.monotonic())
        struct.pack_into("<I", self.memory, 4, version)

    def oldest(self, believed_s):
        """The oldest version that an open now may find."""
        version = self.numbers()[1]
        while version > 1 and believed_s > 0 and self.of(version)[1] > time.monotonic() - believed_s:
            version -= 1
        return version


class Pass:
    """One handle of one file, from its open to its close."""

    def __init__(self, number, ways, versions, believed_s, strict):
        self.number, self.versions, self.ways = number, versions, ways.split()
        self.strict = (strict or self.ways == ["rename"]) and "rewrite" not in self.ways
        if len(self.ways) > 1:  # what another client stores while the name is taken here is not asked for
            believed_s = max(believed_s, 1.3)
        self.oldest = versions.oldest(believed_s if "other" in self.ways else 0)
        self.candidates = None  # of a strict one

    def window(self):
        return range(self.oldest, self.versions.numbers()[0] + 1)

    def replaced(self):
        return len(self.window()) > 1 and "other" in self.ways

    def fits(self, version, offset, data, count):
        size = self.versions.of(version)[0]
        rewritten = "rewrite" in self.ways and len(self.window()) > 1
        if not data:
            return count == 0 or offset >= size or rewritten
        if offset + len(data) <= size:
            return data == content(self.number, version, offset, len(data))
        # A reader that has the last page of a file in hand while it is written anew in place copies up to the new end.
        return rewritten and offset < size and \
            data == content(self.number, version, offset, size - offset) + bytes(offset + len(data) - size)

    def check(self, offset, data, count):
        window = self.window()
        if self.strict:
            among = [v for v in (window if self.candidates is None else self.candidates | set(window))
                     if (self.candidates is None or v in self.candidates) and self.fits(v, offset, data, count)]
            # Those that begin later are candidates only as long as nothing was read.
            self.candidates = set(among)
            good = bool(among)
        else:
            edges = [0, *range(-offset % PAGE or PAGE, len(data), PAGE), len(data)]
            good = all(any(self.fits(v, offset + at, data[at:end], count) for v in window)
                       for at, end in zip(edges, edges[1:]))
        if not good:
            low = [struct.unpack_from("<H", data, at)[0] for at in range(0, len(data) - 1, PAGE)]
            raise AssertionError(
                "file %d at %d: %d bytes of %d are not those of %s (sizes %s); versions in its pages: %s, before %s"
                % (self.number, offset, len(data), count, window, [self.versions.of(v)[0] for v in window], low[:20],
                   self.candidates))
