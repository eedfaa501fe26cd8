"""A mount by s3fs against ossfs2-server: files of all sizes, append, rename, listing, removal.
Usage: s3fs_client.py ENDPOINT BUCKET"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

ENDPOINT, BUCKET = sys.argv[1:3]


def use(mount):
    sizes = {"empty": 0, "small": 100, "middle": 3 << 20, "large": 26 << 20}
    data = {name: os.urandom(size) for name, size in sizes.items()}
    os.mkdir(mount + "/s3fs")
    for name, content in data.items():
        with open("%s/s3fs/%s file" % (mount, name), "wb") as file:
            file.write(content)
    for name, content in data.items():
        with open("%s/s3fs/%s file" % (mount, name), "rb") as file:
            assert file.read() == content, name
    with open(mount + "/s3fs/small file", "ab") as file:
        file.write(b"more")
    with open(mount + "/s3fs/small file", "rb") as file:
        assert file.read() == data["small"] + b"more"
    os.rename(mount + "/s3fs/large file", mount + "/s3fs/renamed")
    with open(mount + "/s3fs/renamed", "rb") as file:
        assert file.read() == data["large"]
    os.symlink("renamed", mount + "/s3fs/link")
    assert os.readlink(mount + "/s3fs/link") == "renamed"
    assert sorted(os.listdir(mount + "/s3fs")) == ["empty file", "link", "middle file", "renamed", "small file"]
    shutil.rmtree(mount + "/s3fs")
    assert not os.path.exists(mount + "/s3fs")


def main():
    with tempfile.TemporaryDirectory() as folder:
        mount, secret = folder + "/mnt", folder + "/passwd"
        os.mkdir(mount)
        with open(secret, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("test-id:test-secret\n")
        daemon = subprocess.Popen(["s3fs", BUCKET, mount, "-f", "-o", "url=" + ENDPOINT, "-o", "passwd_file=" + secret,
                                   "-o", "use_path_request_style", "-o", "endpoint=cn-hangzhou", "-o", "retries=1"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 15
            while not os.path.ismount(mount):
                assert daemon.poll() is None and time.monotonic() < until, "s3fs did not mount"
                time.sleep(0.05)
            use(mount)
        finally:
            subprocess.run(["fusermount", "-u", mount], stderr=subprocess.DEVNULL)
            daemon.terminate()
            daemon.wait(20)
    print("s3fs: ok")


main()
