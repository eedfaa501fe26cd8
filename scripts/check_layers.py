#!/usr/bin/env python3
"""Checks which part of the project includes which.

Dependencies run downward only: base < http < oss < data < fs < fuse < cli.
The server is a program of its own: it may use base and the pure parts of the
protocol (signing and encoding of oss). So is the launcher of the packages, which
may use nothing of ours. Inside a layer the folders have an
order too (FOLDERS). Each system library is known to one
place only. Prints a note, not an error, for a file over 500 lines, and for a line
of C++ over 120 columns.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYERS = ["base", "http", "oss", "data", "fs", "fuse", "cli"]
SERVER_MAY_USE_OF_OSS = {"oss/signing/%s.h" % name for name in ("signing", "s3_signing", "encoding")}

# Folders inside a layer; "" is the layer's own. Each may use those before it.
FOLDERS = {
    "base": ["values", "time", "threads", "machine", "report"],
    "http": ["message", "net", "transport", "client", "curl", "lean", ""],
    "oss": ["signing", "credentials", "protocol", "exchange", "operations", "", "fakes"],
    "data": ["", "memory",
             "read/shared", "read/chunks", "read/fetch", "read/pages", "read/plan", "read/file", "read",
             "journal", "staging", "upload", "recovery", "content", "incoming", "write"],
    "fs": ["handles", "tree", "shared", "lookup", "attributes", "files", "names", ""],
    "fuse": ["session", "notices", "operations", ""],
    "cli": ["admin", "options", "reference", "settings", "mounts", "daemon", "", "commands"],
    "server": ["storage", "transport", "exchange", "auth", "operations", ""],
    "launcher": [""],
}

# Halves of a layer that know nothing of each other, whatever the order; by the first part of a folder's path.
APART = {
    "data": [{"read"}, {"journal", "staging", "upload", "recovery", "content", "incoming", "write"}],
}

# The lowest layer that may use each public header.
PUBLIC_HEADERS = {
    "ossfs2/status.h": "base",
    "ossfs2/landing.h": "data",
    "ossfs2/read_reply.h": "data",
    "ossfs2/object_store.h": "oss",
    "ossfs2/file_system.h": "fs",
}

# Header of a library -> (layers, or folders of one, that know it, only in .cc files?)
LIBRARIES = [
    (re.compile(r"^(fuse3?/|fuse_|fuse\.h|linux/fuse\.h)"), {"fuse"}, False),
    (re.compile(r"^curl/"), {"http/curl"}, False),
    (re.compile(r"^spdlog/"), {"base"}, True),
    (re.compile(r"^CLI/"), {"cli", "server"}, True),
    (re.compile(r"^nlohmann/"), {"base", "oss", "data", "fs", "cli", "server"}, True),
    (re.compile(r"^pugixml"), {"oss", "server"}, True),
    (re.compile(r"^openssl/"), {"http/transport", "oss", "cli", "server"}, True),
    (re.compile(r"^(isa-l|isal/|crc64)"), {"base"}, True),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
MAX_LINES = 500
MAX_COLUMNS = 120


def sources():
    """(path below the root, layer) of every source and header of the product."""
    for top in ("src", "include"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cc")):
                    path = os.path.relpath(os.path.join(folder, name), ROOT)
                    parts = path.split(os.sep)
                    layer = parts[1] if top == "src" else PUBLIC_HEADERS.get(
                        "/".join(parts[1:]), "fs")
                    yield path, layer


def may_use(layer, header):
    """None if a file of `layer` may include our `header`, else the reason."""
    first = header.split("/")[0]
    if layer == "server":
        if first in ("base", "server") or header in SERVER_MAY_USE_OF_OSS:
            return None
        if header == "ossfs2/status.h":
            return None
        return "the server may use base and %s only" % ", ".join(sorted(SERVER_MAY_USE_OF_OSS))
    if layer == "launcher":
        return None if first == "launcher" else "the launcher runs without a C library"
    if first == "launcher":
        return "the launcher is a program of its own"
    if first == "ossfs2":
        lowest = PUBLIC_HEADERS.get(header, "fs")
        if LAYERS.index(layer) < LAYERS.index(lowest):
            return "%s is for %s and above" % (header, lowest)
        return None
    if first == "server":
        return "the client shares nothing of the server"
    if first in LAYERS and LAYERS.index(first) > LAYERS.index(layer):
        return "%s lies above %s" % (first, layer)
    return None


def folder_of(path):
    """The folder of a source inside its layer; "" is the layer's own."""
    return "/".join(os.path.dirname(path).split(os.sep)[2:])


def folder_may_use(path, layer, header):
    """None if a file may include a header of another folder of its layer, else the reason."""
    order = FOLDERS.get(layer, [""])
    parts = header.split("/")
    if parts[0] != layer:
        return None
    own = folder_of(path)
    other = "/".join(parts[1:-1])
    for folder in (own, other):
        if folder not in order:
            return "the folder '%s' of %s is not in FOLDERS of check_layers.py" % (folder, layer)
    for half in APART.get(layer, []):
        if own.split("/")[0] in half and any(other.split("/")[0] in apart for apart in APART[layer] if apart != half):
            return "in %s, %s and %s know nothing of each other" % (layer, own, other)
    if order.index(other) > order.index(own):
        return "in %s, %s comes before %s" % (layer, own or "the top folder", other or "the top folder")
    return None


def check_file(path, layer, lines):
    problems = []
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header, reason = match[2], None
        if match[1] == '"':
            if "/" not in header and header not in ("isa-l.h", "crc64.h"):
                reason = "name our headers from src/ or include/ (\"layer/file.h\")"
            else:
                reason = may_use(layer, header) or folder_may_use(path, layer, header)
        for pattern, layers, source_only in LIBRARIES:
            if match[1] == "<" and pattern.match(header):
                if layer not in layers and "%s/%s" % (layer, folder_of(path)) not in layers:
                    reason = "<%s> is for %s only" % (header, ", ".join(sorted(layers)))
                elif source_only and path.endswith(".h"):
                    reason = "<%s> belongs into a .cc file (compile time)" % header
        if reason:
            problems.append("%s:%d: includes %s: %s" % (path, number, header, reason))
    return problems


def main():
    problems, notes, count = [], [], 0
    for path, layer in sources():
        count += 1
        if layer not in LAYERS + ["server", "launcher"]:
            problems.append("%s: '%s' is no layer (%s, server, launcher)" % (path, layer, ", ".join(LAYERS)))
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
            lines = stream.readlines()
        problems += check_file(path, layer, lines)
        if len(lines) > MAX_LINES:
            notes.append("note: %s has %d lines (more than %d)" % (path, len(lines), MAX_LINES))
        notes += ["note: %s:%d has more than %d columns" % (path, number, MAX_COLUMNS)
                  for number, line in enumerate(lines, 1) if len(line.rstrip("\n")) > MAX_COLUMNS]
    for line in notes + problems:
        print(line)
    print("%d files checked, %d wrong includes" % (count, len(problems)))
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main())
