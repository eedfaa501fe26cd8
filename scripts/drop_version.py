#!/usr/bin/env python3
"""Lets a shared library load without a version of another library that only one symbol needs.

Usage: drop_version.py LIBRARY VERSION SYMBOL

The record of VERSION (in the version table of a 64-bit little-endian ELF file) becomes one of an older version that
the library needs anyway. SYMBOL then cannot be found, which matters only when it is called, because libraries are
bound lazily. Refuses (exit status 1) when other symbols need VERSION. An absent VERSION is no error.
"""
import struct
import sys

SHT_DYNSYM, SHT_GNU_VERNEED, SHT_GNU_VERSYM = 11, 0x6ffffffe, 0x6fffffff


def sections(data):
    """type -> (offset, size, offset of the linked string table)"""
    start, = struct.unpack_from("<Q", data, 0x28)
    entry, count = struct.unpack_from("<HH", data, 0x3a)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, start + i * entry) for i in range(count)]
    return {h[1]: (h[4], h[5], headers[h[6]][4]) for h in headers
            if h[1] in (SHT_DYNSYM, SHT_GNU_VERNEED, SHT_GNU_VERSYM)}


def text(data, offset):
    return data[offset:data.index(b"\0", offset)].decode()


def needed_versions(data, table):
    """Yields (offset of the record, version index, name)."""
    need, _, strings = table
    while True:
        _, count, _, first, following = struct.unpack_from("<HHIII", data, need)
        at = need + first
        for _ in range(count):
            _, _, index, name, step = struct.unpack_from("<IHHII", data, at)
            yield at, index & 0x7fff, text(data, strings + name)
            at += step
        if following == 0:
            return
        need += following


def main():
    path, version, symbol = sys.argv[1:]
    with open(path, "rb") as stream:
        data = bytearray(stream.read())
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit("%s is not a 64-bit little-endian ELF file" % path)
    tables = sections(data)
    family = version.rsplit("_", 1)[0] + "_"
    everything = list(needed_versions(data, tables[SHT_GNU_VERNEED]))
    records = [(at, index) for at, index, name in everything if name == version]
    others = [at for at, _, name in everything if name.startswith(family) and name != version]
    if records and not others:
        sys.exit("%s needs no other version of that library" % path)
    symbols, size, strings = tables[SHT_DYNSYM]
    versions = tables[SHT_GNU_VERSYM][0]
    for at, index in records:
        for number in range(size // 24):
            if struct.unpack_from("<H", data, versions + 2 * number)[0] & 0x7fff != index:
                continue
            name = text(data, strings + struct.unpack_from("<I", data, symbols + 24 * number)[0])
            if name != symbol:
                sys.exit("%s: %s needs %s too" % (path, name, version))
        for field in 0, 8:  # its hash and its name
            data[at + field:at + field + 4] = data[others[0] + field:others[0] + field + 4]
    with open(path, "r+b") as stream:
        stream.write(data)


if __name__ == "__main__":
    main()
