"""A Hugging Face Hub of one repository, from a folder: what huggingface_hub asks for to download it.

The revision's file list, and HEAD and GET of each file with Range, ETag and the X-Linked headers of large files, which
the client believes for their size and hash. Counts what it sends, so that a test sees what was downloaded twice.
"""
import hashlib
import http.server
import json
import os
import re
import threading
import urllib.parse

COMMIT = hashlib.sha1(b"the only revision").hexdigest()
LARGE_BYTES = 1 << 20  # the Hub keeps these in LFS and names them by SHA-256
PIECE_BYTES = 1 << 20


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


class Hub:
    """Serves `folder` as repository `name` until it is closed."""

    def __init__(self, folder, name="models/one"):
        self.folder, self.name = folder, name
        self.lock = threading.Lock()
        self.sent_bytes = 0
        self.gets = 0
        self.hashes = {}
        for root, _, names in os.walk(folder):
            for file in names:
                path = os.path.join(root, file)
                self.hashes[os.path.relpath(path, folder)] = sha256_of(path)
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.endpoint = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, size):
        with self.lock:
            self.sent_bytes += size

    def take_counts(self):
        """(GETs of files, bytes of them) since the last call."""
        with self.lock:
            counts = self.gets, self.sent_bytes
            self.gets = self.sent_bytes = 0
            return counts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def info(self):
        body = json.dumps({
            "id": self.hub.name, "modelId": self.hub.name, "sha": COMMIT, "private": False, "tags": [],
            "downloads": 0, "likes": 0, "siblings": [{"rfilename": name} for name in sorted(self.hub.hashes)],
        }).encode()
        self.answer(200, {"Content-Type": "application/json", "Content-Length": len(body)}, body)

    def tree(self):
        entries = []
        for name, digest in sorted(self.hub.hashes.items()):
            size = os.path.getsize(os.path.join(self.hub.folder, name))
            entry = {"type": "file", "path": name, "size": size, "oid": digest[:40]}
            if size >= LARGE_BYTES:
                entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
            entries.append(entry)
        body = json.dumps(entries).encode()
        self.answer(200, {"Content-Type": "application/json", "Content-Length": len(body)}, body)

    def file(self, name):
        digest = self.hub.hashes.get(name)
        if digest is None:
            return self.answer(404, {"X-Error-Code": "EntryNotFound", "Content-Length": 0})
        path = os.path.join(self.hub.folder, name)
        size = os.path.getsize(path)
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes", "ETag": '"%s"' % digest[:40]}
        if size >= LARGE_BYTES:
            headers.update({"X-Linked-Size": size, "X-Linked-ETag": '"%s"' % digest, "ETag": '"%s"' % digest})
        begin, end, status = 0, size, 200
        wanted = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        if wanted:
            begin, status = int(wanted[1]), 206
            end = min(size, int(wanted[2]) + 1) if wanted[2] else size
            if begin >= size:
                return self.answer(416, {"Content-Range": "bytes */%d" % size, "Content-Length": 0})
            headers["Content-Range"] = "bytes %d-%d/%d" % (begin, end - 1, size)
        headers["Content-Length"] = end - begin
        self.answer(status, headers)
        if self.command == "GET":
            with self.hub.lock:
                self.hub.gets += 1
            self.send_range(path, begin, end)

    def send_range(self, path, begin, end):
        with open(path, "rb") as stream:
            stream.seek(begin)
            while begin < end:
                piece = stream.read(min(PIECE_BYTES, end - begin))
                try:
                    self.wfile.write(piece)
                except OSError:  # the client was killed
                    self.close_connection = True
                    return
                self.hub.count(len(piece))
                begin += len(piece)

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        resolve = re.match("/%s/resolve/[^/]+/(.+)$" % re.escape(self.hub.name), path)
        if resolve:
            self.file(resolve[1])
        elif path.startswith("/api/models/%s/tree/" % self.hub.name):
            self.tree()
        elif path.startswith("/api/models/" + self.hub.name):
            self.info()
        else:
            self.answer(404, {"Content-Length": 0})

    do_HEAD = do_GET
