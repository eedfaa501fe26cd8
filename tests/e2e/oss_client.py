"""A few OSS requests for the tests, signed with V1, path style. Standard library only.

Independent of the product's own signing, so that both must be right.
"""
import base64
import contextlib
import hashlib
import hmac
import http.client
import os
import time
import urllib.parse
import xml.etree.ElementTree
from email.utils import formatdate

SIGNED_PARAMETERS = {"uploads", "uploadId", "partNumber", "objectMeta", "symlink", "append",
                     "position", "delete", "continuation-token"}


class OssError(Exception):
    def __init__(self, status, body):
        super().__init__("HTTP %d: %s" % (status, body[:300]))
        self.status = status


class OssClient:
    def __init__(self, host, port, bucket, key_id, key_secret):
        self.host, self.port, self.bucket = host, port, bucket
        self.key_id, self.key_secret = key_id, key_secret.encode()

    def request(self, method, key, parameters=None, body=None, headers=None, connection=None):
        """Returns (status, headers, body) of the answer; raises OssError from 300 on. A connection that is given is
        used and kept."""
        if isinstance(key, str):
            key = key.encode("utf-8", "surrogateescape")
        headers = dict(headers or {})
        headers["Date"] = formatdate(usegmt=True)
        if body is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        signed = sorted((n, v) for n, v in (parameters or {}).items() if n in SIGNED_PARAMETERS)
        resource = ("/%s/" % self.bucket).encode() + key
        if signed:
            resource += b"?" + "&".join(n if v is None else "%s=%s" % (n, v)
                                        for n, v in signed).encode()
        own = "".join("%s:%s\n" % (n.lower(), headers[n])
                      for n in sorted(headers, key=str.lower) if n.lower().startswith("x-oss-"))
        text = "\n".join([method, headers.get("Content-MD5", ""), headers.get("Content-Type", ""),
                          headers["Date"], own]).encode() + resource
        headers["Authorization"] = "OSS %s:%s" % (self.key_id, self._sign(text))
        path = "/%s/%s" % (self.bucket, urllib.parse.quote(key, safe="/~"))
        if parameters:
            path += "?" + "&".join(
                n if v is None else "%s=%s" % (n, urllib.parse.quote(str(v), safe=""))
                for n, v in parameters.items())
        used = connection or self.connect()
        try:
            used.request(method, path, body=body, headers=headers)
            answer = used.getresponse()
            data = answer.read()
            if answer.status >= 300:
                raise OssError(answer.status, data.decode(errors="replace"))
            return answer.status, dict((n.lower(), v) for n, v in answer.getheaders()), data
        finally:
            if connection is None:
                used.close()

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def _sign(self, text):
        digest = hmac.new(self.key_secret, text, hashlib.sha1).digest()
        return base64.b64encode(digest).decode()

    def presigned(self, key, seconds=3600, method="GET"):
        """A URL that any download (or upload) program can use without a key."""
        expires = int(time.time()) + seconds
        text = "%s\n\n\n%d\n/%s/%s" % (method, expires, self.bucket, key)
        return "http://%s:%d/%s/%s?%s" % (
            self.host, self.port, self.bucket, urllib.parse.quote(key), urllib.parse.urlencode(
                {"OSSAccessKeyId": self.key_id, "Expires": expires,
                 "Signature": self._sign(text.encode())}))

    def put(self, key, data=b"", **headers):
        return self.request("PUT", key, body=data,
                            headers={n.replace("_", "-"): v for n, v in headers.items()})[1]

    def put_file(self, key, path):
        """A file of any size up to 5 GiB, sent as it is read."""
        with open(path, "rb") as stream:
            return self.request("PUT", key, body=stream,
                                headers={"Content-Length": str(os.path.getsize(path))})[1]

    def get(self, key):
        return self.request("GET", key)[2]

    def head(self, key):
        """The headers, or None when there is no such object."""
        try:
            return self.request("HEAD", key)[1]
        except OssError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, key):
        self.request("DELETE", key)

    def keys(self, prefix=""):
        """All keys (as text, undecodable bytes escaped) -> size."""
        result, token = {}, None
        while True:
            parameters = {"list-type": "2", "max-keys": "1000", "encoding-type": "url",
                          "prefix": prefix}
            if token:
                parameters["continuation-token"] = token
            root = _parse(self.request("GET", "", parameters)[2])
            for item in root.iter("Contents"):
                raw = urllib.parse.unquote_to_bytes(item.findtext("Key"))
                result[raw.decode("utf-8", "surrogateescape")] = int(item.findtext("Size"))
            token = root.findtext("NextContinuationToken")
            if root.findtext("IsTruncated") != "true" or not token:
                return result

    def pages(self, prefix):
        """The list answers of one folder as they came, one after the other over one connection: what a listing costs
        at least."""
        parameters = {"list-type": "2", "max-keys": "1000", "encoding-type": "url", "prefix": prefix,
                      "delimiter": "/"}
        with contextlib.closing(self.connect()) as connection:
            while True:
                body = self.request("GET", "", parameters, connection=connection)[2]
                yield body
                token = body.partition(b"<NextContinuationToken>")[2].partition(b"<")[0].decode()
                if not token:
                    return
                parameters["continuation-token"] = token

    def uploads(self):
        """Keys of the multipart uploads that are open."""
        root = _parse(self.request("GET", "", {"uploads": None})[2])
        return [item.findtext("Key") for item in root.iter("Upload")]


def _parse(data):
    root = xml.etree.ElementTree.fromstring(data)
    for element in root.iter():  # without name spaces the paths stay short
        element.tag = element.tag.split("}")[-1]
    return root
